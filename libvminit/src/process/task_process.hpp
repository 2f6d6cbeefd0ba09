// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "process/process_io.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/process/process_state.hpp"
#include "vminit/reaper/child.hpp"

namespace vminit::process {

/// What an init and an exec process have in common: an id, a state, a child, its stdio, and those who wait for its end.
class task_process {
public:
    task_process(executor ex, process_kind kind, std::string id, stdio_uris uris)
        : id(std::move(id)), uris(std::move(uris)), state(kind), changed(ex) {}

    process_snapshot snapshot(const std::string& bundle) const;

    /// Resizes the terminal. Errors: invalid_argument above 65535, those of the state.
    result<void> resize(std::uint32_t width, std::uint32_t height);

    /// See process_io. Errors: failed_precondition also before its start and after its end.
    result<void> attach_input(const std::string& uri);

    /// CloseIO; before there is any stdio it is remembered.
    void close_input();

    /// Takes the stdio it runs with.
    void use_io(std::unique_ptr<process_io> opened);

    /// The exit once it is recorded, or what is known when the process is deleted without having run. Cancellable.
    static awaitable<result<process_exit>> wait(std::shared_ptr<task_process> self);

    /// Dead for the kernel, told or not.
    bool is_dead() const noexcept { return child && child.exited().has_value(); }

    std::string id;  ///< of the process: an exec's exec id
    stdio_uris uris;
    process_state state;
    condition changed;  ///< of the state
    reaper::child child;
    std::unique_ptr<process_io> io;

private:
    bool is_input_closed_ = false;
};

class init_process : public task_process {
public:
    init_process(executor ex, std::string id, stdio_uris uris)
        : task_process(ex, process_kind::init, std::move(id), std::move(uris)) {}
};

class exec_process : public task_process {
public:
    exec_process(executor ex, std::string id, stdio_uris uris, std::string process_json)
        : task_process(ex, process_kind::exec, std::move(id), std::move(uris)), spec(std::move(process_json)) {}

    std::string spec;  ///< OCI Process object, `terminal` already right; dropped once it runs
};

}  // namespace vminit::process
