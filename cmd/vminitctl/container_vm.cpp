// SPDX-License-Identifier: Apache-2.0
#include "container_vm.hpp"

#include "vminit/vmm/vm_record.hpp"

namespace vminit::vminitctl {

namespace {

void take_addresses(global_options& options, const vmm::vm_record& found) {
    options.address = found.rpc;
    options.stream_address = found.streams;
}

}  // namespace

result<void> find_container_vm(global_options& options, const std::string& state) {
    auto records = vmm::read_records(state);
    if (!records) return records.error();
    auto found = vmm::find_record(*records, options.space, options.container);
    if (!found) return found.error();
    take_addresses(options, *found);
    return {};
}

result<void> find_named_vm(global_options& options, const vm_settings& settings) {
    auto path = vm_path(settings, options.vm);
    if (!path) return path.error();
    auto found = vmm::read_record(*path);
    if (!found && found.error().kind() == errc::not_found) return error(errc::not_found, "a VM in " + *path);
    if (!found) return found.error();
    take_addresses(options, *found);
    return {};
}

}  // namespace vminit::vminitctl
