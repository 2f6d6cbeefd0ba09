// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <string>

#include "api/api_fixture.hpp"
#include "fuzz/request_targets.hpp"
#include "vminit/api/bundle_api.hpp"
#include "vminit/api/container_api.hpp"
#include "vminit/api/events_api.hpp"
#include "vminit/api/forward_api.hpp"
#include "vminit/api/machine_api.hpp"
#include "vminit/api/mount_api.hpp"
#include "vminit/api/socket_forward_api.hpp"
#include "vminit/api/supervisor_api.hpp"
#include "vminit/api/system_api.hpp"
#include "vminit/api/task_api.hpp"
#include "vminit/api/transfer_api.hpp"
#include "vminit/system/boot_timeline.hpp"

using namespace vminit;

TEST_CASE_METHOD(test::api_fixture,
                 "test/fuzz/requests asks for every method of every service, or leaves it out by name", "[api]") {
    const system::boot_timeline timeline;
    std::multiset<std::string> there, listed;
    for (const auto& service :
         {api::make_task_api(ctx, {}), api::make_bundle_api(ctx, "/nonexistent"), api::make_system_api(ctx, timeline),
          api::make_events_api(ctx), api::make_supervisor_api(ctx), api::make_container_api(ctx),
          api::make_machine_api(ctx), api::make_forward_api(ctx), api::make_socket_forward_api(ctx),
          api::make_mount_api(ctx), api::make_transfer_api(ctx)}) {
        for (const auto& method : service->methods())
            there.insert(std::string(service->full_name()) + "/" + std::string(method.name));
    }
    auto list = [&](const auto& targets) {
        for (const auto& one : targets) listed.insert(std::string(one.service) + "/" + std::string(one.method));
    };
    list(test::request_targets);
    list(test::requests_left_out);
    CHECK(there == listed);
}
