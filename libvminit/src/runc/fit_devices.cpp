// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "runc/spec_parts.hpp"

namespace vminit::runc {

namespace {

// Numbers up to here, and those of pseudo terminals, are the same on every machine (devices.txt of the kernel); above,
// they are given out as drivers come.
constexpr std::uint64_t last_fixed_major = 10;
constexpr std::uint64_t first_pty_major = 128, last_pty_major = 143;

bool is_same_everywhere(char type, std::uint64_t major) {
    return type == 'c' && (major <= last_fixed_major || (major >= first_pty_major && major <= last_pty_major));
}

char type_of(const json::value& entry) {
    auto type = text_of(entry, "type");
    if (type.size() != 1) return 0;
    return type[0] == 'u' ? 'c' : type[0];
}

// True for a device by number that is another machine's.
bool is_foreign(const json::value& entry, const machine_facts& facts) {
    char type = type_of(entry);
    if (type != 'c' && type != 'b') return false;
    auto major = number_in(entry.get_object(), "major"), minor = number_in(entry.get_object(), "minor");
    return major && minor && !has_device(facts, type, *major, *minor);
}

std::string number_of(const json::value& entry) {
    const auto& device = entry.get_object();
    return text_of(device, "type") + " " + std::to_string(number_in(device, "major").value_or(0)) + ":" +
           std::to_string(number_in(device, "minor").value_or(0));
}

// The runtime makes the common ones itself. The console is the machine's log.
bool is_offered(const device_node& node) {
    auto names = {"/dev/null",    "/dev/zero", "/dev/full", "/dev/random",
                  "/dev/urandom", "/dev/tty",  "/dev/ptmx", "/dev/console"};
    return std::find(names.begin(), names.end(), node.path) == names.end();
}

json::object entry_of(const device_node& node) {
    json::object entry;
    set_text(entry, "path", node.path);
    set_text(entry, "type", std::string_view(&node.type, 1));
    entry["major"] = node.major;
    entry["minor"] = node.minor;
    entry["fileMode"] = node.mode;
    entry["uid"] = node.uid;
    entry["gid"] = node.gid;
    return entry;
}

bool has_entries(json::object& linux, std::string_view key) {
    auto* paths = array_in(linux, key);
    return paths != nullptr && !paths->empty();
}

}  // namespace

bool is_privileged(json::object& spec) {
    auto* process = object_in(spec, "process");
    auto* capabilities = process != nullptr ? object_in(*process, "capabilities") : nullptr;
    bool is_administrator = capabilities != nullptr && has_text(array_in(*capabilities, "bounding"), {"CAP_SYS_ADMIN"});
    auto* linux = object_in(spec, "linux");
    if (linux == nullptr) return is_administrator;
    bool is_confined = has_entries(*linux, "maskedPaths") || has_entries(*linux, "readonlyPaths");
    return is_administrator && !is_confined && !has_namespace(*linux, "user");
}

bool has_device(const machine_facts& facts, char type, std::uint64_t major, std::uint64_t minor) {
    if (is_same_everywhere(type, major) && major != last_fixed_major) return true;
    return std::any_of(facts.devices.begin(), facts.devices.end(), [&](const device_node& node) {
        return node.type == type && node.major == major && node.minor == minor;
    });
}

void fit_devices(json::object& linux, const machine_facts& facts, remarks& said) {
    if (auto* devices = array_in(linux, "devices")) {
        keep_if(*devices, [&](json::value& entry) {
            if (!is_foreign(entry, facts)) return true;
            said.add("device " + text_of(entry, "path") + " left out: no " + number_of(entry));
            return false;
        });
    }
    auto* resources = object_in(linux, "resources");
    auto* rules = resources != nullptr ? array_in(*resources, "devices") : nullptr;
    if (rules == nullptr) return;
    keep_if(*rules, [&](json::value& rule) {
        if (!rule.is_object() || !is_foreign(rule, facts)) return true;
        const auto* allow = rule.get_object().if_contains("allow");
        bool opens = allow != nullptr && allow->is_bool() && allow->get_bool();
        // Nodes of these may be made and their drivers come yet.
        if (!opens || is_same_everywhere(type_of(rule), number_in(rule.get_object(), "major").value_or(0))) return true;
        said.add("rule for device " + number_of(rule) + " left out: there is none");
        return false;
    });
}

void open_devices(json::object& linux, const machine_facts& facts, bool has_own_dev) {
    auto* resources = object_in(linux, "resources");
    if (resources == nullptr) resources = &linux["resources"].emplace_object();
    (*resources)["devices"] = json::array{json::object{{"allow", true}, {"access", "rwm"}}};
    if (!has_own_dev) return;
    auto* devices = array_in(linux, "devices");
    if (devices == nullptr) devices = &linux["devices"].emplace_array();
    std::vector<std::string> named;
    for (const auto& entry : *devices) named.push_back(text_of(entry, "path"));
    for (const auto& node : facts.devices) {
        bool is_there = std::find(named.begin(), named.end(), node.path) != named.end();
        if (!is_there && is_offered(node)) devices->push_back(entry_of(node));
    }
}

}  // namespace vminit::runc
