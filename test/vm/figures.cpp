// SPDX-License-Identifier: Apache-2.0
// The figures of test/vm/report: each test case prints rows "figure<TAB>measured<TAB>budget". They are measured in the
// VM of VMINIT_VM_DIR and in VMs of their own; nothing is judged here, because under emulation only ratios mean much.
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <optional>

#include "event_watch.hpp"
#include "inside/pattern.hpp"
#include "observer.hpp"
#include "probe.hpp"
#include "qmp_connection.hpp"
#include "test_size.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

void row(const char* figure, double measured, const char* unit, const char* budget) {
    std::printf("%s\t%.*f %s\t%s\n", figure, measured < 10 ? 2 : 1, measured, unit, budget);
    std::fflush(stdout);
}

/// Milliseconds of processor time that PID 1 takes for one of `count` pieces of work, its reading of figures deducted.
double cpu_of_one(observer& eye, std::size_t count, const std::function<void()>& work) {
    work();  // what happens only the first time
    auto idle_begin = eye.cpu_of_pid_one();
    auto idle_end = eye.cpu_of_pid_one();
    auto begin = eye.cpu_of_pid_one();
    for (std::size_t i = 0; i < count; ++i) work();
    auto spent = eye.cpu_of_pid_one() - begin - (idle_end - idle_begin);
    return static_cast<double>(spent) / 1e6 / static_cast<double>(count);
}

void connect_ping_close(guest& vm) {
    auto socket = vm.connect_raw();
    REQUIRE(vm.run(vminitctl::probe(socket, guest::limit)));
}

awaitable<std::size_t> count_bytes(ttrpc::stream_socket& stream) {
    std::string block(1 << 20, '\0');
    std::size_t total = 0;
    for (;;) {
        auto [failure, count] = co_await stream.async_read_some(asio::buffer(block), as_tuple_awaitable);
        total += count;
        if (failure) co_return total;
    }
}

/// MB that an exec writes to the host for each second of PID 1's processor time.
double output_per_cpu_second(guest& vm, observer& eye, const std::string& id, std::size_t bytes) {
    named_stream out(vm);
    std::vector<std::string> arguments{"/bin/worker", "pattern", std::to_string(bytes)};
    REQUIRE(vm.exec(id, "writer", exec_wish(arguments), stdio_uris("", out.uri, "")));
    auto begin = eye.cpu_of_pid_one();
    REQUIRE(vm.start(id, "writer"));
    REQUIRE(vm.run(count_bytes(out.socket)) == bytes);
    auto spent = eye.cpu_of_pid_one() - begin;
    REQUIRE(vm.wait(id, "writer"));
    REQUIRE(vm.remove(id, "writer"));
    return static_cast<double>(bytes) / 1e6 / (static_cast<double>(spent) / 1e9);
}

/// Milliseconds from ctrl-alt-del to the guest's power-off, by QEMU's account.
double power_off_time(const virtual_machine& machine) {
    qmp_connection monitor(machine.directory());
    auto begin = std::chrono::steady_clock::now();
    monitor.send(R"({"execute":"send-key","arguments":{"hold-time":1,"keys":[{"type":"qcode","data":"ctrl"},)"
                 R"({"type":"qcode","data":"alt"},{"type":"qcode","data":"delete"}]}})");
    monitor.wait_for_line_with(R"("SHUTDOWN")");
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

// By the guest's clock, so that the host's way to the guest does not count.
TEST_CASE("first container", "[.figures]") {
    guest vm(virtual_machine::shared_address());
    auto info = vm.run(vm.system().Info({}, guest::limit));
    REQUIRE(info);
    auto outcome = vm.run_container(container_wish(std::vector<std::string>{"/bin/worker", "uptime"}));
    REQUIRE(outcome.status == 0);
    auto taken = std::stoll(outcome.out) - static_cast<long long>(info->uptime_us());
    row("a first container: asked for, to its first byte", static_cast<double>(taken) / 1000, "ms", "");
}

TEST_CASE("memory", "[.figures]") {
    constexpr std::size_t count = 20;
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    auto rss = [&] {
        return eye.number("while read -r n v u; do [ $n != Rss: ] || echo $v; done </proc/1/smaps_rollup");
    };
    vm.kill_and_remove(vm.run_sleeper());
    row("PID 1 resident", static_cast<double>(rss()), "KB", "3500 KB");
    row("  of it anonymous", static_cast<double>(eye.memory_of_pid_one()), "KB", "600 KB");
    row("threads when idle", static_cast<double>(eye.number("sleep 4; ls /proc/1/task | wc -l")), "", "1, and the one for signals");

    auto before = eye.memory_of_pid_one();
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < count; ++i) ids.push_back(vm.run_sleeper());
    auto with_containers = eye.memory_of_pid_one();
    row("extra memory of a running container", static_cast<double>(with_containers - before) / count, "KB", "48 KB");
    for (std::size_t i = 0; i < count; ++i) {
        auto exec_id = "e" + std::to_string(i);
        REQUIRE(vm.exec(ids[0], exec_id, exec_wish("exec sleep 100000")));
        REQUIRE(vm.start(ids[0], exec_id));
    }
    auto with_execs = eye.memory_of_pid_one();
    row("extra memory of a running exec", static_cast<double>(with_execs - with_containers) / count, "KB", "24 KB");
    for (const auto& id : ids) vm.kill_and_remove(id);
    row("kept when all of these are deleted", static_cast<double>(eye.memory_of_pid_one() - before), "KB", "");
}

TEST_CASE("processor time", "[.figures]") {
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    auto id = vm.run_sleeper();
    row("PID 1 CPU per Info call", cpu_of_one(eye, 300, [&] { CHECK(vm.run(vm.system().Info({}, guest::limit))); }),
        "ms", "0.54 ms");
    row("PID 1 CPU per connect + ping + close", cpu_of_one(eye, 100, [&] { connect_ping_close(vm); }), "ms", "1.0 ms");
    container_wish quick(std::vector<std::string>{"/bin/true"});
    row("PID 1 CPU per container cycle", cpu_of_one(eye, 10, [&] { vm.run_container(quick); }), "ms", "30 ms");
    exec_wish once(std::vector<std::string>{"/bin/true"});
    row("PID 1 CPU per exec", cpu_of_one(eye, 20, [&] { vm.run_exec(id, once); }), "ms", "8 ms");
    vm.kill_and_remove(id);
    auto health = vm.run(vm.system().Health({}, guest::limit));
    REQUIRE(health);
    row("longest loop stall meanwhile", static_cast<double>(health->longest_stall_us()) / 1000, "ms", "5 ms");
}

TEST_CASE("output", "[.figures]") {
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    auto id = vm.run_sleeper();
    auto bytes = test_size("VMINIT_OUTPUT_MIB", 64) << 20;
    row("stdout per PID 1 CPU second", output_per_cpu_second(vm, eye, id, bytes), "MB", ">= 50 MB");
    vm.kill_and_remove(id);
}

TEST_CASE("idle", "[.figures]") {
    guest vm(virtual_machine::shared_address());
    event_watch watch(vm);
    observer eye(vm);
    (void)eye.wake_ups_within(40);  // the deadlines of calls that have been answered, and threads that had a job, are over then
    row("wake-ups of PID 1 in an idle minute", static_cast<double>(eye.wake_ups_within(60)), "", "0");
}

TEST_CASE("power-off", "[.figures]") {
    auto measure = [](int containers, bool listens) {
        virtual_machine machine({});
        guest vm(machine.address());
        for (int i = 0; i < containers; ++i) vm.run_sleeper();
        std::optional<event_watch> watch;
        if (listens) watch.emplace(vm);
        return power_off_time(machine);
    };
    row("power-off, nothing runs", measure(0, false), "ms", "200 ms");
    row("power-off, 5 containers", measure(5, false), "ms", "200 ms");
    row("power-off, 11 containers, open event stream", measure(11, true), "ms", "200 ms");
}
