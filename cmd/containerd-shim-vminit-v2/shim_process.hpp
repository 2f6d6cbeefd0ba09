// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "host_stdio.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/condition.hpp"

namespace vminit::shim {

struct process_exit {
    process_exit(std::uint32_t status, wall_time at) : status(status), at(at) {}
    std::uint32_t status = 0;
    wall_time at{};
};

/// An init (empty exec id) or an exec as the daemon sees it: its stdio here, and its exit once that has been told.
struct shim_process {
    shim_process(asio::io_context& context, std::string exec_id, std::shared_ptr<host_stdio> stdio)
        : exec_id(std::move(exec_id)), stdio(std::move(stdio)), changed(context.get_executor()) {}

    void tell_exit(process_exit how) {
        if (!exit) exit = how;
        changed.notify_all();
    }

    std::string exec_id;
    std::shared_ptr<host_stdio> stdio;
    bool is_started = false;
    std::optional<process_exit> exit;
    condition changed;
};

}  // namespace vminit::shim
