// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <csignal>

#include "guest.hpp"
#include "stdio_streams.hpp"
#include "virtual_machine.hpp"
#include "vminit/core/timeout.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace std::chrono_literals;

namespace {

task::WaitRequest wait_request(const std::string& id) {
    task::WaitRequest request;
    request.set_id(id);
    return request;
}

}  // namespace

TEST_CASE("a container runs to completion and both outputs are exact", "[vm]") {
    guest vm(virtual_machine::shared_address());
    auto outcome = vm.run_container(container_wish("printf 'out\\0put\\n'; printf 'err or' >&2"));
    CHECK(outcome.status == 0);
    CHECK(outcome.out == std::string("out\0put\n", 8));
    CHECK(outcome.err == "err or");
}

TEST_CASE("the exit status is the process's, or 128 and the signal", "[vm]") {
    guest vm(virtual_machine::shared_address());
    CHECK(vm.run_container(container_wish("exit 0")).status == 0);
    CHECK(vm.run_container(container_wish("exit 7")).status == 7);
    CHECK(vm.run_container(container_wish("exit 255")).status == 255);
}

TEST_CASE("kill ends a running container and Wait tells the signal", "[vm]") {
    guest vm(virtual_machine::shared_address());
    container_wish wish("exec sleep 1000");
    wish.id = guest::fresh_id();
    REQUIRE(vm.create(wish));
    CHECK(vm.state(wish.id)->status() == containerd::v1::types::CREATED);
    REQUIRE(vm.start(wish.id));
    CHECK(vm.state(wish.id)->status() == containerd::v1::types::RUNNING);
    auto early = vm.remove(wish.id);
    REQUIRE_FALSE(early);
    CHECK(early.error().message() == "cannot delete a running process: failed precondition");
    REQUIRE(vm.kill(wish.id, SIGKILL));
    CHECK(vm.wait(wish.id)->exit_status() == 137);
    auto state = vm.state(wish.id);
    CHECK(state->status() == containerd::v1::types::STOPPED);
    CHECK(state->exit_status() == 137);
    auto again = vm.kill(wish.id, SIGKILL);
    REQUIRE_FALSE(again);
    CHECK(again.error().kind() == errc::not_found);
    CHECK(vm.remove(wish.id)->exit_status() == 137);
    CHECK(vm.state(wish.id).error().message() == "container not created: not found");
}

TEST_CASE("Wait answers when it is called before the exit and when it is called after", "[vm]") {
    using namespace asio::experimental::awaitable_operators;
    guest vm(virtual_machine::shared_address());
    container_wish wish("exec sleep 1000");
    wish.id = guest::fresh_id();
    REQUIRE(vm.create(wish));
    task::StartRequest start;
    start.set_id(wish.id);
    task::KillRequest kill;
    kill.set_id(wish.id);
    kill.set_signal(SIGKILL);
    auto tasks = vm.tasks();
    // The wait is on the wire first; the other two make it true.
    auto begin_and_kill = [](task::TaskClient client, task::StartRequest first,
                             task::KillRequest second) -> awaitable<bool> {
        auto started = co_await client.Start(first, guest::limit);
        auto killed = co_await client.Kill(second, guest::limit);
        co_return started.has_value() && killed.has_value();
    };
    auto both = vm.run(tasks.Wait(wait_request(wish.id), guest::limit) && begin_and_kill(tasks, start, kill));
    auto& early = std::get<0>(both);
    REQUIRE(early);
    CHECK(std::get<1>(both));
    CHECK(early->exit_status() == 137);
    auto late = vm.wait(wish.id);
    REQUIRE(late);
    CHECK(late->exit_status() == 137);
    CHECK(late->exited_at().seconds() == early->exited_at().seconds());
    CHECK(late->exited_at().nanos() == early->exited_at().nanos());
    CHECK(vm.remove(wish.id));
}

TEST_CASE("two containers run at once and do not mix", "[vm]") {
    using namespace asio::experimental::awaitable_operators;
    guest vm(virtual_machine::shared_address());
    std::vector<std::string> ids;
    std::vector<ttrpc::stream_socket> outputs;
    for (const char* word : {"first", "second"}) {
        std::string script = std::string("i=0; while [ $i -lt 200 ]; do echo ") + word + "; i=$((i+1)); done";
        container_wish wish(script.c_str());
        wish.id = guest::fresh_id();
        auto number = guest::fresh_number();
        outputs.push_back(vm.open_stream(number));
        REQUIRE(vm.create(wish, vminitctl::stdio_uris("", vminitctl::stream_uri(number), "")));
        ids.push_back(wish.id);
    }
    for (const auto& id : ids) REQUIRE(vm.start(id));
    auto [first, second] = vm.run(read_to_end(outputs[0]) && read_to_end(outputs[1]));
    std::string expected_first, expected_second;
    for (int i = 0; i < 200; ++i) {
        expected_first += "first\n";
        expected_second += "second\n";
    }
    CHECK(first == expected_first);
    CHECK(second == expected_second);
    for (const auto& id : ids) {
        CHECK(vm.wait(id)->exit_status() == 0);
        CHECK(vm.remove(id));
    }
}

TEST_CASE("stdin reaches the process and CloseIO ends it", "[vm]") {
    guest vm(virtual_machine::shared_address());
    container_wish wish("cat; echo done");
    wish.id = guest::fresh_id();
    auto in_number = guest::fresh_number();
    auto out_number = guest::fresh_number();
    auto in = vm.open_stream(in_number);
    auto out = vm.open_stream(out_number);
    REQUIRE(vm.create(wish,
                      vminitctl::stdio_uris(vminitctl::stream_uri(in_number), vminitctl::stream_uri(out_number), "")));
    // Before the process runs: the bytes wait in the socket.
    std::string text(200000, 'x');
    text += "\nlast\n";
    REQUIRE(vm.start(wish.id));
    auto feed = [](ttrpc::stream_socket& stream, std::string bytes) -> awaitable<std::size_t> {
        co_return co_await asio::async_write(stream, asio::buffer(bytes), use_awaitable);
    };
    CHECK(vm.run(feed(in, text)) == text.size());
    task::CloseIORequest close;
    close.set_id(wish.id);
    close.set_stdin(true);
    CHECK(vm.run(vm.tasks().CloseIO(close, guest::limit)));
    CHECK(vm.run(vm.tasks().CloseIO(close, guest::limit)));
    CHECK(vm.run(read_to_end(out)) == text + "done\n");
    CHECK(vm.wait(wish.id)->exit_status() == 0);
    CHECK(vm.remove(wish.id));
}

TEST_CASE("nothing is left after Delete", "[vm]") {
    guest vm(virtual_machine::shared_address());
    // From the VM's pid namespace: PID 1's descriptors, mounts, zombies, cgroups and the bundles. Looking needs a
    // container of its own, so both looks see one.
    const std::string look =
        "ls /proc/1/fd | wc -l; grep -c /run/bundles/ /proc/1/mounts; "
        "for s in /proc/[0-9]*/stat; do read -r line <$s 2>/dev/null && case ${line##*) } in Z*) echo zombie;; esac; "
        "done; "
        "ls /proc/1/root/run/crun /proc/1/root/run/runc 2>/dev/null | wc -l; find /proc/1/root/sys/fs/cgroup -type d | "
        "wc -l";
    auto before = vm.look_inside(look);
    for (int i = 0; i < 5; ++i) CHECK(vm.run_container(container_wish("echo x; (sleep 0.01 &) ; exit 3")).status == 3);
    auto after = vm.look_inside(look);
    CHECK(after == before);
}

TEST_CASE("the container has a root of its own, by pivot_root", "[vm]") {
    guest vm(virtual_machine::shared_address());
    auto outcome = vm.run_container(
        container_wish("ls /proc/1/root/run/bundles 2>/dev/null; echo $$; touch /writable && echo rw"));
    CHECK(outcome.status == 0);
    CHECK(outcome.out == "1\nrw\n");
    // With chroot instead of pivot_root the parent's root would still be in the mount table.
    auto mounts = vm.run_container(container_wish("awk '{ print $2 }' /proc/self/mounts"));
    CHECK(mounts.out.starts_with("/\n"));
    CHECK(mounts.out.find("/run/bundles") == std::string::npos);
}
