// SPDX-License-Identifier: Apache-2.0
#include "vm/vm_keeper.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/write.hpp>
#include <tuple>

#include "shutdown_call.hpp"
#include "vm/process_end.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/vmm/vm_record.hpp"

namespace vminit::vminitctl {

using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

namespace {

constexpr clock::duration power_off_limit = 60s;  // after SIGTERM; who cannot wait sends SIGINT
constexpr clock::duration no_patience = 0s;       // with a VMM that is to end now
constexpr clock::duration end_limit = 2s;         // for a VMM that ends by itself
constexpr std::size_t largest_notes = std::size_t{16} << 10;
constexpr std::size_t processor_lines = 12;
constexpr std::size_t thread_lines = 100;

std::string first_lines(std::string_view text, std::size_t count) {
    std::size_t end = 0;
    for (; count > 0 && end < text.size(); --count) {
        auto newline = text.find('\n', end);
        end = newline == std::string_view::npos ? text.size() : newline + 1;
    }
    return std::string(text.substr(0, end));
}

// Of what the layer has written of a guest that hangs: where its processors are, and the threads of PID 1.
std::string shown_of(std::string_view found) {
    auto log = found.find("kernel log:\n");
    auto threads = found.find("PID 1:\n");
    auto text = first_lines(found.substr(0, log), processor_lines);
    if (threads != std::string_view::npos) text += first_lines(found.substr(threads), thread_lines);
    return text;
}

}  // namespace

vm_keeper::vm_keeper(client_session& session, vm_request request, unique_fd report)
    : session_(session), request_(std::move(request)), signals_(session.context().get_executor(), SIGTERM, SIGINT) {
    auto socket = ttrpc::adopt_socket(session.context().get_executor(), std::move(report));
    if (socket) report_.emplace(std::move(*socket));
}

awaitable<result<int>> vm_keeper::run() {
    auto plan = prepare();
    if (!plan) {
        auto report = report_of(plan.error());
        directory_.remove();
        co_await tell(std::move(report));
        co_return exit_failure;
    }
    auto outcome = co_await (boot(*plan) || given_up() || signalled());
    if (outcome.index() != 0) {
        leave(*plan);
        co_return exit_failure;
    }
    auto booted = std::move(std::get<0>(outcome));
    auto written = booted ? write_record(*plan, (*booted)->pid()) : result<void>(booted.error());
    if (!written) {
        auto report = report_of(written.error());
        leave(*plan);  // before it is told: who has heard of the end finds nothing any more
        co_await tell(std::move(report));
        co_return exit_failure;
    }
    auto report = begin_report();
    report.rpc = (*booted)->rpc_address().to_string();
    report.streams = (*booted)->stream_address().to_string();
    report.pid = (*booted)->pid();
    co_await tell(std::move(report));
    co_await until_end(*booted);
    leave(*plan);
    co_return 0;
}

result<vmm::vm_plan> vm_keeper::prepare() {
    if (!report_) return error(errc::internal, "the keeper was started without a socket for its report");
    auto settings = machine_settings();
    if (!settings) return settings.error();
    settings_ = std::move(*settings);
    auto path = vm_path(settings_, request_.name);
    if (!path) return path.error();
    auto plan = plan_of(request_, settings_, *path);
    if (!plan) return plan.error();
    if (auto made = make_directories(settings_.state, 0700); !made) return made.error();
    auto taken = vm_directory::take(*path);
    if (!taken) return taken.error();
    directory_ = std::move(*taken);
    // What is logged from here on, and what the sanitizers of a test say.
    auto log = syscalls::open(directory_.file(keeper_file), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    if (!log) return log.error();
    auto moved = syscalls::attempt("dup2", keeper_file, [&] { return ::dup2(log->get(), STDERR_FILENO); });
    if (!moved) return moved.error();
    if (auto written = write_record(*plan, 0); !written) return written.error();
    return plan;
}

awaitable<result<vm_keeper::machine>> vm_keeper::boot(vmm::vm_plan plan) {
    auto& service = asio::use_service<vmm::vm_service>(session_.context());
    auto memory = settings_.state + "/accelerator";
    if (request_.does_not_wait) co_return co_await service.start(std::move(plan), std::move(memory));
    vmm::boot_limits limits;
    limits.tcg = request_.boot_limit();
    if (request_.accel == vmm::accelerator::kvm) limits.kvm = limits.tcg;
    co_return co_await service.boot(std::move(plan), limits, std::move(memory));
}

// Nobody sends anything: what can be read is the end.
awaitable<void> vm_keeper::given_up() {
    error_code failure;
    while (!failure && !is_readable(report_->native_handle())) {
        std::tie(failure) = co_await report_->async_wait(ttrpc::stream_socket::wait_read, as_tuple_awaitable);
    }
}

awaitable<int> vm_keeper::signalled() {
    auto [failure, signal] = co_await signals_.async_wait(as_tuple_awaitable);
    co_return failure ? 0 : signal;
}

awaitable<void> vm_keeper::owner_gone() {
    if (request_.owner != 0) co_return co_await process_end(session_.context(), open_process(request_.owner));
    timer never(session_.context().get_executor(), clock::time_point::max());
    auto [failure] = co_await never.async_wait(as_tuple_awaitable);
    (void)failure;
}

awaitable<void> vm_keeper::until_end(machine vm) {
    auto outcome = co_await (vm->ended() || signalled() || owner_gone());
    bool is_asked = outcome.index() == 1 && std::get<1>(outcome) == SIGTERM;
    if (is_asked) co_await (power_off(vm) || signalled());
    auto patience = outcome.index() == 0 ? end_limit : no_patience;
    co_await vm->stop(patience);
}

awaitable<void> vm_keeper::power_off(machine vm) {
    auto pressed = co_await vm->press_power_button();
    if (!pressed) co_await ask_guest(vm->rpc_address().to_string());
    co_await (vm->ended() || sleep_for(power_off_limit));
}

// A microvm without ACPI has no button, and virt none that is sure to work.
awaitable<void> vm_keeper::ask_guest(std::string address) {
    auto options = session_.options();
    options.address = std::move(address);
    client_session guest(session_.context(), options, session_.local());
    auto asked = co_await guest.connect();
    if (asked) asked = co_await ask_to_power_off(guest);
    if (!asked) log_of(session_.context()).warn("the guest cannot be asked to power off", {{"error", asked.error()}});
}

awaitable<void> vm_keeper::tell(keeper_report report) {
    if (!report_) co_return;
    auto line = to_text(report);
    auto [failure, sent] = co_await asio::async_write(*report_, asio::buffer(line), as_tuple_awaitable);
    (void)failure;  // who started us is gone, which says that it is not interested
    (void)sent;
    report_.reset();
}

keeper_report vm_keeper::begin_report() const {
    keeper_report report;
    report.directory = directory_.path();
    if (report.directory.empty()) return report;
    auto notes = read_file(directory_.file(keeper_file), largest_notes);
    if (notes) report.notes = std::move(*notes);
    return report;
}

keeper_report vm_keeper::report_of(const error& failure) const {
    auto report = begin_report();
    report.kind = static_cast<int>(failure.kind());
    bool is_ours = failure.code().category() == common_category() && !failure.context().empty();
    report.text = is_ours ? failure.context() : failure.message();
    if (directory_.path().empty()) return report;
    if (auto found = read_file(directory_.file("kernel.log"))) report.text += "\n" + shown_of(*found);
    return report;
}

result<void> vm_keeper::write_record(const vmm::vm_plan& plan, pid_t pid) {
    auto record = vmm::record_of(plan);
    record.pid = pid;
    record.keeper = ::getpid();
    return replace_file(directory_.file(vmm::record_name), vmm::to_text(record), 0600);
}

void vm_keeper::leave(const vmm::vm_plan& plan) {
    for (const auto& each : plan.shares) ::unlink(directory_.file(each.tag + ".log").c_str());
    if (!request_.keeps_logs) return directory_.remove();
    ::unlink(plan.control_socket.c_str());
    (void)replace_file(directory_.file(ended_file), "", 0600);
    ::unlink(directory_.file(vmm::record_name).c_str());
}

}  // namespace vminit::vminitctl
