// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "process/io_environment.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::process {

/// What a terminal prints, on its way to a regular file: one piece at a time is written by the pool, since a file never
/// says EAGAIN but waits for its disk.
class file_output : public std::enable_shared_from_this<file_output> {
public:
    file_output(io_environment& environment, unique_fd file);

    /// Takes all of `bytes` over. Errors: EAGAIN while a piece is on its way, ENOMEM, and what the last piece met.
    boost::system::result<std::size_t> write(std::string_view bytes);

    bool is_writing() const noexcept { return is_writing_; }

    /// Returns when the piece is written, or `poke` was called.
    awaitable<void> wait();
    void poke() { changed_.notify_all(); }

private:
    static awaitable<void> write_piece(std::shared_ptr<file_output> self, std::string piece);

    io_environment& environment_;
    blocking_service& pool_;
    std::shared_ptr<const unique_fd> file_;
    condition changed_;
    error_code failure_;
    bool is_writing_ = false;
};

}  // namespace vminit::process
