// SPDX-License-Identifier: Apache-2.0
#include "machine_dump.hpp"

#include <algorithm>
#include <string>

#include "vminit/core/directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/system/mount_table.hpp"

namespace vminit::vminitd {

namespace {

constexpr std::size_t longest_command = 256;

void dump_mounts(logger& log) {
    auto table = system::read_mount_table();
    if (!table) return;
    for (const auto& mount : *table) {
        auto options = mount.options + " " + mount.super_options;
        log.debug("mount", {{"on", mount.mount_point}, {"type", mount.type}, {"source", mount.source}, {"options", options}});
    }
}

void dump_process(const std::string& pid, logger& log) {
    auto command = read_file("/proc/" + pid + "/cmdline", longest_command);
    // A kernel thread has none; a process may be gone by now.
    if (!command || command->empty()) return;
    std::replace(command->begin(), command->end(), '\0', ' ');
    log.debug("process", {{"pid", pid}, {"command", trimmed(*command)}});
}

void dump_processes(logger& log) {
    auto names = names_in("/proc");
    if (!names) return;
    for (const auto& name : *names) {
        if (name.find_first_not_of("0123456789") == std::string::npos) dump_process(name, log);
    }
}

}  // namespace

void dump_machine(logger& log) {
    if (!log.is_enabled(log_level::debug)) return;
    dump_mounts(log);
    dump_processes(log);
}

}  // namespace vminit::vminitd
