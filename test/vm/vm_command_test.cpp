// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "client_program.hpp"
#include "guest.hpp"
#include "support/temporary_directory.hpp"
#include "virtual_machine.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::test;

TEST_CASE("vm stop powers a guest with a container off in order, and vm console prints until its end", "[vm]") {
    virtual_machine machine({});
    {
        guest vm(machine.address());
        container_wish wish("exec sleep 1000");
        wish.id = guest::fresh_id();
        REQUIRE(vm.create(wish));
        REQUIRE(vm.start(wish.id));
    }
    client_program status(machine.address(), {"vm", "status", machine.directory()});
    CHECK(status.wait() == 0);
    CHECK(contains(status.rest(), "answers:         yes"));
    client_program console(machine.address(), {"vm", "console", machine.directory()});
    auto printed = console.read(1);
    client_program stop(machine.address(), {"vm", "stop", machine.directory()});
    CHECK(stop.wait() == 0);
    CHECK(contains(stop.rest(), "outcome:    powered off\n"));
    CHECK(machine.has_powered_off());
    CHECK(console.wait() == 0);
    printed += console.rest();
    CHECK(contains(printed, R"("msg":"powering off")"));
    CHECK(contains(printed, "reboot: Power down"));
    CHECK_FALSE(read_file(machine.directory() + "/console.log"));
}

TEST_CASE("vm start shares a directory of the host with the guest", "[vm]") {
    temporary_directory shared;
    REQUIRE(replace_file(shared.path("letter"), "from the host\n", 0644));
    virtual_machine machine({"--share", shared.path() + ":post"});
    guest vm(machine.address());
    CHECK(vm.look_inside("mkdir -p /mnt && mount -t virtiofs post /mnt && cat /mnt/letter && echo back >/mnt/answer") ==
          "from the host\n");
    CHECK(*read_file(shared.path("answer")) == "back\n");
}
