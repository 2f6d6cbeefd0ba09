#include "oci_spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <initializer_list>

#include "quantity.hpp"

namespace vminit::vminitctl {

namespace json = boost::json;

namespace {

constexpr std::uint64_t cpu_period = 100000;  // microseconds; the kernel's own default
constexpr std::string_view default_path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

constexpr std::string_view capability_names[] = {"CAP_AUDIT_CONTROL",   "CAP_AUDIT_READ",   "CAP_AUDIT_WRITE",
                                                 "CAP_BLOCK_SUSPEND",   "CAP_BPF",          "CAP_CHECKPOINT_RESTORE",
                                                 "CAP_CHOWN",           "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH",
                                                 "CAP_FOWNER",          "CAP_FSETID",       "CAP_IPC_LOCK",
                                                 "CAP_IPC_OWNER",       "CAP_KILL",         "CAP_LEASE",
                                                 "CAP_LINUX_IMMUTABLE", "CAP_MAC_ADMIN",    "CAP_MAC_OVERRIDE",
                                                 "CAP_MKNOD",           "CAP_NET_ADMIN",    "CAP_NET_BIND_SERVICE",
                                                 "CAP_NET_BROADCAST",   "CAP_NET_RAW",      "CAP_PERFMON",
                                                 "CAP_SETFCAP",         "CAP_SETGID",       "CAP_SETPCAP",
                                                 "CAP_SETUID",          "CAP_SYSLOG",       "CAP_SYS_ADMIN",
                                                 "CAP_SYS_BOOT",        "CAP_SYS_CHROOT",   "CAP_SYS_MODULE",
                                                 "CAP_SYS_NICE",        "CAP_SYS_PACCT",    "CAP_SYS_PTRACE",
                                                 "CAP_SYS_RAWIO",       "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
                                                 "CAP_SYS_TTY_CONFIG",  "CAP_WAKE_ALARM"};

json::array texts(std::initializer_list<std::string_view> items) {
    json::array list;
    for (auto item : items) list.emplace_back(item);
    return list;
}

json::object capabilities() {
    json::array all;
    for (auto name : capability_names) all.emplace_back(name);
    return {{"bounding", all}, {"effective", all}, {"permitted", all}};
}

bool has_variable(const json::array& environment, std::string_view prefix) {
    return std::any_of(environment.begin(), environment.end(), [&](const json::value& entry) {
        return std::string_view(entry.as_string()).starts_with(prefix);
    });
}

json::array environment_of(const process_options& options) {
    json::array environment;
    for (const auto& entry : options.environment) {
        if (entry.find('=') != std::string::npos) {
            environment.emplace_back(entry);
        } else if (const char* value = std::getenv(entry.c_str())) {
            environment.emplace_back(entry + "=" + value);
        }
    }
    if (!has_variable(environment, "PATH=")) environment.insert(environment.begin(), json::value(default_path));
    if (options.terminal && !has_variable(environment, "TERM=")) environment.emplace_back("TERM=xterm");
    return environment;
}

json::object mount_of(std::string_view target, std::string_view type, std::string_view source, json::array options) {
    return {{"destination", target}, {"type", type}, {"source", source}, {"options", std::move(options)}};
}

json::array mounts_of(const spec_options& options) {
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
    for (const auto& extra : options.mounts) {
        json::array flags;
        for (const auto& option : extra.options) flags.emplace_back(option);
        mounts.push_back(mount_of(extra.target, extra.type, extra.source, std::move(flags)));
    }
    return mounts;
}

json::array namespaces_of(const spec_options& options) {
    json::array namespaces;
    if (options.pids == pid_namespace::own) namespaces.emplace_back(json::object{{"type", "pid"}});
    for (auto type : {"ipc", "uts", "mount"}) namespaces.emplace_back(json::object{{"type", type}});
    return namespaces;
}

}  // namespace

result<user_ids> parse_user(std::string_view text) {
    auto colon = text.find(':');
    auto uid = parse_number(text.substr(0, colon), "a numeric user id");
    if (!uid) return uid.error();
    user_ids user{*uid, *uid};
    if (colon == std::string_view::npos) return user;
    auto gid = parse_number(text.substr(colon + 1), "a numeric group id");
    if (!gid) return gid.error();
    user.gid = *gid;
    return user;
}

json::object make_process(const process_options& options) {
    json::array arguments;
    for (const auto& argument : options.arguments) arguments.emplace_back(argument);
    auto user = options.user.value_or(user_ids());
    auto directory = options.working_directory.empty() ? "/" : options.working_directory;
    return {{"terminal", options.terminal},     {"user", {{"uid", user.uid}, {"gid", user.gid}}},
            {"args", std::move(arguments)},     {"env", environment_of(options)},
            {"cwd", directory}, {"capabilities", capabilities()},
            {"noNewPrivileges", false}};
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
    auto resources = make_resources(options.resources);
    resources["devices"] = json::array{{{"allow", true}, {"access", "rwm"}}};
    return {{"ociVersion", "1.0.2"},
            {"process", make_process(options.process)},
            {"root", {{"path", "rootfs"}, {"readonly", options.root == root_access::read_only}}},
            {"hostname", options.hostname.empty() ? options.id : options.hostname},
            {"mounts", mounts_of(options)},
            {"linux",
             {{"namespaces", namespaces_of(options)},
              {"cgroupsPath", fmt::format("/default/{}", options.id)},
              {"resources", std::move(resources)}}}};
}

}  // namespace vminit::vminitctl
