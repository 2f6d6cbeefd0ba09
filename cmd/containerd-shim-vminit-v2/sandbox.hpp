// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>

#include "event_publisher.hpp"
#include "github.com/containerd/containerd/api/runtime/task/v3/shim.pb.h"
#include "guest_link.hpp"
#include "guest_spec.hpp"
#include "host_cgroup.hpp"
#include "host_storage.hpp"
#include "pod_machine.hpp"
#include "pod_network.hpp"
#include "pod_sysctls.hpp"
#include "shim_config.hpp"
#include "shim_container.hpp"
#include "shim_paths.hpp"
#include "vm_resources.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/vmm/vm_service.hpp"

namespace vminit::shim {

/// The VM of this shim and the containers in it. The first Create boots it; later ones plug their disks in; it stays
/// until `stop`. When the VMM ends by itself, all processes count as killed.
class sandbox final : public pod_machine {
public:
    sandbox(asio::io_context& context, shim_config config, shim_paths paths, event_publisher& publisher);

    /// Makes a container: its disk, the VM if there is none, its stdio, the guest's Create. What was made is undone
    /// when a later step fails. Errors: already_exists; those of each step, which name it.
    awaitable<result<std::shared_ptr<shim_container>>> create(containerd::task::v3::CreateTaskRequest request);

    void expect_pod() override { phase_ = pod_phase::expected; }
    awaitable<result<std::shared_ptr<shim_container>>> start_pod(pod_setup pod) override;
    awaitable<void> end_pod() override;
    awaitable<void> forget_containers() override;
    awaitable<result<io::containerd::cgroups::v2::Metrics>> pod_metrics() override;

    /// Errors: not_found.
    result<std::shared_ptr<shim_container>> find(const std::string& id) const;

    /// Forgets a container, takes its disk out and removes the image.
    awaitable<void> remove(std::shared_ptr<shim_container> container);

    /// Errors: unavailable when there is no VM, or no connection to it.
    result<guest_link::calls> guest() const;

    /// What a container may use by now: for a change of some of it.
    resource_limits limits_of(const std::string& id) const { return resources_.limits_of(id); }

    /// Makes the VM big enough for a container with these limits. Errors: unavailable, those of `vm_resources::fit`.
    awaitable<result<void>> set_limits(std::string id, resource_limits limits);

    bool is_empty() const noexcept { return containers_.empty(); }
    bool has_vm() const noexcept { return vm_ && !vm_->has_ended(); }
    std::uint32_t vmm_pid() const noexcept override { return has_vm() ? static_cast<std::uint32_t>(vm_->pid()) : 0; }

    /// Numbers for three stdio streams of one process.
    std::uint32_t next_stream_ids() noexcept;
    ttrpc::address stream_address() const { return vm_->stream_address(); }

    /// Powers the VM off and removes its directory. Idempotent.
    awaitable<void> stop();

private:
    /// Of the Sandbox API: none where the daemon makes pods as containers of their own.
    enum class pod_phase { none, expected, running, ended };

    result<guest_spec> plan(shim_container& container, const containerd::task::v3::CreateTaskRequest& request);
    result<void> read_wishes(shim_container& container, std::string_view config_json);
    guest_spec_input spec_input(const std::string& id) const;
    awaitable<result<void>> make_pod(std::shared_ptr<shim_container> holder, pod_setup pod);
    result<void> write_pod_files(const pod_setup& pod);
    awaitable<result<void>> start_holder(std::shared_ptr<shim_container> holder);
    awaitable<result<void>> provide_vm(std::shared_ptr<shim_container> container);
    awaitable<result<void>> plug_in(std::shared_ptr<shim_container> container);
    awaitable<result<void>> boot(std::shared_ptr<shim_container> first);
    awaitable<result<void>> create_in_guest(std::shared_ptr<shim_container> container, stdio_names names,
                                            guest_spec spec);
    awaitable<result<void>> place_on_host(std::string cgroups_path, vmm::vm_size size);
    awaitable<result<void>> limit_on_host(vmm::vm_size size);
    awaitable<void> watch_vm();
    awaitable<void> watch_share();
    awaitable<void> give_up(std::shared_ptr<shim_container> container);
    awaitable<void> undo_create(std::shared_ptr<shim_container> container);
    void write_record();
    void take_event(containerd::types::Envelope envelope);
    vmm::vm_plan plan_for(const container_storage& first, vmm::vm_size size) const;
    std::string namespace_in_guest(const std::string& type, const std::string& path) const;

    asio::io_context& context_;
    shim_config config_;
    shim_paths paths_;
    event_publisher& publisher_;
    host_storage storage_;
    std::shared_ptr<vmm::virtual_machine> vm_;
    std::unique_ptr<guest_link> link_;
    pod_network network_;
    host_cgroup cgroup_;
    std::map<std::string, std::shared_ptr<shim_container>> containers_;
    bool has_share_ = false;
    bool is_share_lost_ = false;
    std::string first_;  // the container that the VM was booted for: a pod's own
    vm_resources resources_;
    pod_sysctls sysctls_;
    pod_phase phase_ = pod_phase::none;
    std::map<std::string, std::string> pod_files_;  // place in a container → file in the VM's directory
    bool is_booting_ = false;
    bool is_stopping_ = false;
    condition boot_over_;
    std::uint32_t stream_ids_ = 1;
    task_group tasks_;
};

}  // namespace vminit::shim
