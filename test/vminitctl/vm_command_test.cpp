// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>

#include "support/print_result.hpp"
#include "support/temporary_directory.hpp"
#include "vm/process_end.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/unique_fd.hpp"
#include "vminit/vmm/vm_record.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

struct outcome {
    int status = -1;
    std::string text;  // stdout and stderr
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

bool ends(const unique_fd& process, int milliseconds = 60000) {
    pollfd watched{process.get(), POLLIN, 0};
    return !process || ::poll(&watched, 1, milliseconds) == 1;
}

/// The real program, with test/vmm/fake_qemu and fake_vsock_device for a VM.
struct host {
    host() {
        ::setenv("VMINIT_STATE", state.path().c_str(), 1);
        ::setenv("VMINIT_SHIM_CONFIG", "/nowhere/shim.json", 1);
        for (const auto* name : {"kernel", "initrd"}) REQUIRE(replace_file(parts.path(name), "", 0600));
    }
    ~host() {
        auto known = vmm::read_records(state.path());
        if (!known) return;
        for (const auto& vm : *known) (void)run("vm stop --force " + vm.directory);
    }
    host(const host&) = delete;
    host& operator=(const host&) = delete;

    static outcome run(const std::string& line) { return outcome_of(begin(line)); }

    static FILE* begin(const std::string& line) {
        auto* stream = ::popen((std::string(VMINIT_CLIENT) + " " + line + " 2>&1").c_str(), "r");
        REQUIRE(stream != nullptr);
        return stream;
    }
    static outcome outcome_of(FILE* stream) {
        outcome ended;
        std::array<char, 4096> block{};
        while (auto count = ::fread(block.data(), 1, block.size(), stream)) ended.text.append(block.data(), count);
        auto status = ::pclose(stream);
        ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        return ended;
    }
    std::string start_line(const std::string& fate, const std::string& more = {}) const {
        return "vm start --kernel " + parts.path("kernel") + " --initrd " + parts.path("initrd") +
               " --accel tcg --qemu " FAKE_VMM_DIR "/fake_qemu --vsock-device " FAKE_VMM_DIR
               "/fake_vsock_device --args " +
               fate + " " + more;
    }
    outcome start(const std::string& fate, const std::string& more = {}) const { return run(start_line(fate, more)); }
    vmm::vm_record known() const {
        auto record = vmm::read_record(vm);
        REQUIRE(record);
        return *record;
    }
    bool is_empty() const {
        for (const auto& entry : std::filesystem::directory_iterator(state.path())) {
            UNSCOPED_INFO(entry.path());
            if (entry.is_directory()) return false;
        }
        return true;
    }

    temporary_directory state;
    temporary_directory parts;
    std::string vm = state.path("vm");
};

}  // namespace

TEST_CASE_METHOD(host, "vm start, list, status, console and stop work, and other commands find the VM by its name",
                 "[vminitctl]") {
    auto started = start("serves");
    CAPTURE(started.text);
    REQUIRE(started.status == 0);
    CHECK(has(started.text, "address:         hvsock://" + vm + "/vm.sock:1024\n"));
    auto listed = run("vm list --json");
    auto rows = boost::json::parse(listed.text).as_array();
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].at("name") == "vm");
    CHECK(rows[0].at("state") == "running");
    CHECK(rows[0].at("memory_mib") == 512);
    auto shown = run("vm status");
    CHECK(shown.status == 0);
    CHECK(has(shown.text, "answers:         yes"));
    CHECK(run("--vm vm ping").status == 0);
    CHECK(run("vm console --once").text == "booting\r\nVMINITD_READY uptime_us=1 phase=serve\r\n");
    auto again = start("serves");
    CHECK(again.status == 1);
    CHECK(again.text == "vminitctl: already exists: a VM runs in " + vm + "\n");

    auto keeper = vminitctl::open_process(known().keeper);
    auto qemu = vminitctl::open_process(known().pid);
    REQUIRE(keeper);
    auto stopped = run("vm stop");
    CHECK(stopped.status == 0);
    CHECK(has(stopped.text, "outcome:    powered off\n"));
    CHECK(ends(keeper, 0));
    CHECK(ends(qemu, 0));
    CHECK(is_empty());
    CHECK(run("vm list --json").text == "[]\n");
}

TEST_CASE_METHOD(host, "a VM that does not start: one sentence, and nothing is left", "[vminitctl]") {
    auto [fate, more, sentence] = GENERATE(table<std::string, std::string, std::string>({
        {"panics", "",
         "vminitctl: unavailable: the kernel panicked: Kernel panic - not syncing; its console ends with:\nbooting\n"},
        {"ends", "", "vminitctl: unavailable: QEMU ended: fake_qemu: no such machine\n"},
        {"sleeps", "--limit 1", "vminitctl: context deadline exceeded: the guest has not answered within 1 s"},
        {"serves", "--kernel /nowhere/vmlinuz",
         "vminitctl: not found: kernel: /nowhere/vmlinuz (--kernel names another)\n"},
        {"serves", "--disk /nowhere/disk:root", "vminitctl: not found: disk /nowhere/disk\n"},
        {"serves", "--share /nowhere:home", "vminitctl: not found: shared directory /nowhere\n"},
        {"serves", "--machine microvm-bare",
         "vminitctl: invalid argument: a microvm without ACPI takes no arguments of init\n"},
    }));
    auto failed = start(fate, more);
    CAPTURE(fate, more, failed.text);
    CHECK(failed.status == 1);
    CHECK(failed.text.starts_with(sentence));
    CHECK(is_empty());
    if (fate == "sleeps") CHECK(has(failed.text, "\nprocessors:\nCPU#0\nRIP=ffffffff81000000\n"));
}

TEST_CASE_METHOD(host, "what vm start cannot understand is a wrong command line", "[vminitctl]") {
    auto [more, sentence] = GENERATE(table<std::string, std::string>({
        {"--disk root.img", "FILE:SERIAL[:ro|:rw|:snapshot]"},
        {"--share /tmp", "DIR:TAG"},
        {"--network bridge", "user or tap:NAME"},
        {"--machine pc", "q35, microvm, microvm-bare or virt"},
        {"--accel xen", "auto, kvm or tcg"},
        {"--memory 4K", "16M of memory at least"},
    }));
    auto failed = start("serves", more);
    CAPTURE(more, failed.text);
    CHECK(failed.status == 2);
    CHECK(has(failed.text, sentence));
    CHECK(has(failed.text, "(see vminitctl vm start --help)\n"));
}

TEST_CASE_METHOD(host, "a VM goes with its keeper, and what is left of it is told and cleared away", "[vminitctl]") {
    REQUIRE(start("serves").status == 0);
    auto qemu = vminitctl::open_process(known().pid);
    auto keeper = vminitctl::open_process(known().keeper);
    vminitctl::signal_process(keeper, SIGKILL);
    CHECK(ends(keeper));
    CHECK(ends(qemu));
    CHECK(has(run("vm list").text, "lost"));
    CHECK(run("vm status").status == 3);
    SECTION("by stop") { CHECK(has(run("vm stop").text, "was gone")); }
    SECTION("by the next start") {
        REQUIRE(start("serves").status == 0);
        CHECK(run("vm stop").status == 0);
    }
    CHECK(is_empty());
}

TEST_CASE_METHOD(host, "who talks to a guest is told when its VM is killed", "[vminitctl]") {
    REQUIRE(start("serves").status == 0);
    REQUIRE(replace_file(vm + "/hold", "", 0600));
    auto* client = begin("--vm vm events");
    while (::access((vm + "/held").c_str(), F_OK) != 0) continue;
    vminitctl::signal_process(vminitctl::open_process(known().pid), SIGKILL);
    auto ended = outcome_of(client);
    CAPTURE(ended.text);
    CHECK(ended.status == 1);
    CHECK(has(ended.text, "vminitctl: unavailable: "));
}

TEST_CASE_METHOD(host, "who starts a VM and goes before it serves takes it along", "[vminitctl]") {
    auto pid = ::fork();
    REQUIRE(pid >= 0);
    auto line = "exec " + std::string(VMINIT_CLIENT) + " " + start_line("hangs");
    if (pid == 0) {
        ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
        ::_exit(127);
    }
    // The VMM is there when its log is.
    while (::access((vm + "/qemu.log").c_str(), F_OK) != 0) REQUIRE(::waitpid(pid, nullptr, WNOHANG) == 0);
    auto keeper = vminitctl::open_process(known().keeper);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    CHECK(ends(keeper));
    CHECK(is_empty());
}

TEST_CASE_METHOD(host, "a VM ends with its owner", "[vminitctl]") {
    auto owner = ::fork();
    REQUIRE(owner >= 0);
    if (owner == 0) {
        ::pause();
        ::_exit(0);
    }
    REQUIRE(start("serves", "--owner " + std::to_string(owner)).status == 0);
    auto keeper = vminitctl::open_process(known().keeper);
    CHECK_FALSE(ends(keeper, 0));
    ::kill(owner, SIGKILL);
    ::waitpid(owner, nullptr, 0);
    CHECK(ends(keeper));
    CHECK(is_empty());
}

TEST_CASE_METHOD(host, "the logs of a VM can stay, in a directory of one's own", "[vminitctl]") {
    temporary_directory own;
    REQUIRE(replace_file(own.path("mine"), "", 0600));
    REQUIRE(start("hangs", "--no-wait --keep " + own.path()).status == 0);
    auto record = vmm::read_record(own.path());
    REQUIRE(record);
    CHECK(has(run("vm status " + own.path()).text, "state:           running"));
    auto keeper = vminitctl::open_process(record->keeper);
    vminitctl::signal_process(keeper, SIGINT);
    CHECK(ends(keeper));
    CHECK(has(run("vm status " + own.path()).text, "ended"));
    CHECK(*read_file(own.path("console.log")) == "booting\r\n");
    CHECK(run("vm stop " + own.path()).status == 0);
    CHECK_FALSE(read_file(own.path("console.log")));
    CHECK(read_file(own.path("mine")));
}

TEST_CASE_METHOD(host, "a guest that does not power off in time is ended", "[vminitctl]") {
    REQUIRE(start("refuses").status == 0);
    auto qemu = vminitctl::open_process(known().pid);
    auto stopped = run("vm stop --limit 0.1");
    CHECK(stopped.status == 0);
    CHECK(has(stopped.text, "ended, it did not power off in time"));
    CHECK(ends(qemu, 0));
    CHECK(is_empty());
}

TEST_CASE_METHOD(host, "a VM that is none, or another's, is not stopped", "[vminitctl]") {
    auto none = run("vm stop nobody");
    CHECK(none.status == 1);
    CHECK(none.text == "vminitctl: not found: a VM in " + state.path("nobody") + "\n");
    CHECK(run("--vm nobody ping").text == "vminitctl: not found: a VM in " + state.path("nobody") + "\n");
    vmm::vm_record shims;
    shims.rpc = "vsock://9:1024";
    shims.pid = ::getpid();
    shims.space = "default";
    shims.containers = {"web"};
    REQUIRE(make_directories(vm, 0700));
    REQUIRE(replace_file(vm + "/vm.json", vmm::to_text(shims), 0600));
    auto another = run("vm stop");
    CHECK(another.status == 1);
    CHECK(has(another.text, "the containerd shim's"));
    CHECK(has(run("vm list").text, "web"));
    std::filesystem::remove_all(vm);
}
