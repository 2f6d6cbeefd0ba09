// SPDX-License-Identifier: Apache-2.0
#include "host_cgroup.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <sstream>

#include "host_cgroup_plan.hpp"
#include "tool.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::shim {

using namespace std::chrono_literals;

namespace {

using paths = std::vector<std::string>;

constexpr std::string_view wanted_controllers[] = {"cpu", "memory", "io", "pids"};
constexpr auto own_wait = 500ms;  // for processes that have been reaped; others' are not waited for
constexpr auto delete_wait = 2s;  // of the daemon's five, for processes that are about to end by SIGKILL

std::string record_file(const std::string& directory) { return directory + "/cgroup"; }

// The levels from just below `top` down to `top + place`, outermost first.
paths levels_of(const std::string& top, const std::string& place) {
    paths levels;
    for (auto end = place.find('/', 1);; end = place.find('/', end + 1)) {
        levels.push_back(top + place.substr(0, end));
        if (end == std::string::npos) return levels;
    }
}

// A controller is there in a cgroup of version 2 only where its parent gives it on. One that cannot be given (the
// parent has processes, or does not have it) is no matter: what needs it finds its file missing.
void give_controllers(const std::string& parent) {
    auto available = read_file(parent + "/cgroup.controllers");
    if (!available) return;
    std::istringstream words(*available);
    for (std::string word; words >> word;) {
        for (auto wanted : wanted_controllers) {
            if (word == wanted) (void)write_file(parent + "/cgroup.subtree_control", "+" + word);
        }
    }
}

// Nothing can enter a cpuset of version 1 before it says which processors and memory.
result<void> inherit_cpuset(const std::string& parent, const std::string& level) {
    for (const auto* name : {"/cpuset.cpus", "/cpuset.mems"}) {
        auto own = read_file(level + name);
        if (!own) return own.error();
        if (!trimmed(*own).empty()) continue;
        auto inherited = read_file(parent + name);
        if (!inherited) return inherited.error();
        if (auto written = write_file(level + name, trimmed(*inherited)); !written) return written;
    }
    return {};
}

result<void> make_in(const cgroup_hierarchy& hierarchy, const std::string& place) {
    auto parent = hierarchy.directory;
    for (const auto& level : levels_of(hierarchy.directory, place)) {
        if (hierarchy.is_v2()) give_controllers(parent);
        if (auto made = make_directories(level, 0755); !made) return made;
        if (hierarchy.has("cpuset")) {
            if (auto filled = inherit_cpuset(parent, level); !filled) return filled;
        }
        parent = level;
    }
    return {};
}

result<std::vector<cgroup_hierarchy>> read_hierarchies(const std::string& process) {
    auto mounts = read_file(process + "/mountinfo");
    if (!mounts) return mounts.error();
    auto own = read_file(process + "/cgroup");
    if (!own) return own.error();
    return parse_hierarchies(*mounts, *own);
}

void remove_all(const paths& directories) {
    for (const auto& directory : directories) ::rmdir(directory.c_str());
}

// The last part alone is ours to remove: others' cgroups may lie beside it.
result<paths> make_all(const std::string& cgroups_path, const std::string& process) {
    auto hierarchies = read_hierarchies(process);
    if (!hierarchies) return hierarchies.error();
    paths made;
    for (const auto& hierarchy : *hierarchies) {
        auto place = place_of_cgroup(cgroups_path, hierarchy.own);
        result<void> done = place ? make_in(hierarchy, *place) : result<void>(place.error());
        if (place) made.push_back(hierarchy.directory + *place);
        if (done) continue;
        remove_all(made);
        return done.error();
    }
    return made;
}

result<void> write_limit(const paths& directories, std::uint64_t bytes) {
    for (const auto& directory : directories) {
        for (const auto* name : {"/memory.max", "/memory.limit_in_bytes"}) {
            auto file = directory + name;
            if (::access(file.c_str(), F_OK) == 0) return write_file(file, std::to_string(bytes));
        }
    }
    return error(errc::not_implemented, "no memory limit: the host's cgroup has no memory controller");
}

// Those that are still there.
result<paths> remove_once(const paths& directories) {
    paths left;
    for (const auto& directory : directories) {
        auto removed = syscalls::attempt("rmdir", directory, [&] { return ::rmdir(directory.c_str()); });
        if (!removed && !syscalls::is_errno(removed.error(), ENOENT)) left.push_back(directory);
    }
    return left;
}

// The kernel lets go of a cgroup a moment after its last process has ended.
awaitable<void> remove_when_empty(asio::io_context& context, paths directories, clock::duration limit) {
    auto& blocking = asio::use_service<blocking_service>(context);
    auto until = clock::now() + limit;
    for (clock::duration pause = 5ms; !directories.empty(); pause *= 2) {
        auto job = [directories] { return remove_once(directories); };
        auto left = co_await blocking.run(blocking_lane::kernel_writes, std::move(job), "remove the VM's cgroup");
        if (!left) co_return;
        directories = std::move(*left);
        if (directories.empty()) co_return;
        if (clock::now() >= until) break;
        co_await sleep_for(pause);
    }
    log_of(context).warn("the VM's cgroup stays", {{"directory", directories.front()}});
}

std::string record_text(const paths& directories) {
    std::string text;
    for (const auto& directory : directories) text += directory + "\n";
    return text;
}

}  // namespace

host_cgroup::host_cgroup(asio::io_context& context, std::string directory, std::string process)
    : context_(context), directory_(std::move(directory)), process_(std::move(process)) {}

awaitable<result<void>> host_cgroup::prepare(std::string cgroups_path) {
    if (cgroups_path.empty()) co_return result<void>();
    auto& blocking = asio::use_service<blocking_service>(context_);
    auto job = [path = std::move(cgroups_path), process = process_] { return make_all(path, process); };
    auto made = co_await blocking.run(blocking_lane::kernel_writes, std::move(job), "make the VM's cgroup");
    if (!made) co_return made.error();
    made_ = std::move(*made);
    auto done = make_directories(directory_, 0700);
    if (done) done = replace_file(record_file(directory_), record_text(made_), 0600);
    if (done) {
        tool probe(std::vector<std::string>{"true"});
        for (const auto& directory : made_) probe.cgroup_procs.push_back(directory + "/cgroup.procs");
        auto entered = co_await output_of(context_, std::move(probe));
        if (!entered) done = entered.error();
    }
    if (!done) co_await undo();
    co_return done;
}

awaitable<result<void>> host_cgroup::limit_memory(std::uint64_t bytes) {
    if (made_.empty()) co_return result<void>();
    auto& blocking = asio::use_service<blocking_service>(context_);
    auto job = [directories = made_, bytes] { return write_limit(directories, bytes); };
    co_return co_await blocking.run(blocking_lane::kernel_writes, std::move(job), "limit the VM's memory");
}

void host_cgroup::add_to(vmm::vm_plan& plan) const {
    for (const auto& directory : made_) plan.cgroup_procs.push_back(directory + "/cgroup.procs");
}

awaitable<void> host_cgroup::undo() {
    auto made = std::exchange(made_, {});
    if (made.empty()) co_return;
    co_await remove_when_empty(context_, std::move(made), own_wait);
    ::unlink(record_file(directory_).c_str());
}

awaitable<void> undo_recorded_cgroup(asio::io_context& context, std::string directory) {
    auto text = read_file(record_file(directory));
    if (!text) co_return;
    paths made;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) made.push_back(line);
    co_await remove_when_empty(context, std::move(made), delete_wait);
    ::unlink(record_file(directory).c_str());
}

}  // namespace vminit::shim
