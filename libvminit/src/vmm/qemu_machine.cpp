#include "qemu_machine.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "file_watch.hpp"
#include "qemu_command.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/ttrpc/transport.hpp"
#include "vminit/vmm/vm_service.hpp"

namespace vminit::vmm {

using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

namespace {

constexpr auto device_limit = 5s;     // vhost-device-vsock makes its socket within milliseconds
constexpr auto command_limit = 5s;    // QMP answers at once, unless QEMU itself is stuck
constexpr auto ping_limit = 60s;      // as long as a boot may take
constexpr auto ping_interval = 20ms;  // between two that were refused
constexpr auto kill_limit = 5s;       // SIGKILL to the end of a process; longer only in uninterruptible sleep
constexpr auto serving_line = "phase=serve";

struct socket_ends {
    ttrpc::stream_socket ours;
    unique_fd theirs;
};

// A log that a helper writes to; it is short-lived output, so nothing bounds it but the helper.
result<unique_fd> open_log(const std::string& directory, std::string_view name) {
    return syscalls::open(fmt::format("{}/{}", directory, name), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
}

reaper::spawn_options helper_options(std::vector<std::string> command) {
    auto path = command.front();
    reaper::spawn_options options(std::move(path), std::move(command));
    options.group = reaper::process_group::own_session;
    options.parent_death_signal = SIGKILL;
    return options;
}

}  // namespace

qemu_machine::qemu_machine(asio::io_context& context, vm_plan plan)
    : context_(context), plan_(std::move(plan)), slots_(plan_.spare_disk_slots) {}

qemu_machine::~qemu_machine() { kill(); }

void qemu_machine::kill() noexcept {
    for (auto* process : {&qemu_, &device_}) {
        if (*process && !process->exited()) (void)process->signal(SIGKILL);
    }
}

awaitable<result<void>> qemu_machine::boot(accelerator accel) {
    if (!plan_.vsock_device.empty()) {
        auto started = co_await start_vsock_device();
        if (!started) co_return started.error();
    }
    if (auto started = start_qemu(accel); !started) co_return started.error();
    auto agreed = co_await monitor_->negotiate(command_limit);
    // A monitor that is gone is QEMU going: what it says for itself is worth more than that.
    bool is_gone = !agreed && agreed.error().kind() == errc::unavailable;
    if (is_gone && co_await qemu_.wait_for(command_limit)) {
        co_return error(errc::unavailable, "QEMU ended: " + read_log());
    }
    if (!agreed) co_return agreed.error();
    co_return co_await wait_until_serving();
}

awaitable<result<void>> qemu_machine::start_vsock_device() {
    auto log = open_log(plan_.directory, "vsock.log");
    if (!log) co_return log.error();
    auto socket = vhost_socket(plan_);
    auto options = helper_options(
        {plan_.vsock_device, "--vm",
         fmt::format("guest-cid={},socket={},uds-path={}", plan_.guest_cid, socket, vsock_socket(plan_))});
    options.stdout_fd = options.stderr_fd = log->get();
    auto started = asio::use_service<reaper::reaper_service>(context_).launch(std::move(options));
    if (!started) co_return started.error().within("vsock device");
    device_ = std::move(*started);
    auto is_there =
        co_await (with_timeout(wait_for_file(socket), device_limit, "the vsock device's socket") || device_.wait());
    if (is_there.index() == 1)
        co_return error(errc::unavailable, "the vsock device ended; see " + plan_.directory + "/vsock.log");
    co_return std::get<0>(is_there);
}

result<void> qemu_machine::start_qemu(accelerator accel) {
    auto command = qemu_command(plan_, accel);
    if (!command) return command.error();
    auto log = open_log(plan_.directory, "qemu.log");
    if (!log) return log.error();
    auto monitor = ttrpc::connected_pair(context_.get_executor());
    if (!monitor) return monitor.error();
    auto console = ttrpc::connected_pair(context_.get_executor());
    if (!console) return console.error();
    auto options = helper_options(std::move(*command));
    options.stdout_fd = options.stderr_fd = log->get();
    options.extra_fds = {{monitor_descriptor, monitor->second.get()}, {console_descriptor, console->second.get()}};
    auto started = asio::use_service<reaper::reaper_service>(context_).launch(std::move(options));
    if (!started) return started.error().within("QEMU");
    qemu_ = std::move(*started);
    auto& log_lines = log_of(context_);
    auto on_event = [&log_lines](std::string_view name) { log_lines.debug("QEMU event", {{"event", name}}); };
    monitor_ = std::make_unique<qmp_client>(context_, std::move(monitor->first), on_event);
    console_ = std::make_unique<console_reader>(context_, std::move(console->first));
    return {};
}

// vhost-device-vsock does not survive a connection that is made before the guest has its driver, nor one that is closed
// before the guest has answered (docs/testing.md): PID 1 says first that it serves, then one connection waits for it.
awaitable<result<void>> qemu_machine::serving() {
    if (!co_await console_->wait_for(serving_line))
        co_return error(errc::unavailable, "the guest ended before it served");
    for (;;) {
        auto answered = co_await ping(rpc_address(), ping_limit);
        if (answered) co_return answered;
        auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return answered.error();
        co_await sleep_for(ping_interval);
    }
}

awaitable<result<void>> qemu_machine::wait_until_serving() {
    auto outcome = co_await (serving() || qemu_.wait());
    if (outcome.index() == 0) co_return std::get<0>(outcome);
    auto said = read_log();
    co_return error(errc::unavailable, said.empty() ? "the VM ended before it served" : "QEMU ended: " + said);
}

std::string qemu_machine::read_log() const {
    auto text = read_file(plan_.directory + "/qemu.log", 4096);
    return text ? std::string(trimmed(*text)) : std::string();
}

ttrpc::address qemu_machine::guest_port(std::uint32_t port) const {
    if (plan_.vsock_device.empty()) return ttrpc::address::vsock(plan_.guest_cid, port);
    return ttrpc::address::hvsock(vsock_socket(plan_), port);
}

ttrpc::address qemu_machine::rpc_address() const { return guest_port(plan_.rpc_port); }
ttrpc::address qemu_machine::stream_address() const { return guest_port(plan_.stream_port); }

bool qemu_machine::has_ended() const noexcept { return !qemu_ || qemu_.exited().has_value(); }

awaitable<void> qemu_machine::ended() {
    if (qemu_) co_await qemu_.wait();
}

awaitable<result<void>> qemu_machine::command(std::string_view name, std::string arguments) {
    if (!monitor_) co_return error(errc::unavailable, "the VM does not run");
    auto done = co_await monitor_->execute(name, arguments, command_limit);
    if (!done) co_return done.error();
    co_return result<void>();
}

awaitable<result<void>> qemu_machine::add_disk(disk added) {
    auto slot = std::find(slots_.begin(), slots_.end(), std::string());
    if (slot == slots_.end()) co_return error(errc::failed_precondition, "no slot is left for another disk");
    *slot = added.serial;
    auto index = static_cast<std::size_t>(slot - slots_.begin());
    auto opened = co_await command("blockdev-add", blockdev_arguments(added));
    if (!opened) slots_[index].clear();
    if (!opened) co_return opened.error();
    auto plugged = co_await command("device_add", device_arguments(added, static_cast<unsigned>(index)));
    if (plugged) co_return plugged;
    (void)co_await command("blockdev-del", fmt::format(R"({{"node-name":"node-{}"}})", added.serial));
    slots_[index].clear();
    co_return plugged.error();
}

// The guest lets go of the device in its own time; a slot in which the old disk still sits refuses a new one by itself.
awaitable<result<void>> qemu_machine::remove_disk(std::string serial) {
    auto slot = std::find(slots_.begin(), slots_.end(), serial);
    if (serial.empty() || slot == slots_.end()) co_return error(errc::not_found, "disk " + serial);
    slot->clear();
    co_return co_await command("device_del", fmt::format(R"({{"id":"disk-{}"}})", serial));
}

awaitable<result<void>> qemu_machine::pause() { co_return co_await command("stop", {}); }
awaitable<result<void>> qemu_machine::resume() { co_return co_await command("cont", {}); }

awaitable<void> qemu_machine::stop(clock::duration limit) {
    if (qemu_ && !co_await qemu_.wait_for(limit)) {
        (void)co_await command("quit", {});
        (void)co_await qemu_.wait_for(limit);
    }
    kill();
    if (qemu_) (void)co_await qemu_.wait_for(kill_limit);
    if (device_) (void)co_await device_.wait_for(kill_limit);
    for (const auto& socket : {vhost_socket(plan_), vsock_socket(plan_)}) ::unlink(socket.c_str());
}

std::string qemu_machine::console_tail(std::size_t lines) const {
    return console_ ? console_->last_lines(lines) : std::string();
}

}  // namespace vminit::vmm
