#pragma once

#include <memory>
#include <string>

#include "process/copier.hpp"
#include "process/output_progress.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/log.hpp"

namespace vminit::process {

/// Copies a process's output to its host until the end, and closes the host's side then.
///
/// A host that does not read stops only this: bytes wait in the pipe, then the process waits. When the host has gone,
/// and when the output of an ended process is over although descendants hold the pipe, what still comes is read and
/// dropped until `stop`, so that nobody dies of a broken pipe before.
class output_pump : public std::enable_shared_from_this<output_pump> {
public:
    output_pump(executor ex, logger& log, std::string owner, std::shared_ptr<stdio_end> source,
                std::shared_ptr<stdio_end> target, std::shared_ptr<copy_buffer> buffer, clock::duration held);

    /// The pump itself, for its owner's task group; it keeps what it uses alive.
    awaitable<void> run() { return run_on(shared_from_this()); }

    /// The process has exited: what it wrote is in the pipe now.
    void exited();

    /// Waits until the output has ended or is not worth waiting for any more (`output_progress`), at most until
    /// `latest`. Returns at once, and the pump goes on, if it was stopped or cancelled. After `exited`.
    awaitable<void> drain(clock::time_point latest = clock::time_point::max());

    /// A further `drain` waits for a stalled host as long again.
    void be_patient_again() { progress_.renew(clock::now()); }

    void hurry(clock::duration held);

    /// Ends without delivering the rest.
    void stop();

    /// Everything is with the host, and the host's side is closed.
    bool is_delivered() const noexcept { return is_delivered_; }

private:
    static awaitable<void> run_on(std::shared_ptr<output_pump> self);
    awaitable<void> take_step();
    void finish_delivery();

    executor ex_;
    logger& log_;
    std::string owner_;
    std::shared_ptr<stdio_end> source_;
    std::shared_ptr<stdio_end> target_;
    copier copier_;
    output_progress progress_;
    timer changed_;  // a condition with a limit: who drains sleeps on it, cancelling it is notifying
    bool is_stopped_ = false;
    bool is_at_end_ = false;
    bool is_delivered_ = false;
};

}  // namespace vminit::process
