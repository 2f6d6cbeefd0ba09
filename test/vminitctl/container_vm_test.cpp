// SPDX-License-Identifier: Apache-2.0
#include "container_vm.hpp"

#include <catch2/catch.hpp>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/vmm/vm_record.hpp"

using namespace vminit;
using namespace vminit::vminitctl;

TEST_CASE("the shim's settings say where its VMs are", "[vminitctl]") {
    test::temporary_directory directory;
    auto config = directory.path() + "/shim.json";
    CHECK(read_vm_settings(config)->state == usual_state());
    REQUIRE(replace_file(config, R"({"cpus": 2})", 0600));
    CHECK(read_vm_settings(config)->state == usual_state());
    REQUIRE(replace_file(config, R"({"state": "/run/other"})", 0600));
    CHECK(read_vm_settings(config)->state == "/run/other");
    REQUIRE(replace_file(config, "[", 0600));
    CHECK(read_vm_settings(config).error().kind() == errc::invalid_argument);
}

TEST_CASE("the option --container stands for the addresses of its VM", "[vminitctl]") {
    test::temporary_directory state;
    vmm::vm_record record;
    record.rpc = "vsock://9:1024";
    record.streams = "vsock://9:1025";
    record.space = "default";
    record.containers = {"web"};
    REQUIRE(make_directories(state.path() + "/vm", 0700));
    REQUIRE(replace_file(state.path() + "/vm/vm.json", vmm::to_text(record), 0600));

    command_set commands;
    commands.add("ping", "ask", [](client_session&) -> awaitable<result<int>> { co_return 0; });
    invocation invoked;
    REQUIRE_FALSE(commands.parse({"--container", "web", "ping"}, invoked));
    REQUIRE(find_container_vm(invoked.options, state.path()));
    CHECK(invoked.options.address == "vsock://9:1024");
    CHECK(invoked.options.stream_address == "vsock://9:1025");

    REQUIRE_FALSE(commands.parse({"ping", "--container", "web", "--namespace", "k8s.io"}, invoked));
    auto missing = find_container_vm(invoked.options, state.path());
    REQUIRE_FALSE(missing);
    CHECK(missing.error().message() == "the VM of container web in namespace k8s.io: not found");
}
