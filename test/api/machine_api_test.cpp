// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/machine_api.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <limits>

#include "api/api_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/system_service.hpp"
#include "vminit/system/v1/machine.ttrpc.hpp"

using namespace vminit;
using namespace std::chrono_literals;
namespace wire = vminit::system::v1;

namespace {

class machine_fixture : public test::api_fixture {
public:
    machine_fixture() {
        system::system_config config;
        config.sysfs = directory.path("sys");
        config.devices = directory.path("dev");
        config.read_device_clock = [](int) -> result<wall_time> { return wall_now() - 1h; };
        asio::make_service<system::system_service>(ctx, std::move(config));
        api::machine_api_options options;
        options.resolv_conf = [this] { return directory.path("resolv.conf"); };
        server().add(api::make_machine_api(ctx, std::move(options)));
    }
    ~machine_fixture() { syscalls::set_fault_hook(nullptr); }

    void put(const std::string& name, const std::string& text) {
        auto path = directory.path(name);
        REQUIRE(make_directories(path.substr(0, path.rfind('/')), 0755));
        REQUIRE(replace_file(path, text, 0644));
    }
    wire::MachineClient client() { return wire::MachineClient(rpc()); }

    test::temporary_directory directory;
};

}  // namespace

TEST_CASE_METHOD(machine_fixture, "Clock tells the time, and the clocks to compare it with", "[api]") {
    put("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
    put("sys/class/ptp/ptp0/clock_name", "KVM virtual PTP\n");
    put("dev/ptp0", "");
    auto before = wall_now();
    auto answer = run(client().Clock({}));
    REQUIRE(answer);
    auto seconds = std::chrono::floor<std::chrono::seconds>(before).time_since_epoch().count();
    CHECK(answer->now().seconds() >= seconds);
    CHECK(answer->now().seconds() < seconds + 3600);
    CHECK(answer->source() == "tsc");
    REQUIRE(answer->devices_size() == 1);
    CHECK(answer->devices(0).name() == "ptp0");
    CHECK(answer->devices(0).description() == "KVM virtual PTP");
    CHECK(std::chrono::nanoseconds(answer->devices(0).ahead_ns()) > 59min);
    CHECK(answer->devices(0).problem().empty());
}

TEST_CASE_METHOD(machine_fixture, "a Clock that may not be moved, or not so far, is refused", "[api]") {
    syscalls::set_fault_hook(
        [](std::string_view name) { return name == "clock_settime" || name == "adjtimex" ? EPERM : 0; });
    wire::ClockRequest request;
    std::string expected;
    SECTION("a step") {
        request.set_step_ns(-1);
        expected = "clock_settime: Operation not permitted: permission denied";
    }
    SECTION("a slew") {
        request.set_slew_ns(0);
        expected = "adjtimex: Operation not permitted: permission denied";
    }
    SECTION("both") {
        request.set_step_ns(1);
        request.set_slew_ns(1);
        expected = "a step and a slew: only one can be followed: invalid argument";
    }
    SECTION("a step out of time") {
        request.set_step_ns(std::numeric_limits<std::int64_t>::min());
        expected = "a step to a time outside 1970 to 2200: invalid argument";
    }
    SECTION("a slew for hours") {
        request.set_slew_ns(10000000001);
        expected = "a slew of more than 10 s either way, which takes hours: step the clock: invalid argument";
    }
    auto answer = run(client().Clock(request));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().message() == expected);
}

TEST_CASE_METHOD(machine_fixture, "Network tells what there is", "[api]") {
    put("resolv.conf", "search corp.example\nnameserver 10.0.2.3\nnameserver \xff\n");
    auto answer = run(client().Network({}));
    REQUIRE(answer);
    REQUIRE(answer->links_size() > 0);
    CHECK(answer->links(0).name() == "lo");
    CHECK(answer->links(0).index() == 1);
    CHECK(answer->links(0).mtu() > 0);
    REQUIRE(answer->name_servers_size() == 2);
    CHECK(answer->name_servers(0) == "10.0.2.3");
    CHECK(answer->name_servers(1) == "\xef\xbf\xbd");
    CHECK(answer->search(0) == "corp.example");
}

TEST_CASE_METHOD(machine_fixture, "Network sets names in place, and others not at all", "[api]") {
    put("resolv.conf", "nameserver 10.0.2.3\n");
    auto open = syscalls::open(directory.path("resolv.conf"), O_RDONLY).value();  // as a container's bind mount
    wire::NetworkRequest request;
    request.set_action(wire::NetworkRequest::SET_DNS);
    request.add_name_servers("fd00::3");
    request.add_search("a.example");
    auto answer = run(client().Network(request));
    REQUIRE(answer);
    CHECK(answer->name_servers(0) == "fd00::3");
    CHECK(read_file("/proc/self/fd/" + std::to_string(open.get())).value() == "search a.example\nnameserver fd00::3\n");
    request.add_name_servers("nonsense");
    CHECK(run(client().Network(request)).error().message() == "bad address \"nonsense\": invalid argument");
    CHECK(read_file(directory.path("resolv.conf")).value() == "search a.example\nnameserver fd00::3\n");
}

TEST_CASE_METHOD(machine_fixture, "a change of the network that makes no sense is refused", "[api]") {
    wire::NetworkRequest request;
    auto refusal = [&] {
        auto answer = run(client().Network(request));
        return answer ? "accepted" : answer.error().message();
    };
    request.set_action(static_cast<wire::NetworkRequest::Action>(6));
    CHECK(refusal() == "action 6 on a network: invalid argument");
    request.set_action(wire::NetworkRequest::ADD_ADDRESS);
    CHECK(refusal() == "the network device is missing: invalid argument");
    request.set_device("no-such-dev");
    CHECK(refusal() == "the address is missing: invalid argument");
    request.set_address("10.0.0.1/33");
    CHECK(refusal() == "bad address \"10.0.0.1/33\": invalid argument");
    request.set_address("10.0.0.1/24");
    CHECK(refusal() == "network device no-such-dev: not found");
    request.set_action(wire::NetworkRequest::ADD_ROUTE);
    request.set_gateway("fd00::1");
    CHECK(refusal() == "bad route \"10.0.0.1/24@fd00::1\": invalid argument");
}

TEST_CASE_METHOD(machine_fixture, "Reclaim makes the kernel give memory up, and only once at a time", "[api]") {
    // Of this machine nothing is given up: compaction is skipped, and the cgroup root is a directory of files.
    put("sys/fs/cgroup/memory.reclaim", "");
    wire::ReclaimRequest request;
    request.set_bytes(4096);
    request.set_skip_compaction(true);
    auto answer = run(client().Reclaim(request));
    REQUIRE(answer);
    CHECK(read_file(directory.path("sys/fs/cgroup/memory.reclaim")).value() == "4096");
    CHECK(answer->before().free() > 0);
    CHECK(answer->after().available() > 0);
    CHECK_FALSE(answer->stopped());
    CHECK(answer->remarks_size() == 0);
    request.set_id("none");
    CHECK(run(client().Reclaim(request)).error().message() == "container not created: not found");
}
