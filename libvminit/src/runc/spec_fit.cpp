// SPDX-License-Identifier: Apache-2.0
#include "vminit/runc/spec_fit.hpp"

#include <sys/statvfs.h>

#include <boost/json/monotonic_resource.hpp>

#include "runc/spec_parts.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/runc/oci_spec.hpp"

namespace vminit::runc {

namespace {

// A bundle's files come in one frame of at most 4 MiB.
constexpr std::size_t max_spec = std::size_t{4} << 20;

// For what is put into a spec; from 128 KiB on, glibc gives a block back to the kernel (M_MMAP_THRESHOLD).
constexpr std::size_t first_block = std::size_t{128} << 10;

error not_a(std::string_view what) { return error(errc::invalid_argument, std::string(what)); }

// The member as an object, made if there is none. Errors: invalid_argument if it is something else.
template <class Kind>
result<Kind*> member(json::object& parent, std::string_view key, std::string_view what) {
    auto& value = parent[view(key)];
    if (value.is_null()) value = Kind();
    if constexpr (std::is_same_v<Kind, json::object>) {
        if (auto* found = value.if_object()) return found;
    } else {
        if (auto* found = value.if_array()) return found;
    }
    return not_a(what);
}

void relax(json::object& spec, json::object& linux, json::array& mounts, const machine_facts& facts,
           const fit_options& options, remarks& said) {
    if (options.limits == resource_limits::drop) {
        // The rules for devices are no limits.
        json::object kept;
        auto* resources = object_in(linux, "resources");
        if (auto* rules = resources != nullptr ? resources->if_contains("devices") : nullptr) {
            kept["devices"] = std::move(*rules);
        }
        linux["resources"] = std::move(kept);
    }
    bool has_own_dev = complete_mounts(mounts, facts, options, said);
    if (!is_privileged(spec)) return;
    leave_out(linux, "seccomp", "the container is privileged", said);
    open_devices(linux, facts, has_own_dev);
}

result<void> fit_whole(json::object& spec, const machine_facts& facts, const fit_options& options,
                       fitted_spec& fitted) {
    if (auto has_linux = member<json::object>(spec, "linux", "OCI spec: linux is no object"); !has_linux) {
        return has_linux.error();
    }
    if (auto has_mounts = member<json::array>(spec, "mounts", "OCI spec: mounts is no array"); !has_mounts) {
        return has_mounts.error();
    }
    auto& said = fitted.said;
    fit_version(spec, said);
    fit_hooks(spec, facts, said);
    // A member that comes or goes moves the others: from here on the spec itself keeps those it has.
    auto& linux_part = *object_in(spec, "linux");
    auto& mounts = *array_in(spec, "mounts");
    if (auto* process = object_in(spec, "process")) {
        if (auto fit = fit_process(*process, facts.process, said); !fit) return fit;
        if (options.find_user) {
            if (auto fit = fit_user(*process, fitted.root, options.find_user); !fit) return fit;
        }
    }
    if (auto fit = fit_mounts(mounts, facts, options, said); !fit) return fit;
    if (!has_namespace(linux_part, "cgroup")) share_cgroups(mounts, facts);
    fit_cgroup_path(linux_part, said);
    if (!facts.process.has_selinux) leave_out(linux_part, "mountLabel", "no SELinux", said);
    if (!facts.has_cache_allocation) leave_out(linux_part, "intelRdt", "no resctrl", said);
    if (auto* resources = object_in(linux_part, "resources")) fit_resources(*resources, facts, said);
    fit_devices(linux_part, facts, said);
    fitted.parameters = fit_network(linux_part, facts, said);
    if (options.policy == spec_policy::relax) relax(spec, linux_part, mounts, facts, options, said);
    return {};
}

// `root.path` is absolute, or in the bundle.
std::string root_of(json::object& spec, const std::string& bundle) {
    auto* root = object_in(spec, "root");
    auto path = root != nullptr ? text_of(*root, "path") : std::string();
    if (path.empty()) path = "rootfs";
    return path.starts_with('/') ? path : bundle + "/" + path;
}

bool is_read_only(const std::string& directory) {
    struct statvfs status{};
    auto known = syscalls::raw("statvfs", [&] { return ::statvfs(directory.c_str(), &status); });
    return known && (status.f_flag & ST_RDONLY) != 0;
}

}  // namespace

std::string remarks::text() const {
    std::string all;
    for (const auto& line : lines_) all += (all.empty() ? "" : "; ") + line;
    return all;
}

result<fitted_spec> fit_spec(std::string_view config_json, const machine_facts& facts, const fit_options& options) {
    // A spec is hundreds of small objects, on a thread with a heap of its own: one block, given back whole.
    json::monotonic_resource memory(config_json.size() * 8 + first_block);
    auto spec = parse_object(config_json, "OCI spec", &memory);
    if (!spec) return spec.error();
    fitted_spec fitted;
    fitted.root = root_of(*spec, options.bundle);
    auto fit = fit_whole(*spec, facts, options, fitted);
    if (!fit) return fit.error();
    fitted.has_private_pid_namespace = has_private_pids(*spec);
    fitted.text = to_text(*spec);
    return fitted;
}

result<fitted_text> fit_process(std::string_view process_json, terminal_mode terminal, const process_facts& facts) {
    auto process = parse_object(process_json, "process spec");
    if (!process) return process.error();
    fitted_text fitted;
    if (auto fit = fit_process(*process, facts, fitted.said); !fit) return fit.error();
    bool wanted = terminal == terminal_mode::terminal;
    const auto* said = process->if_contains("terminal");
    bool is_right = said == nullptr ? !wanted : *said == json::value(wanted);
    if (is_right && fitted.said.empty()) {
        fitted.text = process_json;
        return fitted;
    }
    (*process)["terminal"] = wanted;
    fitted.text = to_text(*process);
    return fitted;
}

result<fitted_bundle> fit_bundle(const fit_options& options) {
    fitted_bundle bundle;
    auto path = options.bundle + "/config.json";
    auto facts = read_machine_facts();
    facts.root_is_read_only = is_read_only(options.bundle + "/rootfs");
    bundle.facts = facts.process;
    if (restore_null_device()) bundle.said.add("/dev/null of the VM was gone");
    auto text = read_file(path, max_spec);
    if (!text) {
        bundle.unread = text.error();
        return bundle;
    }
    auto fitted = fit_spec(*text, facts, options);
    if (!fitted) return fitted.error();
    for (const auto& line : fitted->said.lines()) bundle.said.add(line);
    for (const auto& parameter : fitted->parameters) {
        auto set = write_file("/proc/sys/" + parameter.path, parameter.value);
        if (!set) bundle.said.add(set.error().message());
    }
    bundle.root = std::move(fitted->root);
    bundle.has_private_pid_namespace = fitted->has_private_pid_namespace;
    auto written = replace_file(path, fitted->text, 0600);
    if (!written) return written.error();
    return bundle;
}

}  // namespace vminit::runc
