// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>

#include "guest.hpp"
#include "stdio_streams.hpp"
#include "support/temporary_directory.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

namespace wire = spinbox::services::vmevents::v1;
using event_stream = ttrpc::duplex_stream<wire::StreamRequest, containerd::types::Envelope>;

/// Options for a VM whose extras disk brings an agent of that kind (test/vm/make-extras).
std::vector<std::string> with_agent(const temporary_directory& directory, const std::string& kind) {
    auto extras = directory.path("extras");
    run_vm_script("make-extras", {"-o", extras, kind});
    return {"--disk", extras + ":extras:ro", "--append", "spin.extras_disk=1"};
}

/// An initrd for QEMU's microvm.
std::string with_mmio(const temporary_directory& directory, const std::vector<std::string>& options) {
    auto initrd = directory.path("initrd");
    std::vector<std::string> all{"-o", initrd, "--modules",
                                 "virtio_mmio,vmw_vsock_virtio_transport,virtio_blk,erofs,overlay,button"};
    all.insert(all.end(), options.begin(), options.end());
    run_vm_script("make-initrd", all);
    return initrd;
}

std::string start_container(guest& vm, container_wish wish, vminitctl::stdio_uris stdio = {}) {
    wish.id = guest::fresh_id();
    REQUIRE(vm.create(wish, std::move(stdio)));
    REQUIRE(vm.start(wish.id));
    return wish.id;
}

/// Reads up to an event of that topic; false when the stream ends before.
awaitable<bool> next_topic(event_stream& stream, std::string topic) {
    for (;;) {
        auto event = co_await stream.read();
        if (!event || !*event) co_return false;
        if ((*event)->topic() == topic) co_return true;
    }
}

/// A figure for the log; no test depends on it.
void report_time(const virtual_machine& machine, const std::string& with) {
    auto console = machine.console();
    auto at = console.rfind("\"took_ms\":");
    REQUIRE(at != std::string::npos);
    auto end = console.find('}', at);
    WARN("power-off with " << with << ": " << console.substr(at + 10, end - at - 10) << " ms");
}

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

TEST_CASE("ctrl-alt-del powers the VM off in order, with a container, an agent and an event stream", "[vm]") {
    temporary_directory directory;
    virtual_machine machine(with_agent(directory, "agent"));
    guest vm(machine.address());
    vminitctl::events_client events(vm.rpc());
    auto stream = events.Stream();
    REQUIRE(stream);
    REQUIRE(vm.run(stream->write(wire::StreamRequest())));
    REQUIRE(vm.run(next_topic(*stream, "/vminit/supervisor/restarting")));
    start_container(vm, container_wish("exec sleep 1000"));
    // The agent has put up its trap by then.
    vm.look_inside("until grep -q 'run 3' /proc/1/root/var/log/spin-supervisor.log; do :; done");
    machine.press_ctrl_alt_del();
    // The host still hears of the container's end; then the stream ends by itself.
    CHECK(vm.run(next_topic(*stream, "/tasks/exit")));
    CHECK_FALSE(vm.run(next_topic(*stream, "/no/such/topic")));
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
    report_time(machine, "a container, an agent and an event stream");
    CHECK(machine.shows("agent: terminated"));
    CHECK_FALSE(contains(machine.console(), "took too long"));
}

TEST_CASE("what resists does not hold up the power-off", "[vm]") {
    temporary_directory directory;
    auto options = with_agent(directory, "stubborn");
    auto data = directory.path("data");
    run_vm_script("make-rootfs", {"--type", "ext4", "-o", data});
    options.insert(options.end(), {"--disk", data + ":data:rw"});
    virtual_machine machine(options);
    guest vm(machine.address());
    // Nobody reads this event stream, nor the output of the container that has more of it than any buffer.
    vminitctl::events_client events(vm.rpc());
    auto stream = events.Stream();
    REQUIRE(stream);
    REQUIRE(vm.run(stream->write(wire::StreamRequest())));
    auto number = guest::fresh_number();
    auto stuck = vm.open_stream(number);
    start_container(vm, container_wish("trap '' TERM INT; yes"), vminitctl::stdio_uris("", vminitctl::stream_uri(number), ""));
    container_wish writer("trap '' TERM; while :; do echo more >>/file; done");
    writer.rootfs.emplace_back("ext4", "serial:data", "", std::vector<std::string>{"rw"});
    start_container(vm, std::move(writer));
    auto state = vm.state(start_container(vm, container_wish("trap '' TERM; while :; do :; done")));
    REQUIRE(state);
    vm.look_inside("cd /sys/fs/cgroup/$(sed 's/^0:://' /proc/" + std::to_string(state->pid()) +
                   "/cgroup) && echo 1 >cgroup.freeze && until grep -q 'frozen 1' cgroup.events; do :; done; "
                   "until [ -e /proc/1/root/run/spin-supervisor.pid ]; do :; done");
    machine.press_ctrl_alt_del();
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
    report_time(machine, "everything that resists");
    // Unmounted or read-only at the end: nothing to recover.
    CHECK(contains(run_vm_script("filesystem-state", {data}), "clean"));
}

TEST_CASE("what is frozen does not hold up the power-off, nor the sync that begins with it", "[vm]") {
    temporary_directory directory;
    auto data = directory.path("data");
    run_vm_script("make-rootfs", {"--type", "ext4", "-o", data});
    virtual_machine machine({"--disk", data + ":data:rw"});
    guest vm(machine.address());
    container_wish writer("while :; do echo more >>/file; done");
    writer.rootfs.emplace_back("ext4", "serial:data", "", std::vector<std::string>{"rw"});
    start_container(vm, std::move(writer));
    auto frozen = vm.run(vm.system().FreezeFilesystems({}, guest::limit));
    REQUIRE(frozen);
    REQUIRE(frozen->frozen_size() == 1);
    machine.press_ctrl_alt_del();
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
    CHECK(machine.shows(R"("msg":"powering off")"));
    INFO(machine.console());
    CHECK(run_vm_script("filesystem-state", {data}) == "clean");
}

TEST_CASE("a second signal while going down powers the VM off at once", "[vm]") {
    temporary_directory directory;
    // The agent sends it when it gets its SIGTERM, and then does not end.
    auto options = with_agent(directory, "signaller");
    auto data = directory.path("data");
    run_vm_script("make-rootfs", {"--type", "ext4", "-o", data});
    options.insert(options.end(), {"--disk", data + ":data:rw"});
    virtual_machine machine(options);
    guest vm(machine.address());
    container_wish writer("trap '' TERM; while :; do echo more >>/file; done");
    writer.rootfs.emplace_back("ext4", "serial:data", "", std::vector<std::string>{"rw"});
    start_container(vm, std::move(writer));
    vm.look_inside(R"(cd /proc/1/root/run; until [ -e spin-supervisor.pid ]; do :; done
        until grep -q '^SigCgt:.*[4567cdef]...$' /proc/$(cat spin-supervisor.pid)/status; do :; done)");
    machine.press_ctrl_alt_del();
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
    report_time(machine, "a second signal");
    CHECK(machine.shows("going down at once: a second signal came"));
    // The last sync is not skipped.
    CHECK(contains(run_vm_script("filesystem-state", {data}), "clean"));
}

TEST_CASE("SIGTERM to PID 1 powers the VM off", "[vm]") {
    virtual_machine machine({});
    signal_pid_one(machine, "TERM");
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
}

TEST_CASE("the signals of faults that a container sends to PID 1 are told and ignored", "[vm]") {
    virtual_machine machine({});
    guest vm(machine.address());
    CHECK(vm.look_inside("for name in SEGV ABRT BUS FPE ILL SYS TRAP; do kill -$name 1; done; echo sent") == "sent\n");
    // An alarm is blocked in one thread and not in another: Linux 6.1 ends a PID 1 without a handler for it.
    CHECK(vm.look_inside("for name in ALRM HUP USR1 USR2 PIPE VTALRM; do kill -$name 1; done; echo sent") == "sent\n");
    CHECK(vm.run_container(container_wish("echo ok")).out == "ok\n");
    // Which of them comes first is the scheduler's choice, and one a second is told.
    CHECK(machine.shows("vminitd: ignored signal "));
    CHECK_FALSE(contains(machine.console(), "fatal signal"));
    machine.press_ctrl_alt_del();
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
}

TEST_CASE("ctrl-alt-del while the system boots is kept for when it has", "[vm]") {
    temporary_directory directory;
    auto initrd = directory.path("initrd");
    run_vm_script("make-initrd", {"-o", initrd, "--add", VMINIT_VM_INIT ":/vminitd", VMINIT_EARLY_SIGNAL});
    virtual_machine machine({"--initrd", initrd, "--no-wait"});
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
    CHECK(machine.shows(R"("msg":"going down","reason":"signal 2")"));
    CHECK(machine.shows("reboot: Power down"));
}

TEST_CASE("the ACPI power button powers the VM off", "[vm]") {
    virtual_machine machine({});
    guest vm(machine.address());
    vm.boot_step("late-modules");
    // Until it is heard: the driver is there, the ear may come a moment later.
    do qmp(machine.directory(), "system_powerdown");
    while (!machine.has_powered_off(std::chrono::seconds(5)));
    machine.check_no_panic();
    CHECK(machine.shows(R"("reason":"ACPI power button")"));
    CHECK(machine.shows("reboot: Power down"));
}

TEST_CASE("the power key of a keyboard powers the VM off", "[vm]") {
    temporary_directory directory;
    auto initrd = directory.path("initrd");
    run_vm_script("make-initrd", {"-o", initrd, "--modules", "virtio_pci,vmw_vsock_virtio_transport,virtio_blk,erofs,overlay,evdev",
                                  VMINIT_VM_INIT});
    virtual_machine machine({"--initrd", initrd});
    guest vm(machine.address());
    vm.boot_step("late-modules");
    do qmp(machine.directory(), "send-key", R"({"keys":[{"type":"qcode","data":"power"}]})");
    while (!machine.has_powered_off(std::chrono::seconds(5)));
    machine.check_no_panic();
    CHECK(machine.shows(R"("reason":"power key")"));
}

TEST_CASE("without ACPI the VM ends by a restart", "[vm]") {
    virtual_machine machine({"--append", "acpi=off"});
    machine.press_ctrl_alt_del();
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
    CHECK(machine.shows("reboot: Restarting system"));
}

TEST_CASE("the VM ends as it was asked to", "[vm]") {
    virtual_machine machine({"--append", "vminit.power-off=restart"});
    machine.press_ctrl_alt_del();
    CHECK(machine.has_powered_off());
    CHECK(machine.shows("reboot: Restarting system"));
}

TEST_CASE("a microvm with ACPI hears its power button and powers off", "[vm]") {
    temporary_directory directory;
    virtual_machine machine({"--machine", "microvm", "--initrd", with_mmio(directory, {VMINIT_VM_INIT})});
    guest vm(machine.address());
    CHECK(vm.run_container(container_wish("echo ok")).out == "ok\n");
    do qmp(machine.directory(), "system_powerdown");
    while (!machine.has_powered_off(std::chrono::seconds(5)));
    machine.check_no_panic();
    CHECK(machine.shows("reboot: Power down"));
}

TEST_CASE("a bare microvm ends by a restart", "[vm]") {
    temporary_directory directory;
    // The stock kernel finds no device there, so that it cannot be asked from outside.
    auto initrd = with_mmio(directory, {"--add", VMINIT_VM_INIT ":/vminitd", VMINIT_EARLY_SIGNAL});
    virtual_machine machine({"--machine", "microvm-bare", "--initrd", initrd, "--no-wait"});
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
    CHECK(machine.shows("reboot: Restarting system"));
}

TEST_CASE("PrepareShutdown stops what writes before it syncs, Task.Shutdown powers the VM off", "[vm]") {
    temporary_directory directory;
    auto options = with_agent(directory, "diarist");
    auto data = directory.path("data");
    run_vm_script("make-rootfs", {"--type", "ext4", "--empty", "--size", "32", "-o", data});
    options.insert(options.end(), {"--disk", data + ":data:rw"});
    virtual_machine machine(options);
    guest vm(machine.address());
    auto writer = start_container(vm, container_wish("while :; do echo more >>/file; done"));
    vm.look_inside("until grep -q 'line 5' /proc/1/root/var/log/spin-supervisor.log; do :; done");
    CHECK(vm.run(vm.system().PrepareShutdown({}, guest::limit)));
    auto state = vm.state(writer);
    REQUIRE(state);
    CHECK(state->status() == containerd::v1::types::STOPPED);
    CHECK(state->exit_status() == 137);
    CHECK(vm.agent_status().state() == vminit::supervisor::v1::ServiceStatus::STOPPED);
    // What is on the disk now is all that will ever be.
    auto synced = directory.path("synced");
    std::filesystem::copy_file(data, synced);
    CHECK(vm.remove(writer));
    CHECK(vm.run(vm.tasks().Shutdown({}, guest::limit)));
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
    auto diary = run_vm_script("file-on-disk", {synced, "/spin-supervisor.log"});
    CHECK(contains(diary, "line 5\n"));
    CHECK(run_vm_script("file-on-disk", {data, "/spin-supervisor.log"}) == diary);
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
    virtual_machine machine({"--args", "-no-such-flag=1 -log-level=loud -config=/no/such.json -debug -rpc-address=nowhere"});
    guest vm(machine.address());
    CHECK(vm.run_container(container_wish("echo ok")).out == "ok\n");
    CHECK(machine.shows("no-such-flag"));
    CHECK(machine.shows(R"("name":"nowhere")"));
    CHECK(machine.shows(R"("msg":"mount","on":"/run/spin-stack","type":"tmpfs")"));
    CHECK(machine.shows(R"("msg":"process","pid":"1")"));
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
