// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "process/output_progress.hpp"
#include "process/stdio_end.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/log.hpp"
#include "vminit/streams/copier.hpp"

namespace vminit::process {

/// Copies a process's output to its host until the end, and closes the host's side then.
///
/// A host that does not read stops only this: bytes wait in the pipe, then the process waits. When the host has gone,
/// and when the output of an ended process is over although descendants hold the pipe, what still comes is read and
/// dropped until `stop`, so that nobody dies of a broken pipe, or waits for ever, before. That is done at leisure: a
/// process that writes without end must not cost us a processor.
///
/// A terminal that nobody has open is looked at again now and then. It has ended when its process has exited as well.
class output_pump : public std::enable_shared_from_this<output_pump> {
public:
    /// Between two reads of what is thrown away.
    static constexpr clock::duration discard_pause = std::chrono::milliseconds(10);
    /// Until a terminal that nobody has open is looked at again; and one whose output is over.
    static constexpr clock::duration away_pause = std::chrono::milliseconds(50);
    static constexpr clock::duration over_pause = std::chrono::seconds(1);
    /// For the kernel to find memory.
    static constexpr clock::duration memory_pause = std::chrono::milliseconds(10);

    output_pump(executor ex, logger& log, std::string owner, std::shared_ptr<stdio_end> source,
                std::shared_ptr<stdio_end> target, std::shared_ptr<streams::copy_buffer> buffer, clock::duration held);

    /// The pump itself, for its owner's task group; it keeps what it uses alive.
    awaitable<void> run() { return run_on(shared_from_this()); }

    /// The process has exited: what it wrote is in the pipe now.
    void exited();

    /// Waits until the output has ended or is not worth waiting for any more (`output_progress`), at most until
    /// `latest`. Returns at once, and the pump goes on, if it was stopped, before `exited`, and when nobody reads any
    /// more.
    awaitable<void> drain(clock::time_point latest = clock::time_point::max());

    /// A further `drain` waits for a stalled host as long again.
    void be_patient_again();

    void hurry(clock::duration held);

    /// Ends without delivering the rest.
    void stop();

    /// Its owner goes. If the process left something that a host's stream has not taken, the pump goes on until it has,
    /// or has taken nothing for `patience`; otherwise it is stopped. True if it goes on.
    bool leave_behind(clock::duration patience);

    /// Stops one that was left behind, with a line in the log.
    void give_up();

    /// Everything is with the host, and the host's side is closed.
    bool is_delivered() const noexcept { return is_delivered_; }

private:
    static awaitable<void> run_on(std::shared_ptr<output_pump> self);
    bool has_ended() const noexcept;
    awaitable<void> take_step();
    streams::copy_outcome copy();
    clock::time_point over_at() const noexcept;
    clock::duration until_next_look() const noexcept;
    awaitable<void> pause(clock::duration span);
    void finish_delivery();
    void drop_the_rest();
    void end();
    void tell_progress();
    void look_again();

    executor ex_;
    logger& log_;
    std::string owner_;
    std::shared_ptr<stdio_end> source_;
    std::shared_ptr<stdio_end> target_;
    streams::copier copier_;
    output_progress progress_;
    timer hold_;   // expires when an exit is not held back any longer
    timer pause_;  // until the next step, where no descriptor tells when
    bool is_stopped_ = false;
    bool is_at_end_ = false;
    bool is_delivered_ = false;
};

}  // namespace vminit::process
