// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <csignal>
#include <utility>

#include "event_watch.hpp"
#include "inside/pattern.hpp"
#include "observer.hpp"
#include "test_size.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

awaitable<pattern_check> read_pattern(ttrpc::stream_socket& stream) {
    pattern_check check;
    std::string block(256 * 1024, '\0');
    for (;;) {
        auto [failure, count] = co_await stream.async_read_some(asio::buffer(block), as_tuple_awaitable);
        check.take(std::string_view(block).substr(0, count));
        if (failure) co_return check;
    }
}

std::vector<std::string> pattern_writer(std::size_t bytes) { return {"/bin/worker", "pattern", std::to_string(bytes)}; }

/// Delete follows the exit at once, while the host is still reading.
awaitable<result<task::DeleteResponse>> wait_and_remove(container_calls& calls, process_key key) {
    auto exit = co_await calls.wait(key);
    if (!exit) co_return exit.error();
    co_return co_await calls.remove(key);
}

void check_output(guest& vm, const process_key& key, ttrpc::stream_socket& out, std::size_t bytes) {
    using namespace asio::experimental::awaitable_operators;
    auto [seen, deleted] = vm.run(read_pattern(out) && wait_and_remove(vm.calls(), key));
    REQUIRE(deleted);
    CHECK(deleted->exit_status() == 0);
    CHECK(seen.total() == bytes);
    CAPTURE(seen.broken_in());
    CHECK(seen.is_intact());
}

std::size_t output_bytes() { return test_size("VMINIT_OUTPUT_MIB", 16) << 20; }
std::size_t output_times() { return test_size("VMINIT_OUTPUT_TIMES", 2); }

/// `count` times a line to a container's `cat` and back.
awaitable<std::size_t> round_trips(ttrpc::stream_socket& in, ttrpc::stream_socket& out, std::size_t count) {
    std::string line = "there and back\n";
    std::string answer(line.size(), '\0');
    std::size_t done = 0;
    for (; done < count; ++done) {
        auto [write_failure, written] = co_await asio::async_write(in, asio::buffer(line), as_tuple_awaitable);
        if (write_failure) break;
        auto [failure, read] = co_await asio::async_read(out, asio::buffer(answer), as_tuple_awaitable);
        if (failure || answer != line) break;
    }
    co_return done;
}

}  // namespace

// VMINIT_OUTPUT_MIB=64 VMINIT_OUTPUT_TIMES=20 is the full size.
TEST_CASE("all of an init's output arrives although Delete follows at once", "[vm]") {
    guest vm(virtual_machine::shared_address());
    for (auto left = output_times(); left > 0; --left) {
        named_stream out(vm);
        container_wish wish(pattern_writer(output_bytes()));
        wish.id = guest::fresh_id();
        REQUIRE(vm.create(wish, stdio_uris("", out.uri, "")));
        REQUIRE(vm.start(wish.id));
        check_output(vm, process_key(wish.id, ""), out.socket, output_bytes());
    }
}

TEST_CASE("all of an exec's output arrives although Delete follows at once", "[vm]") {
    guest vm(virtual_machine::shared_address());
    auto id = vm.run_sleeper();
    for (auto left = output_times(); left > 0; --left) {
        named_stream out(vm);
        REQUIRE(vm.exec(id, "writer", exec_wish(pattern_writer(output_bytes())), stdio_uris("", out.uri, "")));
        REQUIRE(vm.start(id, "writer"));
        check_output(vm, process_key(id, "writer"), out.socket, output_bytes());
    }
    vm.kill_and_remove(id);
}

TEST_CASE("all of a large input arrives although CloseIO follows at once", "[vm]") {
    guest vm(virtual_machine::shared_address());
    named_stream in(vm);
    named_stream out(vm);
    container_wish wish(std::vector<std::string>{"/bin/worker", "check"});
    wish.id = guest::fresh_id();
    REQUIRE(vm.create(wish, stdio_uris(in.uri, out.uri, "")));
    REQUIRE(vm.start(wish.id));
    std::vector<std::uint64_t> words(output_bytes() / 8);
    write_pattern(0, words.data(), words.size());
    auto feed = [](ttrpc::stream_socket& stream, asio::const_buffer bytes) -> awaitable<std::size_t> {
        auto [failure, count] = co_await asio::async_write(stream, bytes, as_tuple_awaitable);
        co_return count;
    };
    CHECK(vm.run(feed(in.socket, asio::buffer(words))) == output_bytes());
    CHECK(vm.run(vm.calls().close_input(process_key(wish.id, ""))));
    CHECK(vm.run(read_to_end(out.socket)) == std::to_string(output_bytes()) + " intact\n");
    CHECK(vm.wait(wish.id)->exit_status() == 0);
    CHECK(vm.remove(wish.id));
}

TEST_CASE("an input that its process is slow to read is whole although CloseIO follows at once", "[vm]") {
    // More than the guest holds, less than the whole way does.
    constexpr std::size_t size = 500 << 10;
    guest vm(virtual_machine::shared_address());
    named_stream in(vm);
    named_stream out(vm);
    container_wish wish("sleep 1; wc -c");
    wish.id = guest::fresh_id();
    REQUIRE(vm.create(wish, stdio_uris(in.uri, out.uri, "")));
    REQUIRE(vm.start(wish.id));
    auto feed = [](ttrpc::stream_socket& stream, asio::const_buffer bytes) -> awaitable<std::size_t> {
        auto [failure, count] = co_await asio::async_write(stream, bytes, as_tuple_awaitable);
        co_return count;
    };
    std::string bytes(size, 'x');
    CHECK(vm.run(feed(in.socket, asio::buffer(bytes))) == size);
    CHECK(vm.run(vm.calls().close_input(process_key(wish.id, ""))));
    CHECK(vm.run(read_to_end(out.socket)) == std::to_string(size) + "\n");
    CHECK(vm.wait(wish.id)->exit_status() == 0);
    CHECK(vm.remove(wish.id));
}

TEST_CASE("a host that reads only after Delete has all of an output", "[vm]") {
    // More than a pipe holds, and less than the whole way does, which counts what its pieces take.
    constexpr std::size_t size = 160 << 10;
    guest vm(virtual_machine::shared_address());
    named_stream out(vm);
    auto script = "head -c " + std::to_string(size) + " /dev/zero";
    container_wish wish(script.c_str());
    wish.id = guest::fresh_id();
    REQUIRE(vm.create(wish, stdio_uris("", out.uri, "")));
    REQUIRE(vm.start(wish.id));
    CHECK(vm.wait(wish.id)->exit_status() == 0);
    CHECK(vm.remove(wish.id));
    CHECK(vm.run(read_to_end(out.socket)).size() == size);
}

TEST_CASE("a host that does not read stops one container's output and nothing else", "[vm]") {
    constexpr std::size_t trips = 100;
    constexpr std::int64_t most_memory = 1024;  // KB; what waits is in the kernel's pipe and socket
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    named_stream in(vm);
    named_stream out(vm);
    container_wish busy(std::vector<std::string>{"/bin/cat"});
    busy.id = guest::fresh_id();
    REQUIRE(vm.create(busy, stdio_uris(in.uri, out.uri, "")));
    REQUIRE(vm.start(busy.id));
    REQUIRE(vm.run(round_trips(in.socket, out.socket, 10)) == 10);  // warm
    auto memory = eye.memory_of_pid_one();

    named_stream unread(vm);
    container_wish writer(pattern_writer(output_bytes()));
    writer.id = guest::fresh_id();
    REQUIRE(vm.create(writer, stdio_uris("", unread.uri, "")));
    auto pid = vm.start(writer.id);
    REQUIRE(pid);
    auto process = "/proc/" + std::to_string(*pid);
    auto written = [&] {
        return eye.number("while read -r key value; do [ $key != wchar: ] || echo $value; done <" + process + "/io");
    };
    // It sleeps in write(2), with more to come, and what PID 1 could still take on it has taken: requests that it has
    // answered since have moved nothing.
    std::int64_t stuck_at = 0;
    for (std::int64_t before = -1; before != stuck_at;) {
        eye.wait_until("cat " + process + "/wchan", "pipe_write");
        REQUIRE(vm.run(round_trips(in.socket, out.socket, 10)) == 10);
        before = std::exchange(stuck_at, written());
    }
    CHECK(stuck_at < static_cast<std::int64_t>(output_bytes()));

    CHECK(vm.run(round_trips(in.socket, out.socket, trips)) == trips);
    // A pump that spins takes all of the second, however busy this machine is; one that waits next to nothing.
    auto spent = eye.number("begin=$(/bin/worker cpu 1); sleep 1; echo $(($(/bin/worker cpu 1) - begin))");
    CHECK(std::chrono::nanoseconds(spent) < std::chrono::milliseconds(500));
    CHECK(vm.run_container(container_wish("echo through")).out == "through\n");
    CHECK(written() == stuck_at);
    CHECK(eye.ask("cat " + process + "/wchan") == "pipe_write");
    CHECK(eye.memory_of_pid_one() - memory < most_memory);

    check_output(vm, process_key(writer.id, ""), unread.socket, output_bytes());
    CHECK(vm.run(round_trips(in.socket, out.socket, 10)) == 10);
    vm.kill_and_remove(busy.id);
}

TEST_CASE("a host that hangs up on an output lets its process write on and end", "[vm]") {
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    auto before = eye.remains();
    named_stream out(vm);
    container_wish wish(pattern_writer(output_bytes()));
    wish.id = guest::fresh_id();
    REQUIRE(vm.create(wish, stdio_uris("", out.uri, "")));
    auto pid = vm.start(wish.id);
    REQUIRE(pid);
    std::string first(10000, '\0');
    CHECK(vm.run(asio::async_read(out.socket, asio::buffer(first), use_awaitable)) == first.size());
    // Not before the guest is stuck, so that the end has to wake it.
    eye.wait_until("cat /proc/" + std::to_string(*pid) + "/wchan", "pipe_write");
    hang_up(out.socket);
    CHECK(vm.wait(wish.id)->exit_status() == 0);
    CHECK(vm.remove(wish.id)->exit_status() == 0);
    CHECK(eye.remains() == before);
}

TEST_CASE("an exec's descendant that holds its output delays neither the exit nor Delete for good", "[vm]") {
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    event_watch watch(vm);
    auto id = vm.run_sleeper();
    auto before = eye.remains();
    named_stream out(vm);
    REQUIRE(vm.exec(id, "parent", exec_wish("sleep 300000 & echo before the end; exit 3"),
                    stdio_uris("", out.uri, "")));
    REQUIRE(vm.start(id, "parent"));
    CHECK(vm.wait(id, "parent")->exit_status() == 3);
    CHECK(watch.wait_for("/tasks/exit", id, "parent").status == 3);
    // Its output has ended for the host although the descendant lives.
    CHECK(vm.run(read_to_end(out.socket)) == "before the end\n");
    CHECK_FALSE(eye.pids_of("sleep 300000").empty());
    CHECK(vm.remove(id, "parent")->exit_status() == 3);
    CHECK(eye.remains() == before);
    vm.kill_and_remove(id);
    CHECK(eye.pids_of("sleep 300000").empty());
}

TEST_CASE("a process that left its container and holds init's output does not keep the exit back", "[vm]") {
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    event_watch watch(vm);
    auto before = eye.remains();
    named_stream out(vm);
    // Out of the container's cgroup and pid namespace nothing kills it with the container.
    container_wish wish(
        "sh -c 'echo $$ >/sys/fs/cgroup/cgroup.procs; echo away; exec sleep 200000' & "
        "while [ \"$(tr '\\0' ' ' </proc/$!/cmdline)\" != 'sleep 200000 ' ]; do :; done; echo left; exit 4");
    wish.id = guest::fresh_id();
    wish.pids = vminitctl::pid_namespace::host;
    REQUIRE(vm.create(wish, stdio_uris("", out.uri, "")));
    REQUIRE(vm.start(wish.id));
    CHECK(vm.wait(wish.id)->exit_status() == 4);
    CHECK(watch.wait_for("/tasks/exit", wish.id, wish.id).status == 4);
    CHECK(vm.run(read_to_end(out.socket)) == "away\nleft\n");
    CHECK(vm.remove(wish.id)->exit_status() == 4);
    auto survivor = eye.pids_of("sleep 200000");
    CHECK_FALSE(survivor.empty());
    eye.ask("kill -9 " + survivor);
    while (!eye.pids_of("sleep 200000").empty()) {
    }
    CHECK(eye.remains() == before);
}
