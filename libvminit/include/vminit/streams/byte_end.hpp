// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/system/result.hpp>
#include <cerrno>
#include <cstddef>
#include <string_view>

#include "vminit/core/error.hpp"

namespace vminit::streams {

/// Where a copier takes bytes from, or puts them: reads and writes that never block.
class byte_end {
public:
    /// Moved bytes; 0 = end. Errors: `is_again`, `is_short_of_memory`, `is_away`, others as errno.
    virtual boost::system::result<std::size_t> read(char* into, std::size_t size) = 0;
    virtual boost::system::result<std::size_t> write(std::string_view bytes) = 0;

    /// One read may give less than there is.
    virtual bool is_read_piecemeal() const noexcept { return false; }

    /// Nobody has the other side open now, and somebody may open it again.
    virtual bool is_away(const error_code&) const noexcept { return false; }

    static bool is_again(const error_code& failure) noexcept {
        return failure.value() == EAGAIN || failure.value() == EWOULDBLOCK;
    }

    /// The kernel has no memory for it now: the end is as good as before.
    static bool is_short_of_memory(const error_code& failure) noexcept {
        return failure.value() == ENOMEM || failure.value() == ENOBUFS;
    }

protected:
    ~byte_end() = default;
};

}  // namespace vminit::streams
