// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "process/stdio_end.hpp"
#include "vminit/streams/copier.hpp"

namespace vminit::process {

/// What becomes of a process's input when the host's end is over.
enum class host_end {
    is_input_end,  ///< it is over, too
    is_departure,  ///< it stays open for the next who is attached
};

/// Copies what the host sends to a process's stdin, until the host's end, the process's, or CloseIO.
///
/// CloseIO is told on another connection than the bytes and may overtake them. So after it the pump goes on until
/// nothing has come for a while, counted from the last byte that the process's end took: while that is full the host is
/// held back, and nothing can be said about what it still has. The host's own end needs no such guess.
class input_pump : public std::enable_shared_from_this<input_pump> {
public:
    /// How much longer the silence must be when CloseIO found the host held back: all along the way bytes wait for us,
    /// and whoever sends them has to be woken up first.
    static constexpr int held_back_factor = 10;
    /// Until a terminal that nobody has open, or a kernel without memory, is tried again.
    static constexpr clock::duration retry_pause = std::chrono::milliseconds(50);

    /// `late`: how long nothing must come after `finish`.
    input_pump(executor ex, std::shared_ptr<stdio_end> source, std::shared_ptr<stdio_end> target,
               std::shared_ptr<streams::copy_buffer> buffer, clock::duration late,
               host_end meaning = host_end::is_input_end);

    awaitable<void> run() { return run_on(shared_from_this()); }

    /// The host sends nothing further: copies what has arrived and what is on its way, then closes. Idempotent.
    void finish();

    /// Ends without copying the rest.
    void stop();

    bool has_ended() const noexcept { return has_ended_; }

private:
    static awaitable<void> run_on(std::shared_ptr<input_pump> self);
    awaitable<void> take_step();
    awaitable<void> await_more();
    streams::copy_outcome copy();
    void end();
    void look_again();

    executor ex_;
    std::shared_ptr<stdio_end> source_;
    std::shared_ptr<stdio_end> target_;
    streams::copier copier_;
    clock::duration late_;
    host_end meaning_;
    clock::time_point quiet_since_{};
    timer pause_;
    bool is_finishing_ = false;
    bool is_held_back_ = false;  // since it is finishing
    bool is_at_end_ = false;
    bool is_broken_ = false;  // the process has closed its end
    bool has_ended_ = false;
};

}  // namespace vminit::process
