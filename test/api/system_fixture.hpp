// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "api/api_fixture.hpp"
#include "github.com/spin-stack/spinbox/api/services/system/v1/info.ttrpc.hpp"
#include "support/fake_runtime.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/api/system_api.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/devices/device_service.hpp"
#include "vminit/system/system_service.hpp"

namespace vminit::test {

namespace proto = containerd::vminitd::services::system::v1;

/// The System service over files of its own, with a client.
class system_fixture : public api_fixture {
public:
    system_fixture() {
        system::system_config config;
        config.version = "1.2.3";
        config.kernel_version_file = directory.path("version");
        config.sysfs = directory.path("sys");
        config.cleanup.bundles = directory.path("bundles");
        config.cleanup.temporary = directory.path("tmp");
        REQUIRE(make_directories(directory.path("sys/fs/cgroup"), 0755));
        asio::make_service<system::system_service>(ctx, std::move(config));
        devices::device_config disks;
        disks.sysfs = directory.path("sys");
        asio::make_service<devices::device_service>(ctx, std::move(disks));
        asio::make_service<runc::runc_service>(ctx, runtime.config());
        server().add(api::make_system_api(ctx, timeline));
    }

    ~system_fixture() { syscalls::set_fault_hook(nullptr); }

    proto::SystemClient client() { return proto::SystemClient(rpc()); }

    void write(const std::string& name, const std::string& text) {
        auto path = directory.path(name);
        REQUIRE(make_directories(path.substr(0, path.rfind('/')), 0755));
        REQUIRE(replace_file(path, text, 0644));
    }

    proto::InfoResponse info() {
        auto answer = run(client().Info({}));
        REQUIRE(answer);
        return std::move(*answer);
    }

    static bool has_capability(const proto::InfoResponse& info, std::string_view word) {
        for (const auto& one : info.capabilities()) {
            if (one == word) return true;
        }
        return false;
    }

    temporary_directory directory;
    fake_runtime runtime;
    task_group tasks{ex(), log()};
    system::uptime now{0};
    system::boot_timeline timeline{[this] { return now; }};
};

}  // namespace vminit::test
