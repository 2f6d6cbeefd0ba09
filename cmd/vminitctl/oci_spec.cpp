// SPDX-License-Identifier: Apache-2.0
#include "oci_spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <initializer_list>

#include "environment_file.hpp"
#include "quantity.hpp"
#include "vminit/core/text.hpp"

namespace vminit::vminitctl {

namespace json = boost::json;

namespace {

constexpr std::uint64_t cpu_period = 100000;  // microseconds; the kernel's own default
constexpr std::string_view default_path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

json::array texts(std::initializer_list<std::string_view> items) {
    json::array list;
    for (auto item : items) list.emplace_back(item);
    return list;
}

bool has_variable(const json::array& environment, std::string_view prefix) {
    return std::any_of(environment.begin(), environment.end(), [&](const json::value& entry) {
        return std::string_view(entry.as_string()).starts_with(prefix);
    });
}

// Of `list`, those without a value with ours, if we have one.
json::array environment_of(const std::vector<std::string>& list) {
    json::array environment;
    for (const auto& entry : list) {
        if (entry.find('=') != std::string::npos) {
            environment.emplace_back(entry);
        } else if (const char* value = std::getenv(entry.c_str())) {
            environment.emplace_back(entry + "=" + value);
        }
    }
    return environment;
}

json::object& object_in(json::object& outer, std::string_view name) {
    auto& value = outer[name];
    if (!value.is_object()) value.emplace_object();
    return value.get_object();
}

json::array& array_in(json::object& outer, std::string_view name) {
    auto& value = outer[name];
    if (!value.is_array()) value.emplace_array();
    return value.get_array();
}

void edit_environment(json::object& process, const process_options& options) {
    std::vector<std::string> defaults;
    for (const auto& entry : array_in(process, "env")) defaults.emplace_back(entry.as_string());
    auto given = options.environment;
    add_default_environment(std::move(defaults), given);
    auto environment = environment_of(given);
    if (!has_variable(environment, "PATH=")) environment.insert(environment.begin(), json::value(default_path));
    if (options.terminal && !has_variable(environment, "TERM=")) environment.emplace_back("TERM=xterm");
    process["env"] = std::move(environment);
}

// The highest number means "as it is" to the kernel.
std::optional<std::uint32_t> id_of(std::string_view text) {
    auto number = vminit::parse_number<std::uint32_t>(text);
    return number && *number != static_cast<std::uint32_t>(-1) ? number : std::nullopt;
}

// Two numbers need nobody who looks them up.
json::object user_of(std::string_view text) {
    auto group = text;
    auto user = take_until(group, ':');
    auto uid = id_of(user), gid = id_of(group);
    if (uid && gid) return {{"uid", *uid}, {"gid", *gid}};
    return {{"username", text}};
}

void edit_process(json::object& process, const process_options& options) {
    if (!options.arguments.empty()) {
        auto& arguments = array_in(process, "args");
        arguments.clear();
        for (const auto& argument : options.arguments) arguments.emplace_back(argument);
    }
    if (!options.working_directory.empty()) process["cwd"] = options.working_directory;
    if (!options.user.empty()) process["user"] = user_of(options.user);
    process["terminal"] = options.terminal;
    edit_environment(process, options);
}

json::object default_process() {
    return {
        {"terminal", false}, {"user", {{"uid", 0}, {"gid", 0}}},   {"args", json::array()},   {"env", json::array()},
        {"cwd", "/"},        {"capabilities", all_capabilities()}, {"noNewPrivileges", false}};
}

json::array every_device() { return {json::object{{"allow", true}, {"access", "rwm"}}}; }

json::object mount_of(std::string_view target, std::string_view type, std::string_view source, json::array options) {
    return {{"destination", target}, {"type", type}, {"source", source}, {"options", std::move(options)}};
}

json::array default_mounts() {
    json::array mounts;
    mounts.push_back(mount_of("/proc", "proc", "proc", texts({"nosuid", "noexec", "nodev"})));
    mounts.push_back(mount_of("/dev", "tmpfs", "tmpfs", texts({"nosuid", "strictatime", "mode=755", "size=65536k"})));
    mounts.push_back(mount_of("/dev/pts", "devpts", "devpts",
                              texts({"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"})));
    mounts.push_back(
        mount_of("/dev/shm", "tmpfs", "shm", texts({"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"})));
    mounts.push_back(mount_of("/dev/mqueue", "mqueue", "mqueue", texts({"nosuid", "noexec", "nodev"})));
    mounts.push_back(mount_of("/sys", "sysfs", "sysfs", texts({"nosuid", "noexec", "nodev", "rw"})));
    mounts.push_back(
        mount_of("/sys/fs/cgroup", "cgroup", "cgroup", texts({"nosuid", "noexec", "nodev", "relatime", "rw"})));
    return mounts;
}

json::object default_spec(const spec_options& options) {
    json::array namespaces;
    for (auto type : {"pid", "ipc", "uts", "mount"}) namespaces.emplace_back(json::object{{"type", type}});
    return {{"ociVersion", "1.0.2"},
            {"process", default_process()},
            {"hostname", options.id},
            {"mounts", default_mounts()},
            {"linux", {{"namespaces", std::move(namespaces)}, {"resources", {{"devices", every_device()}}}}}};
}

void add_mounts(json::array& mounts, const spec_options& options) {
    for (const auto& extra : options.mounts) {
        json::array flags;
        for (const auto& option : extra.options) flags.emplace_back(option);
        mounts.push_back(mount_of(extra.target, extra.type, extra.source, std::move(flags)));
    }
}

// In /dev, which is in memory: the rootfs may be read-only, and it is its owner's.
void put_init_first(json::object& spec) {
    constexpr std::string_view place = "/dev/init";
    array_in(spec, "mounts").push_back(mount_of(place, "bind", "/init", texts({"bind", "ro"})));
    auto& arguments = array_in(object_in(spec, "process"), "args");
    auto command = texts({place, "--container-init", "--"});
    command.insert(command.end(), arguments.begin(), arguments.end());
    arguments = std::move(command);
}

void drop_namespace(json::object& linux_part, std::string_view type) {
    auto is_it = [&](const json::value& entry) {
        const auto* object = entry.if_object();
        const auto* value = object == nullptr ? nullptr : object->if_contains("type");
        return value != nullptr && value->is_string() && value->get_string() == type;
    };
    json::array kept;
    for (auto& entry : array_in(linux_part, "namespaces")) {
        if (!is_it(entry)) kept.push_back(std::move(entry));
    }
    linux_part["namespaces"] = std::move(kept);
}

void edit_linux(json::object& linux_part, const spec_options& options) {
    if (options.pids == pid_namespace::host) drop_namespace(linux_part, "pid");
    if (!linux_part.contains("cgroupsPath")) linux_part["cgroupsPath"] = fmt::format("/default/{}", options.id);
    auto& resources = object_in(linux_part, "resources");
    for (auto& [name, limits] : make_resources(options.resources)) {
        auto& present = object_in(resources, name);
        for (auto& [limit, value] : limits.as_object()) present[limit] = value;
    }
}

void lift_restrictions(json::object& spec) {
    auto& process = object_in(spec, "process");
    process["capabilities"] = all_capabilities();
    process["noNewPrivileges"] = false;
    for (auto name : {"apparmorProfile", "selinuxLabel"}) process.erase(name);
    auto& linux_part = object_in(spec, "linux");
    for (auto name : {"seccomp", "maskedPaths", "readonlyPaths"}) linux_part.erase(name);
    object_in(linux_part, "resources")["devices"] = every_device();
}

}  // namespace

result<std::string> parse_user(const std::string& text) {
    auto colon = text.find(':');
    bool is_one = !text.empty() && colon + 1 != text.size() && text.find(':', colon + 1) == text.npos;
    if (colon == text.npos) is_one = !text.empty();
    if (!is_one) return error(errc::invalid_argument, fmt::format("\"{}\" is not USER, USER:GROUP or :GROUP", text));
    for (auto part : split(text, ':')) {
        bool is_number = !part.empty() && part.find_first_not_of("0123456789") == part.npos;
        if (is_number && !id_of(part)) {
            return error(errc::invalid_argument, fmt::format("{} is too large for a user or group", part));
        }
    }
    return text;
}

json::object make_process(const process_options& options) {
    auto process = default_process();
    edit_process(process, options);
    return process;
}

std::string user_name_of(const json::object& process) {
    const auto* user = process.if_contains("user");
    const auto* fields = user == nullptr ? nullptr : user->if_object();
    if (fields == nullptr || fields->contains("uid")) return {};
    const auto* name = fields->if_contains("username");
    return name != nullptr && name->is_string() ? std::string(name->get_string()) : std::string();
}

json::object make_resources(const resource_options& options) {
    json::object resources;
    if (options.memory) resources["memory"] = {{"limit", *options.memory}};
    if (options.cpu_thousandths) {
        resources["cpu"] = {{"quota", *options.cpu_thousandths * cpu_period / 1000}, {"period", cpu_period}};
    }
    if (options.pids) resources["pids"] = {{"limit", *options.pids}};
    return resources;
}

json::object make_spec(const spec_options& options) {
    auto spec = options.document ? *options.document : default_spec(options);
    if (options.rights == privilege::full) lift_restrictions(spec);
    auto& process = object_in(spec, "process");
    edit_process(process, options.process);
    edit_capabilities(object_in(process, "capabilities"), options.capabilities);
    edit_process_limits(process, options.limits);
    auto& root = object_in(spec, "root");
    root["path"] = "rootfs";
    if (options.root == root_access::read_only || !root.contains("readonly"))
        root["readonly"] = options.root == root_access::read_only;
    if (!options.hostname.empty()) spec["hostname"] = options.hostname;
    add_mounts(array_in(spec, "mounts"), options);
    if (options.first == first_process::guests_init) put_init_first(spec);
    for (const auto& [name, value] : options.annotations) object_in(spec, "annotations")[name] = value;
    edit_linux(object_in(spec, "linux"), options);
    return spec;
}

}  // namespace vminit::vminitctl
