// SPDX-License-Identifier: Apache-2.0
#include "pod_network.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "tool.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/reaper/reaper_service.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace vminit::shim;

namespace {

/// A network namespace as CNI leaves it, there as long as this is, and the directories of two VMs.
struct pod : io_fixture {
    pod() {
        auto pipe = syscalls::pipe().value();
        reaper::spawn_options options("unshare",
                                      {"unshare", "--net", "sh", "-ec",
                                       "ip link add eth0 address 0a:00:00:00:00:01 mtu 1400 type veth peer name h0;"
                                       "ip address add 10.1.1.2/24 dev eth0; ip link set eth0 up;"
                                       "ip route add default via 10.1.1.1; echo made; exec sleep 1000"});
        options.stdout_fd = pipe.write_end.get();
        holder = asio::use_service<reaper::reaper_service>(ctx).launch(std::move(options)).value();
        pipe.write_end.reset();
        char said = 0;
        REQUIRE(::read(pipe.read_end.get(), &said, 1) == 1);
        path = "/proc/" + std::to_string(holder.pid()) + "/ns/net";
        for (const auto* name : {"a", "b"}) std::filesystem::create_directory(directory.path(name));
    }
    ~pod() {
        (void)holder.signal(SIGKILL);
        (void)run(holder.wait());
    }
    network_wish wish() const {
        network_wish made;
        made.path = path;
        return made;
    }
    /// All of its links, queues and filters.
    std::string state() {
        tool call({"sh", "-c", "ip -o link | cut -d' ' -f2; tc qdisc show dev eth0; tc filter show dev eth0 ingress"});
        call.network_namespace = path;
        return run(output_of(ctx, std::move(call))).value();
    }
    bool has(const std::string& part) { return state().find(part) != std::string::npos; }

    temporary_directory directory;
    reaper::child holder;
    std::string path;
};

}  // namespace

TEST_CASE("a record is read as it was written", "[shim]") {
    network_record record;
    record.network_namespace = "/run/netns/\"x\"";
    record.interfaces = {"eth0", "net1"};
    record.taps = {"vm1-0", "vm1-1"};
    CHECK(parse_record(record_text(record)).value() == record);
    for (const auto* wrong : {"", "[]", "{}", R"({"namespace":1})"})
        CHECK(parse_record(wrong).error().kind() == errc::invalid_argument);
}

TEST_CASE_METHOD(io_fixture, "no namespace is no network, and what is none of them is refused", "[shim]") {
    temporary_directory directory;
    pod_network network(ctx, directory.path());
    CHECK(run(network.prepare(network_wish())));
    vmm::vm_plan plan;
    network.add_to(plan);
    CHECK(plan.cards.empty());
    CHECK(plan.has_new_network);
    network_wish wish;
    for (auto [path, kind, part] : {std::tuple("/nowhere/netns", errc::not_found, "stat /nowhere/netns"),
                                    std::tuple("/dev/null", errc::invalid_argument, "is no network namespace"),
                                    std::tuple("/proc/self/ns/net", errc::invalid_argument, "is the host's own")}) {
        wish.path = path;
        auto refused = run(network.prepare(wish));
        REQUIRE_FALSE(refused);
        CHECK(refused.error().kind() == kind);
        CHECK(refused.error().message().find(part) != std::string::npos);
    }
    wish.mode = network_mode::user;
    REQUIRE(run(network.prepare(wish)));
    network.add_to(plan);
    CHECK(plan.cards.size() == 1);
    CHECK(plan.network_namespace.empty());
    CHECK_FALSE(plan.has_new_network);
    CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE_METHOD(pod, "taps and redirects are made, belong to one VM, and are undone", "[.][privileged]") {
    auto before = state();
    pod_network network(ctx, directory.path("a"));
    auto prepared = run(network.prepare(wish()));
    CAPTURE(prepared ? std::string() : prepared.error().message());
    REQUIRE(prepared);
    vmm::vm_plan plan;
    network.add_to(plan);
    REQUIRE(plan.cards.size() == 1);
    CHECK(plan.cards[0].mac == "0a:00:00:00:00:01");
    CHECK(plan.cards[0].mtu == 1400);
    CHECK(plan.network_namespace == path);
    CHECK_FALSE(plan.has_new_network);
    CHECK(has(plan.cards[0].tap));
    CHECK(has("Egress Redirect to device " + plan.cards[0].tap));

    SECTION("another VM is refused and changes nothing") {
        auto made = state();
        pod_network other(ctx, directory.path("b"));
        auto refused = run(other.prepare(wish()));
        REQUIRE_FALSE(refused);
        CHECK(refused.error().kind() == errc::failed_precondition);
        CHECK(refused.error().message().find("eth0 cannot be redirected") != std::string::npos);
        CHECK(state() == made);
    }
    SECTION("by the shim") { run(network.undo()); }
    SECTION("twice does no harm") {
        run(network.undo());
        run(network.undo());
    }
    SECTION("by delete, from the record") { REQUIRE(run(undo_recorded_network(ctx, directory.path("a")))); }
    SECTION("also when some of it is gone already") {
        tool call({"ip", "link", "del", plan.cards[0].tap});
        call.network_namespace = path;
        REQUIRE(run(output_of(ctx, std::move(call))));
    }
    run(network.undo());
    CHECK(state() == before);
    CHECK(std::filesystem::is_empty(directory.path("a")));
}

TEST_CASE_METHOD(pod, "what fails half way is undone", "[.][privileged]") {
    auto before = state();
    // There is no tap of that name to be had: the directory's checksum is the same for the same directory.
    pod_network first(ctx, directory.path("a"));
    REQUIRE(run(first.prepare(wish())));
    vmm::vm_plan plan;
    first.add_to(plan);
    run(first.undo());
    tool call({"ip", "link", "add", plan.cards[0].tap, "type", "veth", "peer", "name", "h1"});
    call.network_namespace = path;
    REQUIRE(run(output_of(ctx, std::move(call))));
    pod_network network(ctx, directory.path("a"));
    auto failed = run(network.prepare(wish()));
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message().starts_with("network: ip: "));
    CHECK(state() == before);
    CHECK(std::filesystem::is_empty(directory.path("a")));
}

TEST_CASE_METHOD(pod, "a namespace that is gone needs no undoing", "[.][privileged]") {
    pod_network network(ctx, directory.path("a"));
    REQUIRE(run(network.prepare(wish())));
    REQUIRE(holder.signal(SIGKILL));
    (void)run(holder.wait());
    run(network.undo());
    CHECK(std::filesystem::is_empty(directory.path("a")));
    CHECK(run(undo_recorded_network(ctx, directory.path("a"))));
}
