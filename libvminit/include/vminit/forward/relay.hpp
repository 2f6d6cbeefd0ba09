// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/streams/copier.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::forward {

class socket_end;

/// How the two relays of a forward, one on each side of the stream between them, tell each other that theirs has written
/// its last.
enum class end_of_stream {
    told,         ///< by other means, with the number of bytes (`out_end`, `in_ends_at`)
    half_closed,  ///< by half-closing the stream, which not every vsock device carries: some close it
};

/// Carries bytes both ways between a socket of this side (`near`: a container's, an application's) and a stream to the
/// relay on the other side, until both directions have ended. Each direction ends by itself; a reader that stops only
/// stops its direction's writer, at most `streams::copy_buffer::size` bytes are held for it.
///
/// When nobody reads at `near` any more what comes for it is dropped, and what it left is still delivered. When the stream
/// breaks, the relay ends at once. The near socket is closed with the relay's end, the stream by `close` or the destructor.
class relay : public std::enable_shared_from_this<relay> {
public:
    /// Until a kernel without memory is tried again.
    static constexpr clock::duration memory_pause = std::chrono::milliseconds(10);

    relay(executor ex, ttrpc::stream_socket near, ttrpc::stream_socket stream, std::shared_ptr<streams::copy_buffer> buffer,
          end_of_stream ending);
    ~relay();

    /// Begins, with two tasks of `tasks` that keep the relay alive. Once.
    void start(task_group& tasks);

    /// The other side has written so many bytes to the stream, and no more.
    void in_ends_at(std::uint64_t bytes);

    /// How many bytes went from `near` to the stream, once that direction has ended.
    std::optional<std::uint64_t> out_end() const noexcept;

    /// Both directions have ended, or it was broken off.
    bool is_over() const noexcept { return is_over_; }

    /// Returns when one of these may have changed. False if the caller has been cancelled.
    awaitable<bool> changed() { return changed_.wait(); }

    /// Returns when the other side has closed the stream, and so has all that was written to it.
    awaitable<void> stream_closed();

    /// Bytes so far, both ways.
    std::uint64_t moved() const noexcept;

    /// Breaks it off: both sockets are closed. Idempotent.
    void close() noexcept;

private:
    struct way;
    bool is_complete(const way& along) const noexcept;
    static awaitable<void> carry(std::shared_ptr<relay> self, way& along);
    awaitable<void> react(way& along, streams::copy_outcome outcome);
    void source_ended(way& along);
    void target_broken(way& along);
    void end(way& along);
    void note_end() noexcept;

    executor ex_;
    std::shared_ptr<socket_end> near_;
    std::shared_ptr<socket_end> stream_;
    end_of_stream ending_;
    std::unique_ptr<way> in_;   // from the stream
    std::unique_ptr<way> out_;  // to it
    std::optional<std::uint64_t> in_end_;
    condition changed_;
    bool is_over_ = false;
};

}  // namespace vminit::forward
