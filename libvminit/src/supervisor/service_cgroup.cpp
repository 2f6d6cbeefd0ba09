// SPDX-License-Identifier: Apache-2.0
#include "supervisor/service_cgroup.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "vminit/core/file.hpp"

namespace vminit::supervisor {

service_cgroup::service_cgroup(const std::string& root, const std::string& name)
    : root_(root), path_(root + "/" + name) {}

// A cgroup v1 hierarchy has no such file.
bool service_cgroup::is_available() const { return ::access((root_ + "/cgroup.controllers").c_str(), F_OK) == 0; }

result<void> service_cgroup::make() const { return make_directories(path_, 0755); }

result<void> service_cgroup::limit_memory(std::uint64_t bytes) const {
    return write_file(path_ + "/memory.max", std::to_string(bytes));
}

bool service_cgroup::kill_all() const {
    auto killed = write_file(path_ + "/cgroup.kill", "1");
    if (!killed) kill_each();
    auto events = read_file(path_ + "/cgroup.events");
    return !events || events->find("populated 1") == std::string::npos;
}

void service_cgroup::kill_each() const {
    auto list = read_file(procs());
    std::string_view rest = list ? std::string_view(*list) : std::string_view();
    while (!rest.empty()) {
        auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        pid_t pid = 0;
        std::from_chars(line.data(), line.data() + line.size(), pid);
        // 0 is a process that our pid namespace does not show, and to kill(2) our own group.
        if (pid > 1) ::kill(pid, SIGKILL);
    }
}

void service_cgroup::remove() const { ::rmdir(path_.c_str()); }

}  // namespace vminit::supervisor
