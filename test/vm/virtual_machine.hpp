// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "vminit/core/unique_fd.hpp"

namespace vminit::test {

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// A VM that test/vm/boot started, with vminitctl.
class virtual_machine {
public:
    /// The one that serves many tests: VMINIT_VM_DIR names its directory (test/vm/shared makes and ends it).
    static std::string shared_address();
    /// What it has printed so far.
    static std::string shared_console();

    /// The same with network cards, disks and room for more (see test/vm/shared): its directory is that one's with
    /// `-equipped` behind.
    static std::string equipped_directory();
    static std::string equipped_address();

    /// A VM for one test, with the release's vminitd as PID 1 and the rootfs `root`; ended by the destructor. `options` go
    /// to test/vm/boot. Fails the test when it does not boot, unless `--no-wait` is among the options.
    explicit virtual_machine(std::vector<std::string> options);
    ~virtual_machine();
    virtual_machine(const virtual_machine&) = delete;
    virtual_machine& operator=(const virtual_machine&) = delete;

    const std::string& address() const noexcept { return address_; }
    const std::string& directory() const noexcept { return directory_; }

    /// What it has printed so far.
    std::string console() const;

    /// Waits until it has printed `part`: a serial line is slower than an answer. False when it has ended, or after a
    /// minute, without it.
    bool shows(const std::string& part) const;

    /// Presses ctrl-alt-del.
    void press_ctrl_alt_del() const;

    /// Waits for QEMU's end: true when the VM powered itself off within the limit, which is only there so that a
    /// failure does not hang.
    bool has_powered_off(std::chrono::seconds limit = std::chrono::seconds(60)) const;

    /// Fails the test if the kernel panicked or rebooted.
    void check_no_panic() const;

private:
    std::string address_;
    std::string directory_;
    unique_fd keeper_;  // pidfd of the process that ends when QEMU has
};

/// What test/vm/qmp prints for a command to the VM in `directory`; fails the test when QEMU refuses.
std::string qmp(const std::string& directory, const std::string& command, const std::string& arguments = "{}");

/// What a script of test/vm prints; fails the test when the script fails.
std::string run_vm_script(const std::string& name, const std::vector<std::string>& arguments);

}  // namespace vminit::test
