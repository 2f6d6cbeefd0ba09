// SPDX-License-Identifier: Apache-2.0
#include "process/cgroup.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "process/cgroup_file.hpp"
#include "process/cgroup_text.hpp"
#include "vminit/core/directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::process {

namespace {

// A pid of 7 digits (PID_MAX_LIMIT is 2^22) and a newline: no line is cut before the bound on pids is reached.
constexpr std::size_t max_procs_file = cgroup::max_pids * 8;

bool is_clean(std::string_view path) noexcept {
    if (!path.starts_with('/') || path.ends_with('/')) return false;
    while (!path.empty()) {
        path.remove_prefix(1);
        auto component = path.substr(0, path.find('/'));
        if (component.empty() || component == "." || component == "..") return false;
        path.remove_prefix(component.size());
    }
    return true;
}

void append_directories_in(const std::string& path, std::vector<std::string>& found) {
    auto names = directories_in(path, cgroup::max_directories - found.size());
    if (!names) return;
    for (const auto& name : *names) found.push_back(path + "/" + name);
}

// All directories below `path`, those nearer to it first.
std::vector<std::string> directories_below(const std::string& path) {
    std::vector<std::string> found;
    append_directories_in(path, found);
    std::size_t next = 0;
    for (std::size_t depth = 1; depth < cgroup::max_depth; ++depth) {
        for (std::size_t end = found.size(); next < end; ++next) {
            std::string parent = found[next];
            append_directories_in(parent, found);
        }
    }
    return found;
}

result<void> append_pids_in(const std::string& directory, std::vector<pid_t>& pids) {
    auto text = read_file(directory + "/cgroup.procs", max_procs_file);
    if (!text) return text.error();
    std::string_view rest = *text;
    while (!rest.empty() && pids.size() < cgroup::max_pids) {
        auto pid = parse_unsigned(trimmed(take_line(rest)));
        // 0 stands for a process outside our pid namespace.
        if (pid && *pid > 0 && *pid <= std::numeric_limits<pid_t>::max()) pids.push_back(static_cast<pid_t>(*pid));
    }
    return {};
}

bool is_busy(const error& failure) { return failure.code() == error_code(EBUSY, boost::system::system_category()); }

// What `<directory>/cgroup.controllers` has and `<directory>/cgroup.subtree_control` has not.
result<std::vector<std::string>> disabled_controllers(const std::string& directory) {
    auto offered = read_cgroup_file(directory + "/cgroup.controllers");
    if (!offered) return offered.error();
    auto enabled = read_cgroup_file(directory + "/cgroup.subtree_control");
    if (!enabled) return enabled.error();
    std::vector<std::string> names;
    std::string_view rest = *offered;
    for (auto name = take_field(rest); !name.empty(); name = take_field(rest)) names.emplace_back(name);
    rest = *enabled;
    for (auto name = take_field(rest); !name.empty(); name = take_field(rest)) std::erase(names, name);
    return names;
}

void enable_in(const std::string& directory, std::vector<error>& failures) {
    auto names = disabled_controllers(directory);
    if (!names) return failures.push_back(names.error().within("enable controllers"));
    if (names->empty()) return;
    std::string file = directory + "/cgroup.subtree_control";
    std::string line;
    for (const auto& name : *names) line.append(line.empty() ? "+" : " +").append(name);
    if (write_file(file, line)) return;
    // The kernel rejects a whole line for one controller it cannot enable.
    for (const auto& name : *names) {
        auto written = write_file(file, "+" + name);
        if (!written && !is_busy(written.error())) failures.push_back(written.error().within("enable " + name));
    }
}

result<void> remove_directory(const std::string& path) {
    auto removed = syscalls::check("rmdir", path, [&] { return ::rmdir(path.c_str()); });
    if (!removed && !is_gone(removed.error())) return removed.error();
    return {};
}

}  // namespace

result<std::string> parse_proc_cgroup(std::string_view text) {
    constexpr std::string_view prefix = "0::";
    while (!text.empty()) {
        auto line = take_line(text);
        if (!line.starts_with(prefix)) continue;
        std::string path(line.substr(prefix.size()));
        if (path.ends_with(" (deleted)")) return error(errc::not_found, "cgroup " + path);
        if (path == "/") return error(errc::failed_precondition, "root cgroup");
        bool is_doubled = path == "/sys/fs/cgroup" || path.starts_with("/sys/fs/cgroup/");
        if (!is_clean(path) || is_doubled) return error(errc::failed_precondition, "cgroup path " + path);
        return path;
    }
    return error(errc::not_found, "cgroup v2 path");
}

result<cgroup> cgroup::of_process(pid_t pid, const std::string& root, const std::string& proc) {
    auto text = read_cgroup_file(proc + "/" + std::to_string(pid) + "/cgroup");
    if (!text) return text.error();
    auto path = parse_proc_cgroup(*text);
    if (!path) return path.error().within("process " + std::to_string(pid));
    return cgroup(root, std::move(*path));
}

bool cgroup::exists() const { return ::access(directory().c_str(), F_OK) == 0; }

result<std::vector<pid_t>> cgroup::pids() const {
    std::vector<pid_t> found;
    auto own = append_pids_in(directory(), found);
    if (!own && !is_gone(own.error())) return own.error();
    // What is below may be going away, or be threaded: its processes are then listed further up.
    for (const auto& below : directories_below(directory())) (void)append_pids_in(below, found);
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

std::vector<error> cgroup::enable_controllers() const {
    std::vector<error> failures;
    for (auto slash = path_.find('/'); slash != std::string::npos; slash = path_.find('/', slash + 1)) {
        enable_in(root_ + path_.substr(0, slash), failures);
    }
    return failures;
}

result<void> cgroup::kill() const {
    auto written = write_file(directory() + "/cgroup.kill", "1");
    if (written || (is_gone(written.error()) && !exists())) return {};
    if (is_gone(written.error())) return error(errc::not_implemented, "cgroup.kill");
    return written;
}

result<void> cgroup::remove() const {
    auto below = directories_below(directory());
    // A failure down there shows in the parent's.
    for (auto child = below.rbegin(); child != below.rend(); ++child) (void)remove_directory(*child);
    return remove_directory(directory());
}

}  // namespace vminit::process
