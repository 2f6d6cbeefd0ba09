// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "console_reader.hpp"
#include "device_slots.hpp"
#include "qemu_growth.hpp"
#include "qmp_client.hpp"
#include "stuck_guest.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/reaper/reaper_service.hpp"
#include "vminit/vmm/virtual_machine.hpp"

namespace vminit::vmm {

/// QEMU with one VM; vhost-device-vsock beside it where the kernel has no vhost_vsock, and a virtiofsd for each share.
class qemu_machine final : public virtual_machine, public std::enable_shared_from_this<qemu_machine> {
public:
    qemu_machine(asio::io_context& context, vm_plan plan);
    ~qemu_machine() override;

    /// Starts the processes and returns when QEMU takes commands. What was started is ended by the destructor.
    awaitable<result<void>> start(accelerator accel);

    /// Returns when the guest has answered a ping. Errors: unavailable when it never will.
    awaitable<result<void>> wait_until_serving();

    /// Whether vhost-device-vsock runs but moves no packets any more; it did when it was started.
    bool has_lost_packets() const;

    /// See examine_guest; what is found is in the file kernel.log too.
    awaitable<stuck_guest> examine();

    ttrpc::address rpc_address() const override;
    ttrpc::address stream_address() const override;
    pid_t pid() const noexcept override { return qemu_.pid(); }
    bool has_ended() const noexcept override;
    awaitable<void> ended() override;
    awaitable<result<void>> add_disk(disk added) override;
    awaitable<result<void>> remove_disk(std::string serial) override;
    awaitable<result<void>> add_share(share added) override;
    awaitable<void> share_lost() override;
    vm_size size() const noexcept override { return growth_.size(); }
    awaitable<result<void>> grow(vm_size wanted) override;
    std::uint64_t memory_end() const noexcept override { return growth_.memory_end(); }
    awaitable<result<void>> pause() override;
    awaitable<result<void>> resume() override;
    awaitable<result<void>> press_power_button() override;
    awaitable<void> stop(clock::duration limit) override;
    std::string console_tail(std::size_t lines) const override;

    /// SIGKILL to all of it, at once and without waiting.
    void kill() noexcept;

private:
    result<void> start_qemu(accelerator accel);
    result<void> start_share(const share& shared);
    awaitable<void> watch_share(std::string tag);
    awaitable<void> end_share(share gone);
    void take_event(std::string_view name, std::string_view device);
    static awaitable<void> close_disk(std::shared_ptr<qemu_machine> self, std::string node);
    awaitable<result<unsigned>> free_slot(std::string device);
    awaitable<result<void>> wait_for_slot();
    awaitable<result<void>> serving();
    awaitable<void> packets_lost();
    awaitable<result<void>> command(std::string_view name, std::string arguments);
    awaitable<result<boost::json::value>> query(std::string_view name, std::string arguments);
    std::string read_log() const;

    asio::io_context& context_;
    vm_plan plan_;
    reaper::child device_;
    bool has_moved_packets_ = false;
    reaper::child qemu_;
    std::unique_ptr<qmp_client> monitor_;
    std::unique_ptr<console_reader> console_;
    std::map<std::string, reaper::child> share_daemons_;  // by tag
    device_slots slots_;
    condition slots_changed_;
    bool has_lost_share_ = false;
    condition share_lost_;
    bool is_stopping_ = false;
    qemu_growth growth_;
    task_group tasks_;
};

}  // namespace vminit::vmm
