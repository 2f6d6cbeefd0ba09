// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "vminit/core/result.hpp"

namespace vminit::vminitctl {

/// What VMs of this machine are made of, where nothing else is asked for: one file for us and for the containerd shim.
struct vm_settings {
    std::string kernel = "/usr/share/vminit/guest/vmlinuz";
    std::string initrd = "/usr/share/vminit/guest/initrd";
    std::string qemu;  ///< empty: the machine's, as in vmm::vm_plan
    std::string vsock_device;  ///< empty: /dev/vhost-vsock if it opens, else vhost-device-vsock from PATH
    std::string virtiofsd;     ///< empty: the first that is found where packages put it
    std::string state;         ///< a directory per VM in here
};

/// From the file `config`; one that is missing is the defaults. Errors: errno of reading a file that is there,
/// invalid_argument.
result<vm_settings> read_vm_settings(const std::string& config);

/// The file: VMINIT_SHIM_CONFIG, else its usual place.
std::string shim_config_file();

/// `read_vm_settings` of that file; VMINIT_STATE names another state directory.
result<vm_settings> machine_settings();

/// Where the VMs of this user are when nothing says otherwise: /run/vminit, or `vminit` in XDG_RUNTIME_DIR.
std::string usual_state();

/// The directory of the VM that is called `name` or, with a `/` in it, lies there. Errors: invalid_argument (`.`, `..`,
/// nothing), errno.
result<std::string> vm_path(const vm_settings& settings, const std::string& name);

}  // namespace vminit::vminitctl
