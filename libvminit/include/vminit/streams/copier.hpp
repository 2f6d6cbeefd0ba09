// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

#include "vminit/streams/byte_end.hpp"

namespace vminit::streams {

/// Bytes that went through all copiers of a buffer, delivered or thrown away; whoever steps counts.
struct copy_traffic {
    std::uint64_t input = 0;
    std::uint64_t output = 0;
};

/// The one buffer that all copiers of a kind read into. A step reads and writes without a suspension between, so one is enough; it is
/// made at the first byte, so that who copies nothing costs nothing.
class copy_buffer {
public:
    static constexpr std::size_t size = std::size_t{64} << 10;  ///< what a pipe holds, and one vsock packet

    /// Null without memory.
    char* data() noexcept {
        if (!bytes_) bytes_.reset(new (std::nothrow) char[size]);
        return bytes_.get();
    }

    /// Gives the memory away, with what is in it; the next `data` makes another.
    std::unique_ptr<char[]> release() noexcept { return std::move(bytes_); }

    copy_traffic traffic;

private:
    std::unique_ptr<char[]> bytes_;
};

/// What one step did, and so what to wait for.
enum class copy_outcome {
    moved,
    drained,  ///< moved, and the source had no more than that
    source_empty,
    source_away,  ///< a terminal that nobody has open now; somebody may open it again
    source_ended,
    target_full,
    target_away,  ///< the same of a terminal to write to
    target_broken,
    no_memory,  ///< neither end is to blame: try again in a moment
};

/// Moves bytes from one end to another, never blocking, never dropping any that were read, also without memory. What a
/// full target did not take is kept (at most one buffer) and nothing further is read before it is gone: the source's
/// pipe fills and its writer waits.
class copier {
public:
    /// After a send for which the kernel had no memory: vsock wants a packet in one piece.
    static constexpr std::size_t small_piece = std::size_t{16} << 10;

    copier(std::shared_ptr<byte_end> source, std::shared_ptr<byte_end> target,
           std::shared_ptr<copy_buffer> buffer) noexcept
        : source_(std::move(source)), target_(std::move(target)), buffer_(std::move(buffer)) {}

    copy_outcome step() noexcept;

    /// From now on bytes are read and thrown away, those kept included: the target is broken, its writer must not
    /// notice.
    void discard() noexcept;
    bool is_discarding() const noexcept { return is_discarding_; }

    /// Read and not yet written.
    std::size_t kept() const noexcept { return kept_end_ - kept_at_; }

    /// Written, or thrown away.
    std::uint64_t moved() const noexcept { return moved_; }

    /// Of all copiers that share the buffer; whoever steps knows in which direction.
    copy_traffic& traffic() noexcept { return buffer_->traffic; }

    /// Why the target is broken.
    const error_code& failure() const noexcept { return failure_; }

private:
    copy_outcome write_kept() noexcept;
    copy_outcome write(std::string_view bytes) noexcept;
    void keep(std::size_t from, std::size_t end) noexcept;
    void forget_kept() noexcept;

    std::shared_ptr<byte_end> source_;
    std::shared_ptr<byte_end> target_;
    std::shared_ptr<copy_buffer> buffer_;
    std::unique_ptr<char[]> kept_;
    std::size_t kept_at_ = 0;  // what of it is written
    std::size_t kept_end_ = 0;
    std::size_t piece_ = copy_buffer::size;
    std::uint64_t moved_ = 0;
    bool is_discarding_ = false;
    error_code failure_;
};

}  // namespace vminit::streams
