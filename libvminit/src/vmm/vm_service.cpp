#include "vminit/vmm/vm_service.hpp"

#include <fcntl.h>

#include <vector>

#include "qemu_machine.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::vmm {

namespace {

constexpr std::size_t told_lines = 20;                       // of the console, in the error of a boot that failed
constexpr clock::duration no_patience = clock::duration(0);  // a boot that failed is ended at once

bool has_kvm() { return static_cast<bool>(syscalls::open("/dev/kvm", O_RDWR)); }

// What a first boot with KVM on this machine showed; automatic when it is not known.
accelerator remembered(const std::string& memory) {
    auto text = memory.empty() ? result<std::string>(std::string()) : read_file(memory);
    if (!text) return accelerator::automatic;
    if (trimmed(*text) == "kvm") return accelerator::kvm;
    return trimmed(*text) == "tcg" ? accelerator::tcg : accelerator::automatic;
}

}  // namespace

class vm_service::implementation {
public:
    explicit implementation(asio::io_context& context) : context_(context) {}

    awaitable<result<std::shared_ptr<virtual_machine>>> boot_with(vm_plan plan, accelerator accel,
                                                                  clock::duration limit);
    awaitable<result<std::shared_ptr<virtual_machine>>> probe(vm_plan plan, boot_limits limits, std::string memory);

    void kill_all() noexcept {
        for (const auto& each : machines_) {
            if (auto machine = each.lock()) machine->kill();
        }
    }

private:
    void remember(const std::string& memory, std::string_view accel);

    asio::io_context& context_;
    std::vector<std::weak_ptr<qemu_machine>> machines_;  // those that are over go when the next one comes
};

awaitable<result<std::shared_ptr<virtual_machine>>> vm_service::implementation::boot_with(vm_plan plan,
                                                                                          accelerator accel,
                                                                                          clock::duration limit) {
    std::erase_if(machines_, [](const auto& each) { return each.expired(); });
    auto machine = std::make_shared<qemu_machine>(context_, std::move(plan));
    machines_.push_back(machine);
    auto booted = co_await with_timeout(machine->boot(accel), limit, "boot of the VM");
    if (booted) co_return std::shared_ptr<virtual_machine>(std::move(machine));
    auto said = machine->console_tail(told_lines);
    co_await machine->stop(no_patience);
    if (said.empty()) co_return booted.error();
    auto told = booted.error().message() + "; its console ends with:\n" + said;
    // The class says what it was; the words are all in the context.
    co_return error(booted.error().kind(), std::move(told));
}

awaitable<result<std::shared_ptr<virtual_machine>>> vm_service::implementation::probe(vm_plan plan, boot_limits limits,
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

}  // namespace vminit::vmm
