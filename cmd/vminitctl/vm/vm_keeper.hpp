// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/basic_signal_set.hpp>
#include <memory>
#include <string>

#include "client_session.hpp"
#include "vm/keeper_report.hpp"
#include "vm/vm_directory.hpp"
#include "vm/vm_request.hpp"
#include "vminit/core/unique_fd.hpp"
#include "vminit/vmm/vm_service.hpp"

namespace vminit::vminitctl {

/// Owns one VM, in a process of its own that `vm start` leaves behind: boots it, writes its record, and goes when it
/// has ended. SIGTERM asks the guest to power off, and ends it after a minute; SIGINT ends it at once. Whatever happens
/// to this process, the VMM goes with it.
class vm_keeper {
public:
    /// `report` is a connected socket: it gets one line, and its end before that line is an order to give up.
    vm_keeper(client_session& session, vm_request request, unique_fd report);

    awaitable<result<int>> run();

private:
    using machine = std::shared_ptr<vmm::virtual_machine>;

    result<vmm::vm_plan> prepare();
    awaitable<result<machine>> boot(vmm::vm_plan plan);
    awaitable<void> given_up();
    awaitable<int> signalled();
    awaitable<void> owner_gone();
    awaitable<void> until_end(machine vm);
    awaitable<void> power_off(machine vm);
    awaitable<void> ask_guest(std::string address);
    awaitable<void> tell(keeper_report report);
    keeper_report begin_report() const;
    keeper_report report_of(const error& failure) const;
    result<void> write_record(const vmm::vm_plan& plan, pid_t pid);
    void leave(const vmm::vm_plan& plan);

    client_session& session_;
    vm_request request_;
    vm_settings settings_;
    vm_directory directory_;
    std::optional<ttrpc::stream_socket> report_;
    asio::basic_signal_set<executor> signals_;
};

}  // namespace vminit::vminitctl
