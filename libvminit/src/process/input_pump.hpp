#pragma once

#include <memory>
#include <optional>

#include "process/copier.hpp"
#include "vminit/core/condition.hpp"

namespace vminit::process {

/// Copies what the host sends to a process's stdin, until the host's end, the process's, or CloseIO.
class input_pump : public std::enable_shared_from_this<input_pump> {
public:
    /// `late`: after `finish`, how long to wait for bytes that are on their way.
    input_pump(executor ex, std::shared_ptr<stdio_end> source, std::shared_ptr<stdio_end> target,
               std::shared_ptr<copy_buffer> buffer, clock::duration late);

    awaitable<void> run() { return run_on(shared_from_this()); }

    /// The host sends nothing further: copies what has arrived and what arrives in a moment, then closes. Idempotent.
    void finish();

    /// Ends without copying the rest.
    void stop();

    bool has_ended() const noexcept { return has_ended_; }

private:
    static awaitable<void> run_on(std::shared_ptr<input_pump> self);
    awaitable<void> take_step();
    awaitable<void> await_more();

    executor ex_;
    std::shared_ptr<stdio_end> source_;
    std::shared_ptr<stdio_end> target_;
    copier copier_;
    clock::duration late_;
    std::optional<clock::time_point> finish_at_;
    bool is_at_end_ = false;
    bool has_ended_ = false;
};

}  // namespace vminit::process
