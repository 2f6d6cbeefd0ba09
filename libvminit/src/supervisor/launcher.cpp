// SPDX-License-Identifier: Apache-2.0
#include "supervisor/launcher.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/supervisor/supervisor_service.hpp"

namespace vminit::supervisor {

namespace {

// The binary may lie on a disk.
constexpr auto chmod_limit = std::chrono::seconds(2);

std::optional<mode_t> mode_of_file(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    return status.st_mode & 07777;
}

}  // namespace

launcher::launcher(asio::io_context& context, const supervisor_config& config, const service_spec& spec)
    : config_(config),
      spec_(spec),
      reaper_(asio::use_service<reaper::reaper_service>(context)),
      blocking_(asio::use_service<blocking_service>(context)),
      log_(log_of(context)),
      cgroup_(config.root + config.cgroup_root, spec.name) {}

std::string launcher::find_binary() const {
    for (const auto& candidate : spec_.binaries) {
        if (mode_of_file(on_disk(candidate))) return candidate;
    }
    return {};
}

bool launcher::has_mode(const std::string& binary) const {
    auto mode = mode_of_file(on_disk(binary));
    return !spec_.binary_mode || !mode || mode == spec_.binary_mode;
}

awaitable<void> launcher::set_mode(std::string binary) {
    auto job = [path = on_disk(binary), mode = *spec_.binary_mode] {
        return syscalls::attempt("chmod", path, [&] { return ::chmod(path.c_str(), mode); });
    };
    auto changing = blocking_.run(blocking_lane::files, std::move(job), "chmod " + binary);
    auto changed = co_await with_timeout(std::move(changing), chmod_limit, "chmod " + binary);
    // On a read-only file system it may be executable all the same.
    if (!changed) degraded("service binary keeps its mode", changed.error());
}

result<reaper::child> launcher::start(const std::string& binary, const std::string& rootfs, int output) {
    auto started = launch(options_for(binary, rootfs, output));
    if (!started || spec_.pid_file.empty()) return started;
    auto written = replace_file(on_disk(spec_.pid_file), std::to_string(started->pid()) + "\n", 0644);
    if (!written) degraded("service has no pid file", written.error());
    return started;
}

void launcher::note_ended() {
    if (!spec_.pid_file.empty()) ::unlink(on_disk(spec_.pid_file).c_str());
}

bool launcher::has_cgroup() const { return spec_.has_cgroup && cgroup_.is_available(); }

awaitable<result<bool>> launcher::kill_leftovers() {
    auto job = [cgroup = cgroup_]() -> result<bool> { return cgroup.kill_all(); };
    return blocking_.run(blocking_lane::kernel_writes, std::move(job), "kill what a service left");
}

void launcher::clean_up() {
    if (has_cgroup()) cgroup_.remove();
}

reaper::spawn_options launcher::options_for(const std::string& binary, const std::string& rootfs, int output) {
    reaper::spawn_options options(on_disk(binary));
    options.argv.push_back(options.path);
    options.argv.insert(options.argv.end(), spec_.arguments.begin(), spec_.arguments.end());
    options.env = environment(rootfs);
    options.stdout_fd = output;
    options.stderr_fd = output;
    options.working_directory = "/";
    options.group = reaper::process_group::own_session;
    options.uid = spec_.uid;
    options.gid = spec_.gid;
    if (auto procs = usable_cgroup(); !procs.empty()) options.cgroup_procs.push_back(std::move(procs));
    return options;
}

std::vector<std::string> launcher::environment(const std::string& rootfs) const {
    std::vector<std::string> entries{"PATH=" + std::string(default_path)};
    entries.insert(entries.end(), spec_.environment.begin(), spec_.environment.end());
    if (!spec_.rootfs_variable.empty() && !rootfs.empty()) entries.push_back(spec_.rootfs_variable + "=" + rootfs);
    return entries;
}

std::string launcher::usable_cgroup() {
    if (!has_cgroup()) return {};
    auto made = cgroup_.make();
    if (!made) {
        degraded("service has no cgroup", made.error());
        return {};
    }
    if (spec_.memory_limit) {
        auto limited = cgroup_.limit_memory(*spec_.memory_limit);
        if (!limited) degraded("service has no memory limit", limited.error());
    }
    return cgroup_.procs();
}

// The kernel may refuse the cgroup only when it is entered (a domain with controllers enabled below it, cgroups(7)):
// then once more without.
result<reaper::child> launcher::launch(reaper::spawn_options options) {
    auto started = reaper_.launch(options);
    if (started || options.cgroup_procs.empty()) return started;
    options.cgroup_procs.clear();
    auto refused = started.error();
    started = reaper_.launch(std::move(options));
    if (started) degraded("service has no cgroup", refused);
    return started;
}

void launcher::degraded(std::string_view what, const error& failure) {
    log_.warn(what, {{"service", spec_.name}, {"error", failure}});
}

std::string launcher::on_disk(const std::string& path) const { return config_.root + path; }

}  // namespace vminit::supervisor
