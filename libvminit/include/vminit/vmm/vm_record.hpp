// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/result.hpp"
#include "vminit/ttrpc/address.hpp"
#include "vminit/vmm/vm_plan.hpp"

namespace vminit::vmm {

/// What is written down of a VM that runs, beside its sockets, so that other programs of the same user find its guest.
struct vm_record {
    std::string rpc;      ///< address of the guest's RPC server
    std::string streams;  ///< of its stdio streams
    pid_t pid = 0;        ///< the VMM's; 0: not started yet
    pid_t keeper = 0;     ///< of the program that owns the VMM; 0: not told
    unsigned cpus = 0;    ///< at boot; 0: not told, as of `memory_mib`
    std::uint64_t memory_mib = 0;
    std::string space;  ///< containerd's namespace
    std::vector<std::string> containers;

    std::string directory;  ///< where the record is: no part of the file
};

/// The file's name in the VM's directory.
inline constexpr std::string_view record_name = "vm.json";

/// Of a VM that `plan` is for, before it runs. Pure.
vm_record record_of(const vm_plan& plan);

/// Where port `port` of the guest of `plan` answers. Pure.
ttrpc::address guest_address(const vm_plan& plan, std::uint32_t port);

/// The file's text, and back. Pure. Errors: invalid_argument.
std::string to_text(const vm_record& record);
result<vm_record> parse_record(std::string_view text);

/// The record in `directory`. Errors: errno of reading it, invalid_argument.
result<vm_record> read_record(const std::string& directory);

/// The records of all directories in `state`. What is no record, or goes meanwhile, is passed over. Errors: errno of
/// reading `state`; that there is none is an empty list.
result<std::vector<vm_record>> read_records(const std::string& state);

/// The VM of container `id`, or of the one container whose id begins so. Pure. Errors: not_found, failed_precondition
/// (several).
result<vm_record> find_record(const std::vector<vm_record>& records, const std::string& space, const std::string& id);

}  // namespace vminit::vmm
