// SPDX-License-Identifier: Apache-2.0
#include "vminit/vmm/vm_service.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/reaper/reaper_service.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace vminit::vmm;
using namespace std::chrono_literals;

namespace {

/// VMs of test/vmm/fake_qemu and fake_vsock_device.
struct host : io_fixture {
    host() : service(asio::use_service<vm_service>(ctx)) {
        plan.machine = machine_type::q35;
        plan.directory = directory.path();
        plan.qemu = FAKE_VMM_DIR "/fake_qemu";
        plan.vsock_device = FAKE_VMM_DIR "/fake_vsock_device";
        plan.kernel = "kernel";
        plan.initrd = "initrd";
        plan.guest_cid = 3;
        plan.accel = accelerator::tcg;
        plan.spare_disk_slots = 1;
        plan.init_arguments = {"serves"};
    }

    using booted = result<std::shared_ptr<virtual_machine>>;
    booted boot() { return run(service.boot(plan, boot_limits(), std::string())); }
    void boot_fails_with(errc kind, const std::string& part) {
        auto machine = boot();
        REQUIRE_FALSE(machine);
        CHECK(machine.error().kind() == kind);
        CAPTURE(machine.error().message());
        CHECK(machine.error().message().find(part) != std::string::npos);
    }
    std::size_t children() { return asio::use_service<reaper::reaper_service>(ctx).counters().known; }
    std::size_t sockets_left() {
        std::size_t count = 0;
        for (const auto& entry : std::filesystem::directory_iterator(plan.directory))
            count += entry.is_socket() ? 1 : 0;
        return count;
    }

    temporary_directory directory;
    vm_service& service;
    vm_plan plan;
};

}  // namespace

TEST_CASE_METHOD(host, "a VM is booted when its guest answers, and leaves nothing when it is stopped", "[vmm]") {
    auto machine = boot();
    REQUIRE(machine);
    CHECK((*machine)->rpc_address().to_string() == "hvsock://" + plan.directory + "/vm.sock:1024");
    CHECK((*machine)->pid() > 0);
    CHECK_FALSE((*machine)->has_ended());
    CHECK((*machine)->console_tail(1).find("phase=serve") != std::string::npos);
    CHECK(run(ping((*machine)->stream_address(), 60s)));
    CHECK(run((*machine)->pause()));
    CHECK(run((*machine)->resume()));
    run((*machine)->stop(0s));
    CHECK((*machine)->has_ended());
    CHECK(children() == 0);
    CHECK(sockets_left() == 0);
}

TEST_CASE_METHOD(host, "a boot that fails says why and leaves nothing", "[vmm]") {
    SECTION("a network namespace that does not exist") {
        plan.network_namespace = "/nowhere/netns";
        boot_fails_with(errc::not_found, "open /nowhere/netns");
    }
    SECTION("the guest panics") {
        plan.init_arguments = {"panics"};
        boot_fails_with(errc::unavailable, "Kernel panic - not syncing");
    }
    SECTION("QEMU does not start") {
        plan.init_arguments = {"ends"};
        boot_fails_with(errc::unavailable, "QEMU ended: fake_qemu: no such machine");
    }
    SECTION("there is no QEMU") {
        plan.qemu = "qemu-system-nowhere";
        boot_fails_with(errc::not_found, "qemu-system-nowhere");
    }
    SECTION("there is no vsock device") {
        plan.vsock_device = "/nowhere/vhost-device-vsock";
        boot_fails_with(errc::not_found, "/nowhere/vhost-device-vsock");
    }
    SECTION("the vsock device ends") {
        plan.vsock_device = "/bin/false";
        boot_fails_with(errc::unavailable, "vsock device ended");
    }
    SECTION("the plan cannot be carried out") {
        plan.guest_cid = 1;
        boot_fails_with(errc::invalid_argument, "guest CID 1");
    }
    CHECK(children() == 0);
    CHECK(sockets_left() == 0);
}

TEST_CASE_METHOD(host, "a guest that never serves is given up at the limit", "[vmm]") {
    plan.init_arguments = {"hangs"};
    boot_limits limits;
    limits.tcg = 300ms;  // what is waited for never comes: any limit shows the same
    auto machine = run(service.boot(plan, limits, std::string()));
    REQUIRE_FALSE(machine);
    CHECK(machine.error().kind() == errc::deadline_exceeded);
    CHECK(children() == 0);
}

TEST_CASE_METHOD(host, "a kernel that has not started PID 1 at the limit gets a second boot", "[vmm]") {
    plan.init_arguments = {"late"};
    boot_limits limits;
    limits.tcg = 2s;  // the first boot never serves; the second, of two Python programs, must within this
    auto machine = run(service.boot(plan, limits, std::string()));
    REQUIRE(machine);
    run((*machine)->stop(0s));
    CHECK(children() == 0);
}

TEST_CASE_METHOD(host, "a guest that hangs gets no second boot, and what it was at is told", "[vmm]") {
    plan.init_arguments = {"sleeps"};
    boot_limits limits;
    limits.tcg = 1s;
    auto machine = run(service.boot(plan, limits, std::string()));
    REQUIRE_FALSE(machine);
    CHECK(machine.error().kind() == errc::deadline_exceeded);
    auto text = machine.error().message();
    CHECK(text.find("the guest has not answered within 1 s") == 0);
    CHECK(text.find("the kernel's log ends with:\nLinux version 6.1\nCommand line: x\nRun /init as init") !=
          std::string::npos);
    auto file = read_file(directory.path("kernel.log"));
    REQUIRE(file);
    CHECK(file->find("processors:\nCPU#0\nRIP=ffffffff81000000\nkernel log:\nLinux version") == 0);
    CHECK_FALSE(read_file(directory.path("memory")));
    CHECK(children() == 0);
}

TEST_CASE_METHOD(host, "a vsock device that has lost the thread that moves packets gets a second boot",
                 "[vmm]") {
    plan.guest_cid = 9;
    auto machine = boot();
    REQUIRE(machine);
    CHECK(read_file(directory.path("lost")));
    run((*machine)->stop(0s));
    CHECK(children() == 0);
}

TEST_CASE_METHOD(host, "a VM can be started without waiting for its guest", "[vmm]") {
    plan.init_arguments = {"hangs"};
    auto machine = run(service.start(plan, std::string()));
    REQUIRE(machine);
    CHECK_FALSE((*machine)->has_ended());
    run((*machine)->stop(0s));
    plan.init_arguments = {"ends"};
    auto failed = run(service.start(plan, std::string()));
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message().find("QEMU ended: fake_qemu: no such machine") == 0);
    CHECK(children() == 0);
    CHECK(sockets_left() == 0);
}

TEST_CASE_METHOD(host, "the power button ends a guest, and its console's file has all that it printed", "[vmm]") {
    plan.console_log = directory.path("console.log");
    auto machine = boot();
    REQUIRE(machine);
    REQUIRE(run((*machine)->press_power_button()));
    run((*machine)->ended());
    run((*machine)->stop(0s));
    CHECK(*read_file(plan.console_log) == "booting\r\nVMINITD_READY uptime_us=1 phase=serve\r\n");
}

TEST_CASE_METHOD(host, "a VMM that is killed is noticed", "[vmm]") {
    auto machine = boot();
    REQUIRE(machine);
    ::kill((*machine)->pid(), SIGKILL);
    run((*machine)->ended());
    CHECK((*machine)->has_ended());
    run((*machine)->stop(0s));
    CHECK(children() == 0);
}

TEST_CASE_METHOD(host, "disks come and go while there are slots", "[vmm]") {
    auto machine = boot();
    REQUIRE(machine);
    auto add = [&](const char* serial) {
        return run((*machine)->add_disk(disk("/x.img", serial, disk_access::read_only)));
    };
    CHECK(add("one"));
    auto full = add("two");
    REQUIRE_FALSE(full);
    CHECK(full.error().kind() == errc::failed_precondition);
    CHECK(run((*machine)->remove_disk("two")).error().kind() == errc::not_found);
    CHECK(run((*machine)->remove_disk("one")));
    CHECK(add("two"));
    // The file of a disk that is gone is closed: QEMU refuses to open it twice.
    CHECK(run((*machine)->remove_disk("two")));
    CHECK(add("two"));
    run((*machine)->stop(0s));
}

TEST_CASE_METHOD(host, "a share has a daemon for as long as its VM runs", "[vmm]") {
    plan.virtiofsd = FAKE_VMM_DIR "/fake_virtiofsd";
    plan.spare_disk_slots = 3;
    plan.shares.emplace_back("/srv", "first");
    auto machine = boot();
    REQUIRE(machine);
    auto before = children();
    CHECK(run((*machine)->add_share(share("/srv", "second"))));
    CHECK(children() == before + 1);
    auto twice = run((*machine)->add_share(share("/srv", "first")));
    REQUIRE_FALSE(twice);
    CHECK(twice.error().kind() == errc::already_exists);
    SECTION("it ends with the VM") {}
    SECTION("its end is told, and all else goes on") {
        // This one ends by itself, after a word of its own.
        CHECK(run((*machine)->add_share(share("/srv", "short"))));
        run((*machine)->share_lost());
        ctx.poll();
        CHECK(lines.back().find("virtiofsd has ended") != std::string::npos);
        CHECK(lines.back().find("nothing to serve") != std::string::npos);
        CHECK_FALSE((*machine)->has_ended());
    }
    run((*machine)->stop(0s));
    CHECK(children() == 0);
    CHECK(sockets_left() == 0);
}

TEST_CASE_METHOD(host, "a share that cannot be served leaves nothing", "[vmm]") {
    SECTION("no daemon is configured") {
        plan.shares.emplace_back("/srv", "first");
        boot_fails_with(errc::not_implemented, "no virtiofsd");
    }
    SECTION("there is no such daemon") {
        plan.virtiofsd = "/nowhere/virtiofsd";
        plan.shares.emplace_back("/srv", "first");
        boot_fails_with(errc::not_found, "/nowhere/virtiofsd");
    }
    SECTION("QEMU refuses the device") {
        plan.virtiofsd = FAKE_VMM_DIR "/fake_virtiofsd";
        plan.init_arguments = {"refuses"};
        auto machine = boot();
        REQUIRE(machine);
        auto without = children();
        for (int attempt = 0; attempt < 2; ++attempt) {
            auto refused = run((*machine)->add_share(share("/srv", "later")));
            REQUIRE_FALSE(refused);
            CHECK(refused.error().message().find("QMP chardev-add: no: ") != std::string::npos);
            CHECK(children() == without);
        }
        run((*machine)->stop(0s));
    }
    CHECK(children() == 0);
    CHECK(sockets_left() == 0);
}

TEST_CASE_METHOD(host, "a disk that QEMU refuses takes no slot", "[vmm]") {
    plan.init_arguments = {"refuses"};
    auto machine = boot();
    REQUIRE(machine);
    for (int attempt = 0; attempt < 2; ++attempt) {
        auto refused = run((*machine)->add_disk(disk("/x.img", "one", disk_access::read_only)));
        REQUIRE_FALSE(refused);
        CHECK(refused.error().message().find("QMP blockdev-add: no: ") != std::string::npos);
    }
    run((*machine)->stop(0s));
}

TEST_CASE_METHOD(host, "which accelerator works is remembered", "[vmm]") {
    auto memory = plan.directory + "/accelerator";
    plan.accel = accelerator::automatic;
    auto machine = run(service.boot(plan, boot_limits(), memory));
    REQUIRE(machine);
    run((*machine)->stop(0s));
    // Where /dev/kvm does not open there is nothing to remember.
    bool has_kvm = ::access("/dev/kvm", R_OK | W_OK) == 0;
    auto remembered = read_file(memory);
    CHECK(static_cast<bool>(remembered) == has_kvm);
    if (remembered) CHECK(*remembered == "kvm");
}

TEST_CASE_METHOD(host, "an emulated kernel does not test its timer against the processor's speed", "[vmm]") {
    for (auto accel : {accelerator::tcg, accelerator::kvm}) {
        plan.accel = accel;
        auto machine = boot();
        REQUIRE(machine);
        auto command = read_file(plan.directory + "/command").value();
        CHECK((command.find(" no_timer_check ") != std::string::npos) == (accel == accelerator::tcg));
        run((*machine)->stop(0s));
    }
}

TEST_CASE("VMs are killed with the context that booted them", "[vmm]") {
    unique_fd process;
    {
        host gone;
        auto machine = gone.boot();
        REQUIRE(machine);
        process = unique_fd(static_cast<int>(::syscall(SYS_pidfd_open, (*machine)->pid(), 0)));
    }
    pollfd watched{process.get(), POLLIN, 0};
    CHECK(::poll(&watched, 1, 60'000) == 1);
}
