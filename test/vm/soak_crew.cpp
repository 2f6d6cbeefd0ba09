// SPDX-License-Identifier: Apache-2.0
#include "soak_crew.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <csignal>

#include "vminit/core/timeout.hpp"

namespace vminit::test {

namespace {

using namespace asio::experimental::awaitable_operators;

constexpr std::size_t slow_output = 1 << 20;

std::vector<std::string> pattern_writer(std::size_t bytes) { return {"/bin/worker", "pattern", std::to_string(bytes)}; }

awaitable<void> read_some(ttrpc::stream_socket& stream, pattern_check& check, std::size_t most) {
    std::string block(64 * 1024, '\0');
    while (check.total() < most) {
        auto [failure, count] = co_await stream.async_read_some(asio::buffer(block), as_tuple_awaitable);
        check.take(std::string_view(block).substr(0, count));
        if (failure) co_return;
    }
}

// A named_stream's constructor would run the loop from within.
awaitable<result<ttrpc::stream_socket>> open_stream(guest& vm, std::uint32_t number) {
    co_return co_await vminitctl::open_stdio_stream(vm.stream_address(), number, guest::limit);
}

}  // namespace

soak_crew::soak_crew(guest& vm, const std::string& directory)
    : vm_(vm), monitor_(directory), calls_(vm.calls()), worked_(vm.ex()) {}

void soak_crew::work_until(clock::time_point end) {
    end_ = end;
    task_group tasks(vm_.ex(), vm_.log());
    for (int lane = 0; lane < 2; ++lane) tasks.spawn("containers", container_lane());
    for (int lane = 0; lane < 2; ++lane) tasks.spawn("execs", exec_lane());
    tasks.spawn("kills", kill_lane());
    tasks.spawn("slow reader", slow_reader_lane());
    tasks.spawn("dropped connections", dropper_lane());
    tasks.spawn("freezes", freezer_lane());
    tasks.spawn("stalls", stall_lane());
    tasks.spawn("hot-plug", hotplug_lane());
    tasks.spawn("terminals", terminal_lane());
    tasks.spawn("failed creates", failed_create_lane());
    tasks.spawn("signals", signal_lane());
    vm_.run(tasks.join());
}

bool soak_crew::goes_on() const { return clock::now() < end_ && count_.failures.empty(); }

void soak_crew::fail(const std::string& what) { count_.failures.push_back(what); }

void soak_crew::expect(const process_key& key, int status) {
    started_[{key.id, key.exec_id.empty() ? key.id : key.exec_id}] = status;
}

std::size_t soak_crew::random_size(std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(1, most)(random_);
}

awaitable<void> soak_crew::operations_of_others(std::uint64_t count) {
    auto until = count_.operations() + count;
    // Nobody else may be left to wake us near the end.
    while (count_.operations() < until && goes_on()) co_await (worked_.wait() || sleep_for(std::chrono::seconds(1)));
}

awaitable<bool> soak_crew::begin(container_wish wish) {
    process_key key(wish.id, "");
    auto created = co_await calls_.create(wish, stdio_uris());
    if (!created) {
        fail("create " + key.id + ": " + created.error().message());
        co_return false;
    }
    auto started = co_await calls_.start(key);
    if (!started) {
        fail("start " + key.id + ": " + started.error().message());
        co_return false;
    }
    expect(key, 137);
    co_return true;
}

awaitable<void> soak_crew::end(std::string id) {
    process_key key(id, "");
    auto killed = co_await calls_.kill(key, SIGKILL);
    if (!killed) fail("kill " + id + ": " + killed.error().message());
    co_await finish(key, 137);
}

awaitable<void> soak_crew::finish(process_key key, int status) {
    auto exit = co_await calls_.wait(key);
    if (!exit) {
        fail("wait " + key.id + " " + key.exec_id + ": " + exit.error().message());
        co_return;
    }
    if (status >= 0 && exit->exit_status() != static_cast<std::uint32_t>(status)) {
        fail("exit status of " + key.id + " " + key.exec_id + ": " + std::to_string(exit->exit_status()));
    }
    auto removed = co_await calls_.remove(key);
    if (!removed) fail("delete " + key.id + " " + key.exec_id + ": " + removed.error().message());
}

awaitable<void> soak_crew::one_container(std::size_t bytes) {
    auto number = guest::fresh_number();
    auto out = co_await open_stream(vm_, number);
    if (!out) {
        fail("stream: " + out.error().message());
        co_return;
    }
    container_wish wish(pattern_writer(bytes));
    wish.id = guest::fresh_id();
    process_key key(wish.id, "");
    stdio_uris stdio("", vminitctl::stream_uri(number), "");
    auto created = co_await calls_.create(wish, stdio);
    if (!created) {
        fail("create: " + created.error().message());
        co_return;
    }
    expect(key, 0);
    auto started = co_await calls_.start(key);
    if (!started) fail("start: " + started.error().message());
    pattern_check check;
    co_await (read_some(*out, check, SIZE_MAX) && finish(key, 0));
    if (check.total() != bytes || !check.is_intact()) fail("output of " + key.id);
    count_.bytes += check.total();
    ++count_.containers;
    worked_.notify_all();
}

awaitable<void> soak_crew::one_exec(std::string id, std::string exec_id, std::size_t bytes) {
    auto number = guest::fresh_number();
    auto out = co_await open_stream(vm_, number);
    if (!out) {
        fail("stream: " + out.error().message());
        co_return;
    }
    process_key key(id, exec_id);
    exec_wish wish(pattern_writer(bytes));
    stdio_uris stdio("", vminitctl::stream_uri(number), "");
    auto added = co_await calls_.exec(key, wish, stdio);
    if (!added) {
        fail("exec: " + added.error().message());
        co_return;
    }
    auto started = co_await calls_.start(key);
    if (!started) {
        fail("start of an exec: " + started.error().message());
        co_return;
    }
    expect(key, 0);
    pattern_check check;
    co_await (read_some(*out, check, SIZE_MAX) && finish(key, 0));
    if (check.total() != bytes || !check.is_intact()) fail("output of exec " + exec_id);
    count_.bytes += check.total();
    ++count_.execs;
    worked_.notify_all();
}

awaitable<void> soak_crew::container_lane() {
    while (goes_on()) co_await one_container(random_size(1 << 20));
}

awaitable<void> soak_crew::exec_lane() {
    container_wish wish("exec sleep 100000");
    wish.id = guest::fresh_id();
    auto ready = co_await begin(wish);
    if (!ready) co_return;
    while (goes_on()) co_await one_exec(wish.id, guest::fresh_id(), random_size(1 << 20));
    co_await end(wish.id);
}

// Init is killed while execs run: their exits come first, whichever way they end.
awaitable<void> soak_crew::kill_lane() {
    while (goes_on()) {
        container_wish wish("exec sleep 100000");
        wish.id = guest::fresh_id();
        auto ready = co_await begin(wish);
        if (!ready) co_return;
        for (int i = 0; i < 3; ++i) {
            process_key key(wish.id, "e" + std::to_string(i));
            exec_wish sleeper("exec sleep 100000");
            auto added = co_await calls_.exec(key, sleeper, stdio_uris());
            auto started = co_await calls_.start(key);
            if (!added || !started) fail("exec beside a kill: " + started.error().message());
            expect(key, 137);
        }
        co_await end(wish.id);
        ++count_.kills;
        worked_.notify_all();
    }
}

// Reads a little, then waits until others have got on with their work, then reads the rest.
awaitable<void> soak_crew::one_slow_read(std::string id) {
    auto number = guest::fresh_number();
    auto out = co_await open_stream(vm_, number);
    if (!out) {
        fail("stream: " + out.error().message());
        co_return;
    }
    process_key key(id, guest::fresh_id());
    exec_wish wish(pattern_writer(slow_output));
    stdio_uris stdio("", vminitctl::stream_uri(number), "");
    auto added = co_await calls_.exec(key, wish, stdio);
    auto started = co_await calls_.start(key);
    if (!added || !started) {
        fail("exec of a slow reader");
        co_return;
    }
    expect(key, 0);
    pattern_check check;
    co_await read_some(*out, check, 10000);
    co_await operations_of_others(20);
    co_await (read_some(*out, check, SIZE_MAX) && finish(key, 0));
    if (check.total() != slow_output || !check.is_intact()) fail("output of a slow reader");
    count_.bytes += check.total();
    ++count_.slow_reads;
}

awaitable<void> soak_crew::slow_reader_lane() {
    container_wish wish("exec sleep 100000");
    wish.id = guest::fresh_id();
    auto ready = co_await begin(wish);
    if (!ready) co_return;
    while (goes_on()) co_await one_slow_read(wish.id);
    co_await end(wish.id);
}

// A host that goes away in the middle of a call and of an event stream.
awaitable<void> soak_crew::one_drop(std::string id) {
    auto socket = co_await ttrpc::connect(vm_.rpc_address(), guest::limit);
    if (!socket) {
        fail("connect: " + socket.error().message());
        co_return;
    }
    ttrpc::client rpc(std::move(*socket), vm_.log());
    vminitctl::events_client events(rpc);
    auto stream = events.Stream();
    task::TaskClient tasks(rpc);
    task::WaitRequest wait;
    wait.set_id(id);
    task::StateRequest state;
    state.set_id(id);
    auto answer = co_await tasks.State(state, guest::limit);
    if (!answer) fail("state: " + answer.error().message());
    auto hang_up = [](ttrpc::client& client) -> awaitable<void> {
        client.close();
        co_await client.join();
    };
    auto both = co_await (tasks.Wait(wait, guest::limit) && hang_up(rpc));
    if (both) fail("wait answered on a closed connection");
    ++count_.dropped_connections;
}

// The host lets go of an output while the process writes: what comes is dropped and the process ends by itself.
awaitable<void> soak_crew::one_abandoned_output(std::string id) {
    auto number = guest::fresh_number();
    auto out = co_await open_stream(vm_, number);
    process_key key(id, guest::fresh_id());
    exec_wish wish(pattern_writer(slow_output));
    stdio_uris stdio("", vminitctl::stream_uri(number), "");
    auto added = co_await calls_.exec(key, wish, stdio);
    auto started = co_await calls_.start(key);
    if (!out || !added || !started) {
        fail("exec of an output to abandon");
        co_return;
    }
    expect(key, 0);
    pattern_check check;
    co_await read_some(*out, check, 10000);
    if (!check.is_intact()) fail("output of one to abandon");
    hang_up(*out);
    co_await finish(key, 0);
    ++count_.dropped_connections;
}

awaitable<void> soak_crew::dropper_lane() {
    container_wish wish("exec sleep 100000");
    wish.id = guest::fresh_id();
    auto ready = co_await begin(wish);
    if (!ready) co_return;
    while (goes_on()) {
        co_await one_drop(wish.id);
        co_await one_abandoned_output(wish.id);
        co_await operations_of_others(3);
    }
    co_await end(wish.id);
}

}  // namespace vminit::test
