// SPDX-License-Identifier: Apache-2.0
#include "observer.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

namespace vminit::test {

namespace {

constexpr std::string_view mark = "<end of answer>\n";

awaitable<std::string> question(ttrpc::stream_socket& in, ttrpc::stream_socket& out, std::string line) {
    (void)co_await asio::async_write(in, asio::buffer(line), as_tuple_awaitable);
    std::string answer;
    std::string block(4096, '\0');
    while (!answer.ends_with(mark)) {
        auto [failure, count] = co_await out.async_read_some(asio::buffer(block), as_tuple_awaitable);
        answer.append(block, 0, count);
        if (failure) co_return answer;
    }
    co_return answer;
}

}  // namespace

observer::observer(guest& vm) : vm_(vm), id_(guest::fresh_id()), in_(vm), out_(vm) {
    container_wish wish("while read -r line; do eval \"$line\"; echo '<end of answer>'; done");
    wish.id = id_;
    wish.pids = vminitctl::pid_namespace::host;
    REQUIRE(vm.create(wish, stdio_uris(in_.uri, out_.uri, out_.uri)));
    REQUIRE(vm.start(id_));
}

// Not in the VM any more, for instance after a test of power-off: then there is nothing to clear up.
observer::~observer() {
    if (!vm_.rpc().is_open() || !vm_.kill(id_, SIGKILL)) return;
    (void)vm_.wait(id_);
    (void)vm_.remove(id_);
}

std::string observer::ask(const std::string& line) {
    auto answer = vm_.run(question(in_.socket, out_.socket, line + "\n"));
    CAPTURE(line, answer);
    REQUIRE(answer.ends_with(mark));
    answer.resize(answer.size() - mark.size());
    if (answer.ends_with('\n')) answer.pop_back();
    return answer;
}

std::int64_t observer::number(const std::string& line) {
    auto answer = ask(line);
    CAPTURE(line, answer);
    REQUIRE(answer.find_first_not_of("0123456789-") == std::string::npos);
    REQUIRE_FALSE(answer.empty());
    return std::stoll(answer);
}

void observer::wait_until(const std::string& line, const std::string& answer) {
    while (ask(line) != answer) {
    }
}

std::int64_t observer::cpu_of_pid_one() { return number("/bin/worker cpu 1"); }

std::int64_t observer::wake_ups_within(int seconds) {
    return number("count() { n=0; for task in /proc/1/task/*; do while read -r name value; do "
                  "[ $name != voluntary_ctxt_switches: ] || n=$((n + value)); done <$task/status; done; }; "
                  "sleep 1; count; before=$n; sleep " + std::to_string(seconds) + "; count; echo $((n - before))");
}

// The stacks of threads that are about to go are no memory that is kept: two stay, the loop's and the one for signals.
std::int64_t observer::memory_of_pid_one() {
    return number(
        "tries=0; while [ $(ls /proc/1/task | wc -l) -gt 2 ] && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 0.1; done; "
        "while read -r name value unit; do [ $name != Anonymous: ] || echo $value; done </proc/1/smaps_rollup");
}

std::string observer::pids_of(const std::string& command) {
    return ask("for p in /proc/[0-9]*; do case $(tr '\\0' ' ' <$p/cmdline 2>/dev/null) in '" + command +
               " ') echo ${p#/proc/};; esac; done");
}

std::string observer::remains() {
    return ask(
        "echo descriptors $(ls /proc/1/fd | wc -l), mounts $(grep -c /run/bundles/ /proc/1/mounts), "
        "bundles $(ls /proc/1/root/run/bundles | wc -l), "
        "zombies $(cat /proc/[0-9]*/stat 2>/dev/null | sed 's/^.*) //' | grep -c ^Z), "
        "runtime states $(ls -d /proc/1/root/run/runc/* /proc/1/root/run/crun/* 2>/dev/null | wc -l), "
        "cgroups $(find /proc/1/root/sys/fs/cgroup -type d | wc -l)");
}

}  // namespace vminit::test
