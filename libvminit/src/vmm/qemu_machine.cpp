// SPDX-License-Identifier: Apache-2.0
#include "qemu_machine.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "qemu_command.hpp"
#include "share_daemon.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/ttrpc/transport.hpp"
#include "vminit/vmm/vm_record.hpp"
#include "vminit/vmm/vm_service.hpp"
#include "vsock_device.hpp"

namespace vminit::vmm {

using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

namespace {

constexpr auto command_limit = 30s;        // QMP answers at once, unless QEMU is stuck or the machine too busy
constexpr auto ping_limit = 60s;           // as long as a boot may take
constexpr auto ping_interval = 20ms;       // between two that were refused
constexpr auto packets_interval = 1s;      // between two looks at vhost-device-vsock
constexpr auto kill_limit = 5s;            // SIGKILL to the end of a process; longer only in uninterruptible sleep
constexpr auto unplug_limit = 10s;         // a guest waits 5 s before it lets go of a PCIe device (pciehp)
constexpr std::size_t largest_log = 4096;  // of a helper's words in an error
constexpr auto serving_line = "phase=serve";
constexpr auto ctrl_alt_del =
    R"({"keys":[{"type":"qcode","data":"ctrl"},{"type":"qcode","data":"alt"},{"type":"qcode","data":"delete"}]})";

struct socket_ends {
    ttrpc::stream_socket ours;
    unique_fd theirs;
};

// A log that a helper writes to; it is short-lived output, so nothing bounds it but the helper.
result<unique_fd> open_log(const std::string& directory, std::string_view name) {
    return syscalls::open(fmt::format("{}/{}", directory, name), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
}

// KVM tells the kernel what is right of clocks, and Arm's processors do. Elsewhere it counts the timer's ticks against
// the processor's speed and panics when there are too few, which a busy host brings about; and nothing on a microvm
// tells it that speed.
std::string clock_words(const vm_plan& plan, accelerator accel) {
    if (accel == accelerator::kvm || plan.machine == machine_type::virt) return {};
    std::string words = "no_timer_check";
    if (plan.machine != machine_type::microvm_acpi) return words;
    auto processors = read_file("/proc/cpuinfo", largest_log);
    auto at = processors ? processors->find("cpu MHz") : std::string::npos;
    auto colon = at == std::string::npos ? at : processors->find(':', at);
    if (colon == std::string::npos) return words;
    auto mhz = ::strtod(processors->c_str() + colon + 1, nullptr);
    return fmt::format("{} tsc_early_khz={:.0f}", words, mhz * 1000);
}

reaper::spawn_options helper_options(std::vector<std::string> command, const vm_plan& plan) {
    auto path = command.front();
    reaper::spawn_options options(std::move(path), std::move(command));
    options.group = reaper::process_group::own_session;
    options.parent_death_signal = SIGKILL;
    options.cgroup_procs = plan.cgroup_procs;
    return options;
}

}  // namespace

qemu_machine::qemu_machine(asio::io_context& context, vm_plan plan)
    : context_(context),
      plan_(std::move(plan)),
      slots_(plan_.spare_disk_slots),
      slots_changed_(context.get_executor()),
      share_lost_(context.get_executor()),
      growth_(plan_,
              [this](std::string_view name, std::string arguments) { return query(name, std::move(arguments)); }),
      tasks_(context.get_executor(), log_of(context)) {}

qemu_machine::~qemu_machine() {
    kill();
    tasks_.stop();
}

void qemu_machine::kill() noexcept {
    for (auto* process : {&qemu_, &device_}) {
        if (*process && !process->exited()) (void)process->signal(SIGKILL);
    }
    for (auto& [tag, process] : share_daemons_) {
        if (!process.exited()) (void)process.signal(SIGKILL);
    }
}

awaitable<result<void>> qemu_machine::start(accelerator accel) {
    if (!plan_.vsock_device.empty()) {
        auto started = co_await start_vsock_device(context_, plan_, device_);
        if (!started) co_return started.error();
        has_moved_packets_ = moves_packets(device_.pid());
    }
    for (const auto& each : plan_.shares) {
        if (auto started = start_share(each); !started) co_return started.error();
    }
    if (auto started = start_qemu(accel); !started) co_return started.error();
    auto agreed = co_await monitor_->negotiate(command_limit);
    // A monitor that is gone is QEMU going: what it says for itself is worth more than that.
    bool is_gone = !agreed && agreed.error().kind() == errc::unavailable;
    if (is_gone && co_await qemu_.wait_for(command_limit)) {
        co_return error(errc::unavailable, "QEMU ended: " + read_log());
    }
    co_return agreed;
}

result<void> qemu_machine::start_qemu(accelerator accel) {
    if (auto words = clock_words(plan_, accel); !words.empty()) plan_.kernel_words.push_back(std::move(words));
    auto command = qemu_command(plan_, accel);
    if (!command) return command.error();
    (void)replace_file(plan_.directory + "/command", fmt::format("{}\n", fmt::join(*command, "\n")), 0600);
    auto log = open_log(plan_.directory, "qemu.log");
    if (!log) return log.error();
    auto monitor = ttrpc::connected_pair(context_.get_executor());
    if (!monitor) return monitor.error();
    auto console = ttrpc::connected_pair(context_.get_executor());
    if (!console) return console.error();
    console_log printed;
    if (!plan_.console_log.empty()) {
        auto opened = console_log::open(plan_.console_log);
        if (!opened) return opened.error();
        printed = std::move(*opened);
    }
    auto options = helper_options(std::move(*command), plan_);
    options.network_namespace = plan_.network_namespace;
    options.has_new_network = plan_.has_new_network;
    options.stdout_fd = options.stderr_fd = log->get();
    options.extra_fds = {{monitor_descriptor, monitor->second.get()}, {console_descriptor, console->second.get()}};
    auto started = asio::use_service<reaper::reaper_service>(context_).launch(std::move(options));
    if (!started) return started.error().within("QEMU");
    qemu_ = std::move(*started);
    auto on_event = [this](std::string_view name, std::string_view device) { take_event(name, device); };
    monitor_ = std::make_unique<qmp_client>(context_, std::move(monitor->first), on_event);
    console_ = std::make_unique<console_reader>(context_, std::move(console->first), std::move(printed));
    return {};
}

// vhost-device-vsock does not survive a connection that is made before the guest has its driver, nor one that is closed
// before the guest has answered (docs/testing.md): PID 1 says first that it serves, then one connection waits for it.
awaitable<result<void>> qemu_machine::serving() {
    bool is_serving = co_await console_->wait_for(serving_line);
    if (!is_serving) co_return error(errc::unavailable, "the guest ended before it served");
    for (;;) {
        auto answered = co_await ping(rpc_address(), ping_limit);
        if (answered) co_return answered;
        auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return answered.error();
        co_await sleep_for(ping_interval);
    }
}

awaitable<result<void>> qemu_machine::wait_until_serving() {
    auto outcome = co_await (serving() || qemu_.wait() || packets_lost());
    if (outcome.index() == 0) co_return std::get<0>(outcome);
    if (outcome.index() == 2) co_return error(errc::unavailable, "vhost-device-vsock has stopped moving packets");
    auto said = read_log();
    co_return error(errc::unavailable, said.empty() ? "the VM ended before it served" : "QEMU ended: " + said);
}

bool qemu_machine::has_lost_packets() const {
    return has_moved_packets_ && !device_.exited() && !moves_packets(device_.pid());
}

awaitable<void> qemu_machine::packets_lost() {
    while (!has_lost_packets()) co_await sleep_for(packets_interval);
}

awaitable<stuck_guest> qemu_machine::examine() {
    stuck_guest found;
    if (monitor_ && !has_ended()) found = co_await examine_guest(*monitor_, plan_);
    if (found.is_known()) (void)replace_file(plan_.directory + "/kernel.log", found.text(), 0600);
    co_return found;
}

std::string qemu_machine::read_log() const {
    auto text = read_file(plan_.directory + "/qemu.log", largest_log);
    return text ? std::string(trimmed(*text)) : std::string();
}

ttrpc::address qemu_machine::rpc_address() const { return guest_address(plan_, plan_.rpc_port); }
ttrpc::address qemu_machine::stream_address() const { return guest_address(plan_, plan_.stream_port); }

bool qemu_machine::has_ended() const noexcept { return !qemu_ || qemu_.exited().has_value(); }

awaitable<void> qemu_machine::ended() {
    if (qemu_) co_await qemu_.wait();
}

awaitable<result<boost::json::value>> qemu_machine::query(std::string_view name, std::string arguments) {
    if (!monitor_) co_return error(errc::unavailable, "the VM does not run");
    co_return co_await monitor_->execute(name, arguments, command_limit);
}

awaitable<result<void>> qemu_machine::command(std::string_view name, std::string arguments) {
    auto done = co_await query(name, std::move(arguments));
    if (!done) co_return done.error();
    co_return result<void>();
}

void qemu_machine::take_event(std::string_view name, std::string_view device) {
    log_of(context_).debug("QEMU event", {{"event", name}, {"device", device}});
    if (name != "DEVICE_DELETED" || !slots_.release(std::string(device))) return;
    slots_changed_.notify_all();
    constexpr std::string_view disk_prefix = "disk-";
    if (!device.starts_with(disk_prefix)) return;
    device.remove_prefix(disk_prefix.size());
    tasks_.spawn("close a disk", close_disk(shared_from_this(), fmt::format("node-{}", device)));
}

// The file of a device that is gone is still open, and locked against other VMs.
awaitable<void> qemu_machine::close_disk(std::shared_ptr<qemu_machine> self, std::string node) {
    auto closed = co_await self->command("blockdev-del", fmt::format(R"({{"node-name":"{}"}})", node));
    if (!closed) log_of(self->context_).warn("a disk's file stays open", {{"error", closed.error()}});
}

awaitable<result<void>> qemu_machine::wait_for_slot() {
    if (!slots_.is_any_leaving())
        co_return error(errc::failed_precondition, "no slot is left for another disk or share");
    auto goes_on = co_await slots_changed_.wait();
    if (!goes_on) co_return error(errc::cancelled, "a slot for a device");
    co_return result<void>();
}

// One from which a device is being taken is as good as free, a moment later.
awaitable<result<unsigned>> qemu_machine::free_slot(std::string device) {
    for (;;) {
        if (auto slot = slots_.take(device)) co_return *slot;
        auto freed = co_await with_timeout(wait_for_slot(), unplug_limit, "a slot for " + device);
        if (!freed) co_return freed.error();
    }
}

awaitable<result<void>> qemu_machine::grow(vm_size wanted) { return growth_.grow(wanted); }

awaitable<result<void>> qemu_machine::add_disk(disk added) {
    if (added.access == disk_access::snapshot)
        co_return error(errc::invalid_argument, "disk " + added.serial + ": no snapshot of what is added later");
    auto device = "disk-" + added.serial;
    auto slot = co_await free_slot(device);
    if (!slot) co_return slot.error();
    auto opened = co_await command("blockdev-add", blockdev_arguments(added));
    if (!opened) slots_.release(device);
    if (!opened) co_return opened.error();
    auto plugged = co_await command("device_add", device_arguments(added, *slot));
    if (plugged) co_return plugged;
    (void)co_await command("blockdev-del", fmt::format(R"({{"node-name":"node-{}"}})", added.serial));
    slots_.release(device);
    co_return plugged.error();
}

awaitable<result<void>> qemu_machine::remove_disk(std::string serial) {
    auto device = "disk-" + serial;
    if (!slots_.leave(device)) co_return error(errc::not_found, "disk " + serial);
    co_return co_await command("device_del", fmt::format(R"({{"id":"{}"}})", device));
}

result<void> qemu_machine::start_share(const share& shared) {
    if (plan_.virtiofsd.empty()) return error(errc::not_implemented, "no virtiofsd is configured to share a directory");
    if (share_daemons_.contains(shared.tag)) return error(errc::already_exists, "share " + shared.tag);
    auto started = start_share_daemon(context_, plan_, shared);
    if (!started) return started.error();
    share_daemons_.emplace(shared.tag, std::move(*started));
    tasks_.spawn("watch share " + shared.tag, watch_share(shared.tag));
    return {};
}

awaitable<void> qemu_machine::watch_share(std::string tag) {
    co_await share_daemons_.at(tag).wait();
    // With QEMU's end comes the daemon's.
    if (is_stopping_ || has_ended() || !share_daemons_.contains(tag)) co_return;
    has_lost_share_ = true;
    share_lost_.notify_all();
    auto said = read_file(fmt::format("{}/{}.log", plan_.directory, tag), largest_log);
    log_of(context_).error("virtiofsd has ended: the guest's calls to the share wait for ever",
                           {{"share", tag}, {"said", said ? trimmed(*said) : std::string_view()}});
}

awaitable<void> qemu_machine::share_lost() {
    while (!has_lost_share_) (void)co_await share_lost_.wait();
}

awaitable<result<void>> qemu_machine::add_share(share added) {
    if (auto fits = check_share(added); !fits) co_return fits.error();
    auto device = "share-" + added.tag;
    auto slot = co_await free_slot(device);
    if (!slot) co_return slot.error();
    auto done = start_share(added);
    if (done) done = co_await command("chardev-add", chardev_arguments(plan_, added));
    if (done) done = co_await command("device_add", device_arguments(added, *slot));
    if (done) co_return done;
    slots_.release(device);
    if (done.error().kind() == errc::already_exists) co_return done;
    (void)co_await command("chardev-remove", fmt::format(R"({{"id":"fs-{}"}})", added.tag));
    co_await end_share(added);
    co_return done;
}

awaitable<void> qemu_machine::end_share(share gone) {
    auto found = share_daemons_.find(gone.tag);
    if (found == share_daemons_.end()) co_return;
    auto process = std::move(found->second);
    share_daemons_.erase(found);
    if (!process.exited()) (void)process.signal(SIGKILL);
    (void)co_await process.wait_for(kill_limit);
    ::unlink(share_socket(plan_.directory, gone).c_str());
}

awaitable<result<void>> qemu_machine::pause() { co_return co_await command("stop", {}); }
awaitable<result<void>> qemu_machine::resume() { co_return co_await command("cont", {}); }

// The keys reach a kernel without the driver of the button, the button one without a keyboard. One is enough.
awaitable<result<void>> qemu_machine::press_power_button() {
    // Its button needs a driver that distributions' kernels for VMs leave out, and nobody would say that it is missing.
    if (plan_.machine == machine_type::virt)
        co_return error(errc::unknown, "this board has no power button that is sure to work");
    auto pressed = co_await command("system_powerdown", {});
    if (plan_.machine == machine_type::q35) {
        auto keys = co_await command("send-key", ctrl_alt_del);
        if (keys) co_return keys;
    }
    co_return pressed;
}

awaitable<void> qemu_machine::stop(clock::duration limit) {
    is_stopping_ = true;
    if (qemu_ && !co_await qemu_.wait_for(limit)) {
        (void)co_await command("quit", {});
        (void)co_await qemu_.wait_for(limit);
    }
    kill();
    if (qemu_) (void)co_await qemu_.wait_for(kill_limit);
    if (console_) co_await (console_->over() || sleep_for(kill_limit));
    if (device_) (void)co_await device_.wait_for(kill_limit);
    while (!share_daemons_.empty()) {
        auto tag = share_daemons_.begin()->first;
        co_await end_share(share(std::string(), std::move(tag)));
    }
    tasks_.stop();
    co_await tasks_.join();
    for (const auto& socket : {vhost_socket(plan_), vsock_socket(plan_)}) ::unlink(socket.c_str());
}

std::string qemu_machine::console_tail(std::size_t lines) const {
    return console_ ? console_->last_lines(lines) : std::string();
}

}  // namespace vminit::vmm
