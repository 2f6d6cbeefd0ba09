#include <catch2/catch.hpp>
#include <csignal>

#include "guest.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

/// A signal to PID 1 from a container that shares its pid namespace.
void signal_pid_one(const virtual_machine& machine, const std::string& name) {
    guest vm(machine.address());
    std::string script = "kill -" + name + " 1; sleep 1000";
    container_wish wish(script.c_str());
    wish.pids = vminitctl::pid_namespace::host;
    wish.id = guest::fresh_id();
    REQUIRE(vm.create(wish));
    // The answer may or may not come before the power goes.
    (void)vm.start(wish.id);
}

}  // namespace

TEST_CASE("ctrl-alt-del powers the VM off, with a container running", "[vm]") {
    virtual_machine machine({});
    guest vm(machine.address());
    container_wish wish("exec sleep 1000");
    wish.id = guest::fresh_id();
    REQUIRE(vm.create(wish));
    REQUIRE(vm.start(wish.id));
    machine.press_ctrl_alt_del();
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
}

TEST_CASE("SIGTERM to PID 1 powers the VM off", "[vm]") {
    virtual_machine machine({});
    signal_pid_one(machine, "TERM");
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
}

TEST_CASE("SIGSEGV to PID 1 leaves a report and powers the VM off, without a panic", "[vm]") {
    virtual_machine machine({});
    signal_pid_one(machine, "SEGV");
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
    CHECK(machine.console().find("vminitd: fatal signal 11, sent by pid") != std::string::npos);
}

TEST_CASE("PrepareShutdown and Task.Shutdown power the VM off", "[vm]") {
    virtual_machine machine({});
    guest vm(machine.address());
    CHECK(vm.run_container(container_wish("true")).status == 0);
    CHECK(vm.run(vm.system().PrepareShutdown({}, guest::limit)));
    CHECK(vm.run(vm.tasks().Shutdown({}, guest::limit)));
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
}

TEST_CASE("Shutdown with a container present changes nothing", "[vm]") {
    guest vm(virtual_machine::shared_address());
    container_wish wish("exec sleep 1000");
    wish.id = guest::fresh_id();
    REQUIRE(vm.create(wish));
    CHECK(vm.run(vm.tasks().Shutdown({}, guest::limit)));
    CHECK(vm.state(wish.id));
    auto deleted = vm.remove(wish.id);
    REQUIRE(deleted);
    CHECK(deleted->exit_status() == 137);
}

TEST_CASE("unknown flags and bad values do not stop the boot", "[vm]") {
    virtual_machine machine({"--args", "-no-such-flag=1 -log-level=loud -config=/no/such.json"});
    guest vm(machine.address());
    CHECK(vm.run_container(container_wish("echo ok")).out == "ok\n");
    CHECK(machine.console().find("no-such-flag") != std::string::npos);
}

TEST_CASE("without a runtime Create answers an error and the VM goes on", "[vm]") {
    virtual_machine machine({"--args", "-runtime=/no/such/runtime"});
    guest vm(machine.address());
    container_wish wish("true");
    wish.id = guest::fresh_id();
    auto created = vm.create(wish);
    REQUIRE_FALSE(created);
    CHECK(created.error().message().find("OCI runtime create failed") != std::string::npos);
    CHECK(created.error().message().find("/no/such/runtime") != std::string::npos);
    CHECK(vm.state(wish.id).error().kind() == errc::not_found);
    CHECK(vm.run(vm.system().Info({}, guest::limit)));
    machine.press_ctrl_alt_del();
    CHECK(machine.has_powered_off());
}
