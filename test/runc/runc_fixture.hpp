// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

#include <string>
#include <vector>

#include "support/descriptor_guard.hpp"
#include "support/fake_runtime.hpp"
#include "support/io_fixture.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/reaper/reaper_service.hpp"
#include "vminit/runc/runc_service.hpp"

namespace vminit::test {

/// A context with a runc_service that drives a fake runtime of the wanted dialect, and a reaper that gets its orphans.
class runc_fixture : public descriptor_guard, public io_fixture {
public:
    explicit runc_fixture(runtime_dialect dialect = runtime_dialect::crun)
        : fake(dialect),
          reaper(asio::use_service<reaper::reaper_service>(ctx)),
          service(asio::make_service<runc::runc_service>(ctx, fake.config())) {
        REQUIRE(reaper.become_subreaper());
    }

    result<void> create(const runc::runtime_ref& container) {
        return run(service.create(runc::create_options(container)));
    }
    result<void> start(const runc::runtime_ref& container) { return run(service.start(container)); }
    result<void> exec(const runc::runtime_ref& container, const std::string& id,
                      const std::vector<std::string>& payload) {
        return run(service.exec(runc::exec_options(container, id, fake.process_json(payload))));
    }

    reaper::child adopt(const std::string& pid_file) {
        auto pid = runc::read_pid_file(pid_file);
        REQUIRE(pid);
        auto process = reaper.adopt(*pid);
        REQUIRE(process);
        return std::move(*process);
    }
    reaper::child adopt_init(const std::string& id) {
        return adopt(runc::runc_service::init_pid_file(fake.bundle(id)));
    }

    /// A created container and its init.
    reaper::child make_created(const runc::runtime_ref& container) {
        auto hold = reaper.hold();
        REQUIRE(create(container));
        return adopt_init(container.id);
    }

    /// A started container and its init.
    reaper::child make_running(const runc::runtime_ref& container) {
        auto init = make_created(container);
        REQUIRE(start(container));
        return init;
    }

    fake_runtime fake;
    reaper::reaper_service& reaper;
    runc::runc_service& service;
};

}  // namespace vminit::test
