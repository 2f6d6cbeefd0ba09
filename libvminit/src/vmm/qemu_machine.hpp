#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "console_reader.hpp"
#include "qmp_client.hpp"
#include "vminit/reaper/reaper_service.hpp"
#include "vminit/vmm/virtual_machine.hpp"

namespace vminit::vmm {

/// QEMU with one VM, and vhost-device-vsock beside it where the kernel has no vhost_vsock.
class qemu_machine final : public virtual_machine {
public:
    qemu_machine(asio::io_context& context, vm_plan plan);
    ~qemu_machine() override;

    /// Starts the processes and returns when the guest has answered a ping. What was started is ended by the
    /// destructor.
    awaitable<result<void>> boot(accelerator accel);

    ttrpc::address rpc_address() const override;
    ttrpc::address stream_address() const override;
    pid_t pid() const noexcept override { return qemu_.pid(); }
    bool has_ended() const noexcept override;
    awaitable<void> ended() override;
    awaitable<result<void>> add_disk(disk added) override;
    awaitable<result<void>> remove_disk(std::string serial) override;
    awaitable<result<void>> pause() override;
    awaitable<result<void>> resume() override;
    awaitable<void> stop(clock::duration limit) override;
    std::string console_tail(std::size_t lines) const override;

    /// SIGKILL to all of it, at once and without waiting.
    void kill() noexcept;

private:
    awaitable<result<void>> start_vsock_device();
    result<void> start_qemu(accelerator accel);
    awaitable<result<void>> wait_until_serving();
    awaitable<result<void>> serving();
    awaitable<result<void>> command(std::string_view name, std::string arguments);
    ttrpc::address guest_port(std::uint32_t port) const;
    std::string read_log() const;

    asio::io_context& context_;
    vm_plan plan_;
    reaper::child device_;
    reaper::child qemu_;
    std::unique_ptr<qmp_client> monitor_;
    std::unique_ptr<console_reader> console_;
    std::vector<std::string> slots_;  // serial of the disk in each spare slot; empty = free
};

}  // namespace vminit::vmm
