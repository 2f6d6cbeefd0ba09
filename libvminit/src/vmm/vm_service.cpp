// SPDX-License-Identifier: Apache-2.0
#include "vminit/vmm/vm_service.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <vector>

#include "qemu_machine.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::vmm {

namespace {

constexpr std::size_t told_lines = 20;                       // of the console, in the error of a boot that failed
constexpr std::size_t told_messages = 10;                    // of the kernel's log
constexpr clock::duration no_patience = clock::duration(0);  // a boot that failed is ended at once

bool has_kvm() { return static_cast<bool>(syscalls::open("/dev/kvm", O_RDWR)); }

// What a first boot with KVM on this machine showed; automatic when it is not known.
accelerator remembered(const std::string& memory) {
    auto text = memory.empty() ? result<std::string>(std::string()) : read_file(memory);
    if (!text) return accelerator::automatic;
    if (trimmed(*text) == "kvm") return accelerator::kvm;
    return trimmed(*text) == "tcg" ? accelerator::tcg : accelerator::automatic;
}

awaitable<result<void>> boot_machine(std::shared_ptr<qemu_machine> machine, accelerator accel) {
    auto started = co_await machine->start(accel);
    if (!started) co_return started;
    co_return co_await machine->wait_until_serving();
}

// The class says what it was; the words are all in the context.
error told_with(const error& failure, const std::string& console, const stuck_guest& guest) {
    if (console.empty() && !guest.is_known()) return failure;
    bool is_ours = failure.code().category() == common_category() && !failure.context().empty();
    auto text = is_ours ? failure.context() : failure.message();
    auto panic = console.find("Kernel panic");
    if (panic != std::string::npos)
        text = "the kernel panicked: " + console.substr(panic, console.find('\n', panic) - panic);
    if (!console.empty()) text.append("; its console ends with:\n" + std::string(trimmed(console)));
    if (guest.is_known())
        text.append("\nthe kernel's log ends with:\n" + last_lines(guest.kernel.messages, told_messages));
    return error(failure.kind(), std::move(text));
}

}  // namespace

class vm_service::implementation {
public:
    explicit implementation(asio::io_context& context) : context_(context) {}

    using booted = result<std::shared_ptr<virtual_machine>>;

    awaitable<booted> start(vm_plan plan, accelerator accel);
    awaitable<booted> boot_with(vm_plan plan, accelerator accel, clock::duration limit);
    awaitable<booted> probe(vm_plan plan, boot_limits limits, std::string memory);

    void kill_all() noexcept {
        for (const auto& each : machines_) {
            if (auto machine = each.lock()) machine->kill();
        }
    }

private:
    struct attempt {
        booted outcome = error(errc::unknown);
        bool is_worth_another = false;
    };

    std::shared_ptr<qemu_machine> add(vm_plan plan);
    awaitable<attempt> try_boot(vm_plan plan, accelerator accel, clock::duration limit);
    void remember(const std::string& memory, std::string_view accel);

    asio::io_context& context_;
    std::vector<std::weak_ptr<qemu_machine>> machines_;  // those that are over go when the next one comes
};

std::shared_ptr<qemu_machine> vm_service::implementation::add(vm_plan plan) {
    std::erase_if(machines_, [](const auto& each) { return each.expired(); });
    auto machine = std::make_shared<qemu_machine>(context_, std::move(plan));
    machines_.push_back(machine);
    return machine;
}

awaitable<vm_service::implementation::booted> vm_service::implementation::start(vm_plan plan, accelerator accel) {
    auto machine = add(std::move(plan));
    auto started = co_await machine->start(accel);
    if (started) co_return std::shared_ptr<virtual_machine>(std::move(machine));
    co_await machine->stop(no_patience);
    co_return started.error();
}

awaitable<vm_service::implementation::attempt> vm_service::implementation::try_boot(vm_plan plan, accelerator accel,
                                                                                    clock::duration limit) {
    auto machine = add(std::move(plan));
    auto late =
        fmt::format("the guest has not answered within {} s", std::chrono::ceil<std::chrono::seconds>(limit).count());
    auto served = co_await with_timeout(boot_machine(machine, accel), limit, std::move(late));
    attempt tried;
    if (served) {
        tried.outcome = std::shared_ptr<virtual_machine>(std::move(machine));
        co_return tried;
    }
    auto guest = co_await machine->examine();
    auto said = machine->console_tail(told_lines);
    tried.is_worth_another = machine->has_lost_packets() || (guest.is_known() && !guest.kernel.has_started_init());
    co_await machine->stop(no_patience);
    tried.outcome = told_with(served.error(), said, guest);
    co_return tried;
}

awaitable<vm_service::implementation::booted> vm_service::implementation::boot_with(vm_plan plan, accelerator accel,
                                                                                    clock::duration limit) {
    auto first = co_await try_boot(plan, accel, limit);
    if (!first.is_worth_another) co_return std::move(first.outcome);
    log_of(context_).warn("booting once more", {{"error", first.outcome.error()}});
    auto second = co_await try_boot(std::move(plan), accel, limit);
    co_return std::move(second.outcome);
}

awaitable<vm_service::implementation::booted> vm_service::implementation::probe(vm_plan plan, boot_limits limits,
                                                                                std::string memory) {
    auto with_kvm = co_await boot_with(plan, accelerator::kvm, limits.kvm);
    if (with_kvm) remember(memory, "kvm");
    if (with_kvm) co_return with_kvm;
    log_of(context_).warn("no VM with KVM, trying TCG", {{"error", with_kvm.error()}});
    auto emulated = co_await boot_with(std::move(plan), accelerator::tcg, limits.tcg);
    if (emulated) remember(memory, "tcg");
    co_return emulated;
}

void vm_service::implementation::remember(const std::string& memory, std::string_view accel) {
    if (memory.empty()) return;
    auto written = replace_file(memory, accel, 0644);
    if (!written) log_of(context_).warn("accelerator not remembered", {{"error", written.error()}});
}

vm_service::vm_service(asio::execution_context& context)
    : asio::execution_context::service(context),
      impl_(std::make_unique<implementation>(static_cast<asio::io_context&>(context))) {
    asio::use_service<reaper::reaper_service>(context);
}

vm_service::~vm_service() = default;

void vm_service::shutdown() noexcept { impl_->kill_all(); }

awaitable<result<std::shared_ptr<virtual_machine>>> vm_service::boot(vm_plan plan, boot_limits limits,
                                                                     std::string memory) {
    auto accel = plan.accel;
    if (accel == accelerator::automatic) accel = has_kvm() ? remembered(memory) : accelerator::tcg;
    if (accel == accelerator::automatic) co_return co_await impl_->probe(std::move(plan), limits, std::move(memory));
    auto limit = accel == accelerator::kvm ? limits.kvm : limits.tcg;
    co_return co_await impl_->boot_with(std::move(plan), accel, limit);
}

awaitable<result<std::shared_ptr<virtual_machine>>> vm_service::start(vm_plan plan, std::string memory) {
    auto accel = plan.accel;
    if (accel == accelerator::automatic) accel = has_kvm() ? remembered(memory) : accelerator::tcg;
    if (accel == accelerator::automatic) accel = accelerator::tcg;
    co_return co_await impl_->start(std::move(plan), accel);
}

}  // namespace vminit::vmm
