// A guest for hosts that pause containers; the shared VMs are for hosts that do not.
#include <sched.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "guest.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

result<task::StateResponse> pause(guest& vm, const std::string& id) {
    task::PauseRequest request;
    request.set_id(id);
    if (auto paused = vm.run(vm.tasks().Pause(request, guest::limit)); !paused) return paused.error();
    return vm.state(id);
}

std::string run_paused(guest& vm) {
    auto id = vm.run_sleeper();
    auto state = pause(vm, id);
    REQUIRE(state);
    REQUIRE(state->status() == containerd::v1::types::PAUSED);
    return id;
}

exec_wish exit_with_zero() { return exec_wish(std::vector<std::string>{"/bin/true"}); }

}  // namespace

TEST_CASE("a paused container refuses what it cannot do, is killed, and does not hold up a halt", "[vm]") {
    virtual_machine machine({"--args", "-host-dialect=nerdbox -power-off=halt"});
    guest vm(machine.address());
    auto id = vm.run_sleeper();
    REQUIRE(vm.exec(id, "early", exit_with_zero()));
    REQUIRE(vm.exec(id, "later", exit_with_zero()));
    REQUIRE(pause(vm, id));
    auto late = vm.exec(id, "late", exit_with_zero());
    REQUIRE_FALSE(late);
    CHECK(contains(late.error().message(), "cannot exec in a paused state"));
    // Added before, it is refused all the same, at once, and can be deleted.
    auto started = vm.start(id, "early");
    REQUIRE_FALSE(started);
    CAPTURE(started.error().message());
    CHECK(contains(started.error().message(), "paused"));
    CHECK(vm.remove(id, "early"));
    CHECK(contains(vm.remove(id).error().message(), "cannot delete a paused process"));
    CHECK(vm.kill(id, SIGTERM));
    CHECK(vm.state(id)->status() == containerd::v1::types::PAUSED);

    task::ResumeRequest resume;
    resume.set_id(id);
    REQUIRE(vm.run(vm.tasks().Resume(resume, guest::limit)));
    REQUIRE(vm.start(id, "later"));
    CHECK(vm.wait(id, "later")->exit_status() == 0);
    CHECK(vm.remove(id, "later"));

    REQUIRE(pause(vm, id));
    vm.kill_and_remove(id);

    // The processor is halted and the VM stays, which is what was asked for.
    run_paused(vm);
    machine.press_ctrl_alt_del();
    while (!contains(machine.console(), "reboot: System halted")) ::sched_yield();
    CHECK(contains(qmp(machine.directory(), "query-status"), "running"));
    machine.check_no_panic();
}
