// A fault of vminitd itself. It has none to offer, so its code is changed while it runs.
#include <catch2/catch.hpp>

#include "guest.hpp"
#include "support/temporary_directory.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

TEST_CASE("a fault of PID 1 ends in a report, a sync and the power-off", "[vm]") {
    temporary_directory directory;
    auto data = directory.path("data");
    run_vm_script("make-rootfs", {"--type", "ext4", "-o", data});
    virtual_machine machine({"--disk", data + ":data:rw"});
    guest vm(machine.address());
    container_wish writer("exec sleep 100000");
    writer.id = guest::fresh_id();
    writer.rootfs.emplace_back("ext4", "serial:data", "", std::vector<std::string>{"rw"});
    REQUIRE(vm.create(writer));
    REQUIRE(vm.start(writer.id));
    container_wish culprit(std::vector<std::string>{"/bin/worker", "fault", "1"});
    culprit.id = guest::fresh_id();
    culprit.pids = vminitctl::pid_namespace::host;
    REQUIRE(vm.create(culprit));
    // Nothing but the sync would bring it to the disk for half a minute.
    CHECK(vm.run_exec(writer.id, exec_wish("echo kept >/kept")).status == 0);
    (void)vm.start(culprit.id);  // the answer may or may not come
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
    auto console = machine.console();
    CAPTURE(console);
    CHECK(console.find("vminitd: fatal signal 11") != std::string::npos);
    CHECK(console.find("vminitd: return addresses") != std::string::npos);
    CHECK(console.find("reboot: Power down") != std::string::npos);
    CHECK(run_vm_script("file-on-disk", {data, "/kept"}) == "kept");
}
