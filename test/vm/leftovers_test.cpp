// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <csignal>

#include "observer.hpp"
#include "test_size.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

using system::mount_entry;

std::string failure_of(const result<std::uint32_t>& outcome) {
    REQUIRE_FALSE(outcome);
    return outcome.error().message();
}

bool names_the_missing(const std::string& text) {
    return text.find("executable file") != std::string::npos && text.find("nosuch") != std::string::npos &&
           text.find("not found") != std::string::npos;
}

}  // namespace

TEST_CASE("failed creates leave their ids and everything else as before", "[vm]") {
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    auto before = eye.remains();
    container_wish wish("exit 3");
    wish.rootfs = {mount_entry("erofs", "/dev/nosuch", "", {"ro"})};
    auto count = test_size("VMINIT_FAILED_CREATES", 40);
    for (std::size_t i = 0; i < count; ++i) {
        wish.id = guest::fresh_id();
        CHECK_FALSE(vm.create(wish));
    }
    CHECK(eye.remains() == before);
    // The last of these ids once more, from Bundle.Create on: without the program, then as it should be.
    container_wish missing(std::vector<std::string>{"/bin/nosuch"});
    missing.id = wish.id;
    CHECK(names_the_missing(failure_of(vm.create(missing))));
    CHECK(eye.remains() == before);
    wish.rootfs.clear();
    CHECK(vm.run_container(wish).status == 3);
    CHECK(eye.remains() == before);

    // What is not there is said so.
    task::CreateTaskRequest gone;
    gone.set_id(wish.id);
    gone.set_bundle("/run/bundles/" + wish.id);
    auto refused = vm.run(vm.tasks().Create(gone, guest::limit));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message().find("bundle /run/bundles/" + wish.id) != std::string::npos);
    CHECK(refused.error().kind() == errc::not_found);
    CHECK(vm.remove(wish.id).error().kind() == errc::not_found);
    auto wanted = vm.prepare(wish);
    REQUIRE(wanted);
    CHECK(vm.prepare(wish).error().kind() == errc::already_exists);
    CHECK(vm.run(vm.tasks().Create(*wanted, guest::limit)));
    CHECK(vm.remove(wish.id));
    CHECK(eye.remains() == before);
}

TEST_CASE("why a program is not run is said with a terminal, too", "[vm]") {
    guest vm(virtual_machine::shared_address());
    container_wish missing(std::vector<std::string>{"nosuch"});
    missing.id = guest::fresh_id();
    missing.has_terminal = true;
    named_stream shown(vm);
    auto refused = failure_of(vm.create(missing, stdio_uris("", shown.uri, "")));
    CAPTURE(refused);
    CHECK(names_the_missing(refused));

    auto id = vm.run_sleeper();
    exec_wish wish(std::vector<std::string>{"nosuch"});
    wish.has_terminal = true;
    named_stream out(vm);
    REQUIRE(vm.exec(id, "e", wish, stdio_uris("", out.uri, "")));
    auto not_started = failure_of(vm.start(id, "e"));
    CAPTURE(not_started);
    CHECK(names_the_missing(not_started));
    CHECK(vm.remove(id, "e"));
    vm.kill_and_remove(id);
}

TEST_CASE("a rootfs that somebody is in does not hold up Delete, nor stay mounted", "[vm]") {
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    auto before = eye.remains();
    auto id = vm.run_sleeper();
    CHECK(eye.ask("cd /proc/1/root/run/bundles/" + id + "/rootfs && ls bin/busybox") == "bin/busybox");
    vm.kill_and_remove(id);
    CHECK(eye.ask("grep -c /run/bundles/" + id + " /proc/1/mounts") == "0");
    CHECK(eye.ask("cd / && echo out") == "out");
    CHECK(eye.remains() == before);
}

TEST_CASE("cgroups that a container made inside its own go with it, frozen or not", "[vm]") {
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    auto before = eye.remains();
    named_stream out(vm);
    container_wish wish(
        "mount -t cgroup2 c /mnt; cd /mnt/$(cut -d: -f3 /proc/self/cgroup); mkdir -p a/b c; "
        "sleep 100000 & echo $! >a/b/cgroup.procs; sleep 100000 & echo $! >c/cgroup.procs; "
        "echo 1 >a/b/cgroup.freeze; echo 1 >c/cgroup.freeze; "
        "until grep -q 'frozen 1' a/b/cgroup.events && grep -q 'frozen 1' c/cgroup.events; do :; done; "
        "echo ready; exec sleep 100000");
    wish.id = guest::fresh_id();
    REQUIRE(vm.create(wish, stdio_uris("", out.uri, "")));
    REQUIRE(vm.start(wish.id));
    std::string ready(6, '\0');
    vm.run(asio::async_read(out.socket, asio::buffer(ready), use_awaitable));
    CHECK(ready == "ready\n");
    vm.kill_and_remove(wish.id);
    CHECK(eye.remains() == before);
}

TEST_CASE("orphans below an init that does not collect go with their container, those in the VM's namespace at once",
          "[vm]") {
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    auto before = eye.remains();
    constexpr const char* orphans = "for i in 1 2 3; do (sleep 0.1 >/dev/null & echo $!); done";
    constexpr const char* zombies = "cat /proc/[0-9]*/stat 2>/dev/null | sed 's/^.*) //' | grep -c ^Z";
    auto idle = eye.number(zombies);
    // As with any runtime: they are the children of the container's init, which does not ask for them.
    auto id = vm.run_sleeper();
    CHECK(vm.run_exec(id, exec_wish(orphans)).status == 0);
    eye.wait_until(zombies, std::to_string(idle + 3));
    vm.kill_and_remove(id);
    CHECK(eye.remains() == before);

    container_wish wish("exec sleep 100000");
    wish.id = guest::fresh_id();
    wish.pids = vminitctl::pid_namespace::host;
    REQUIRE(vm.create(wish));
    REQUIRE(vm.start(wish.id));
    auto run = vm.run_exec(wish.id, exec_wish(orphans));
    for (auto& c : run.out) c = c == '\n' ? ' ' : c;
    eye.wait_until("for pid in " + run.out + "; do [ ! -e /proc/$pid ] || echo there; done", "");
    vm.kill_and_remove(wish.id);
    CHECK(eye.remains() == before);
}

TEST_CASE("the stdin of execs that end without reading it leaves nothing", "[vm]") {
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    auto id = vm.run_sleeper();
    auto before = eye.remains();
    auto unclaimed = sample_of(vm.metrics(), "vminit_streams_unclaimed");
    const std::string more(64 * 1024, 'y');
    for (auto left = test_size("VMINIT_UNREAD_INPUTS", 5); left > 0; --left) {
        named_stream in(vm);
        asio::write(in.socket, asio::buffer(more));
        REQUIRE(vm.exec(id, "e", exec_wish(std::vector<std::string>{"/bin/true"}), stdio_uris(in.uri, "", "")));
        REQUIRE(vm.start(id, "e"));
        CHECK(vm.wait(id, "e")->exit_status() == 0);
        REQUIRE(vm.remove(id, "e"));
        CHECK(vm.run(read_to_end(in.socket)).empty());  // the guest's end is closed
    }
    CHECK(eye.remains() == before);
    CHECK(sample_of(vm.metrics(), "vminit_streams_unclaimed") == unclaimed);
    vm.kill_and_remove(id);
}
