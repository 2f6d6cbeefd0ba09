// SPDX-License-Identifier: Apache-2.0
#include "capability_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>

namespace vminit::vminitctl {

namespace json = boost::json;

namespace {

constexpr std::string_view everything = "ALL";

constexpr std::string_view names[] = {"CAP_AUDIT_CONTROL",   "CAP_AUDIT_READ",   "CAP_AUDIT_WRITE",
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

using name_list = std::vector<std::string>;

bool has(const name_list& list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

name_list list_in(const json::object& capabilities, std::string_view set) {
    name_list list;
    const auto* found = capabilities.if_contains(set);
    if (found == nullptr || !found->is_array()) return list;
    for (const auto& name : found->get_array()) {
        if (name.is_string()) list.emplace_back(name.get_string());
    }
    return list;
}

json::array array_of(const name_list& list) {
    json::array values;
    for (const auto& name : list) values.emplace_back(name);
    return values;
}

name_list edited(name_list present, const capability_options& options) {
    if (has(options.added, everything)) {
        present.assign(std::begin(names), std::end(names));
    } else if (has(options.dropped, everything)) {
        present.clear();
    }
    std::erase_if(present, [&](const std::string& name) { return has(options.dropped, name); });
    if (has(options.added, everything)) return present;
    for (const auto& name : options.added) {
        if (!has(present, name)) present.push_back(name);
    }
    return present;
}

}  // namespace

result<std::string> parse_capability(std::string_view text) {
    std::string name(text);
    for (char& letter : name) letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
    if (name == everything) return name;
    if (!name.starts_with("CAP_")) name.insert(0, "CAP_");
    if (std::find(std::begin(names), std::end(names), name) != std::end(names)) return name;
    return error(errc::invalid_argument, fmt::format("\"{}\" is no capability", text));
}

json::object all_capabilities() {
    json::array all;
    for (auto name : names) all.emplace_back(name);
    return {{"bounding", all}, {"effective", all}, {"permitted", all}};
}

void edit_capabilities(json::object& capabilities, const capability_options& options) {
    if (options.is_empty()) return;
    for (auto set : {"bounding", "effective", "permitted"})
        capabilities[set] = array_of(edited(list_in(capabilities, set), options));
    auto bounding = list_in(capabilities, "bounding");
    // Never more than the bounding set, or the runtime refuses.
    for (auto set : {"inheritable", "ambient"}) {
        auto kept = list_in(capabilities, set);
        std::erase_if(kept, [&](const std::string& name) { return !has(bounding, name); });
        if (capabilities.contains(set)) capabilities[set] = array_of(kept);
    }
}

}  // namespace vminit::vminitctl
