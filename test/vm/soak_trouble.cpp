// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <csignal>

#include "soak_crew.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::test {

namespace {

using namespace asio::experimental::awaitable_operators;
namespace wire = containerd::vminitd::services::system::v1;

constexpr int lines_of_a_terminal = 50;
constexpr int slow_requests = 5;  // a second

std::vector<system::mount_entry> root_over(const std::string& serial) {
    return {system::mount_entry("erofs", "serial:root", "", {"ro"}),
            system::mount_entry("ext4", "serial:" + serial, "", {}),
            system::mount_entry(
                "format/mkdir/overlay", "overlay", "",
                {"lowerdir={{ mount 0 }}", "upperdir={{ mount 1 }}/upper", "workdir={{ mount 1 }}/work",
                 "X-containerd.mkdir.path={{ mount 1 }}/upper", "X-containerd.mkdir.path={{ mount 1 }}/work"})};
}

// Writes to its disk all the time.
container_wish writer_on(const std::string& serial) {
    container_wish wish("while :; do echo a line >>/file; [ $(wc -c </file) -lt 100000 ] || : >/file; done");
    wish.id = guest::fresh_id();
    wish.rootfs = root_over(serial);
    return wish;
}

// Opens the terminal for each line, as an init does that logs to its console, and is a process like any other.
std::string reopening_script() {
    return "t=$(tty); exec <&- >&- 2>&-; i=0; while [ $i -lt " + std::to_string(lines_of_a_terminal) +
           " ]; do echo line $i >$t; i=$((i + 1)); done; exit 7";
}

std::string reopening_output() {
    std::string all;
    for (int i = 0; i < lines_of_a_terminal; ++i) all += "line " + std::to_string(i) + "\r\n";
    return all;
}

}  // namespace

awaitable<void> soak_crew::run_script(std::string id, std::string script) {
    process_key key(id, guest::fresh_id());
    exec_wish wish(script.c_str());
    auto added = co_await calls_.exec(key, wish, stdio_uris());
    auto started = co_await calls_.start(key);
    if (!added || !started) {
        fail("exec of \"" + script + "\"");
        co_return;
    }
    expect(key, 0);
    co_await finish(key, 0);
}

// Every third freeze is forgotten by the host: what writes goes on when the safety thaw has come.
awaitable<void> soak_crew::one_freeze(std::string writer) {
    auto system = vm_.system();
    auto frozen = co_await system.FreezeFilesystems({}, guest::limit);
    // A disk that stalls can take longer to be written out than a freeze may.
    if (!frozen && frozen.error().kind() != errc::deadline_exceeded) fail("freeze: " + frozen.error().message());
    if (frozen && frozen->frozen_size() == 0) fail("nothing was frozen");
    if (frozen && random_size(3) == 1) {
        co_await run_script(writer, "echo thawed >/thawed");
        ++count_.safety_thaws;
    } else {
        co_await operations_of_others(5);
        ++count_.freezes;
    }
    auto thawed = co_await system.ThawFilesystems({}, guest::limit);
    if (!thawed) fail("thaw: " + thawed.error().message());
}

awaitable<void> soak_crew::freezer_lane() {
    auto writer = writer_on("data");
    auto ready = co_await begin(writer);
    if (!ready) co_return;
    while (goes_on()) {
        co_await one_freeze(writer.id);
        co_await operations_of_others(10);
    }
    co_await end(writer.id);
}

void soak_crew::throttle(int requests) {
    monitor_.send(std::string(R"({"execute":"block_set_io_throttle","arguments":{"device":")") + stalling_drive +
                  R"(","bps":0,"bps_rd":0,"bps_wr":0,"iops_rd":0,"iops_wr":0,"iops":)" + std::to_string(requests) +
                  "}}");
    monitor_.wait_for_line_with(R"({"return")");
}

// A disk all but stops under one container: the others go on, or this does not end. Its Delete has to write the disk out.
awaitable<void> soak_crew::one_stall() {
    auto writer = writer_on(stalling_serial);
    auto ready = co_await begin(writer);
    if (!ready) co_return;
    throttle(slow_requests);
    co_await operations_of_others(20);
    process_key key(writer.id, "");
    auto state = co_await calls_.state(key);
    if (!state) fail("state beside a stall: " + state.error().message());
    throttle(0);
    co_await end(writer.id);
    ++count_.stalls;
}

awaitable<void> soak_crew::stall_lane() {
    while (goes_on()) {
        co_await one_stall();
        co_await operations_of_others(10);
    }
}

// Memory that is in use may or may not be given up; either way nobody waits for it but this caller.
awaitable<void> soak_crew::one_hotplug(std::uint32_t block) {
    auto system = vm_.system();
    wire::OfflineMemoryRequest offline;
    offline.set_memory_id(block);
    auto gone = co_await system.OfflineMemory(offline, guest::limit);
    wire::OnlineMemoryRequest online;
    online.set_memory_id(block);
    for (;;) {
        auto back = co_await system.OnlineMemory(online, guest::limit);
        if (back) break;
        // The kernel is still at taking it offline.
        bool is_late = back.error().kind() == errc::deadline_exceeded || back.error().kind() == errc::unavailable ||
                       back.error().kind() == errc::failed_precondition;
        if (!is_late || gone) {
            fail("online of block " + std::to_string(block) + ": " + back.error().message());
            break;
        }
        co_await operations_of_others(5);
        if (!goes_on()) break;
    }
    ++count_.hotplugs;
}

awaitable<void> soak_crew::hotplug_lane() {
    constexpr std::uint32_t blocks = 7;  // of 128 MiB, in a VM of 1 GiB
    while (goes_on()) {
        co_await one_hotplug(static_cast<std::uint32_t>(random_size(blocks)));
        co_await operations_of_others(15);
    }
}

awaitable<void> soak_crew::one_reopening(std::string id) {
    auto number = guest::fresh_number();
    auto out = co_await vminitctl::open_stdio_stream(vm_.stream_address(), number, guest::limit);
    process_key key(id, guest::fresh_id());
    auto script = reopening_script();
    exec_wish wish(script.c_str());
    wish.has_terminal = true;
    stdio_uris stdio("", vminitctl::stream_uri(number), "");
    auto added = co_await calls_.exec(key, wish, stdio);
    auto started = co_await calls_.start(key);
    if (!out || !added || !started) {
        fail("exec with a terminal");
        co_return;
    }
    expect(key, 7);
    auto [text, nothing] = co_await (read_to_end(*out) && [](soak_crew& self, process_key one) -> awaitable<int> {
        co_await self.finish(one, 7);
        co_return 0;
    }(*this, key));
    if (text != reopening_output()) fail("output of a terminal: " + std::to_string(text.size()) + " bytes");
    count_.bytes += text.size();
    ++count_.reopenings;
}

awaitable<void> soak_crew::terminal_lane() {
    container_wish wish("exec sleep 100000");
    wish.id = guest::fresh_id();
    auto ready = co_await begin(wish);
    if (!ready) co_return;
    while (goes_on()) {
        co_await one_reopening(wish.id);
        co_await operations_of_others(5);
    }
    co_await end(wish.id);
}

// A mount that fails, then a program that is not there, then a container, all of one id.
awaitable<void> soak_crew::one_failed_create() {
    container_wish wish("exec sleep 100000");
    wish.id = guest::fresh_id();
    auto unmountable = wish;
    unmountable.rootfs = {system::mount_entry("erofs", "/dev/nosuch", "", {"ro"})};
    auto no_disk = co_await calls_.create(unmountable, stdio_uris());
    auto programless = wish;
    programless.arguments = {"/bin/nosuch"};
    auto no_program = co_await calls_.create(programless, stdio_uris());
    if (no_disk || no_program) {
        fail("a create that cannot succeed did");
    } else if (no_program.error().message().find("nosuch") == std::string::npos) {
        fail("create without a program: " + no_program.error().message());
    }
    auto ready = co_await begin(wish);
    if (ready) co_await end(wish.id);
    count_.failed_creates += 2;
}

awaitable<void> soak_crew::failed_create_lane() {
    while (goes_on()) {
        co_await one_failed_create();
        co_await operations_of_others(5);
    }
}

// Whatever a process of the VM's own pid namespace sends to PID 1, but for what asks it to power off.
awaitable<void> soak_crew::signal_lane() {
    container_wish wish("exec sleep 100000");
    wish.id = guest::fresh_id();
    wish.pids = vminitctl::pid_namespace::host;
    auto ready = co_await begin(wish);
    if (!ready) co_return;
    while (goes_on()) {
        co_await run_script(wish.id,
                            "for s in SEGV ABRT BUS FPE ILL SYS TRAP HUP USR1 USR2 PIPE ALRM CHLD CONT WINCH; do "
                            "kill -$s 1 || exit 1; done");
        ++count_.signals;
        co_await operations_of_others(10);
    }
    co_await end(wish.id);
}

}  // namespace vminit::test
