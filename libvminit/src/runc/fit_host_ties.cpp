// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>

#include "runc/spec_parts.hpp"

namespace vminit::runc {

namespace {

// crun 1.8 takes no other versions but these, and no runtime of version 1 behaves by the number.
constexpr unsigned newest_minor = 1;
constexpr const char* newest_version = "1.1.0";

bool is_network(const json::value& entry) { return text_of(entry, "type") == "network"; }

// `net.ipv4.conf.eth0/1.forwarding`, or with the two separators swapped (sysctl.d(5)).
std::string parameter_path(std::string_view name) {
    std::string path(name);
    if (path.find('.') > path.find('/')) return path;
    for (auto& letter : path) {
        if (letter == '.') {
            letter = '/';
        } else if (letter == '/') {
            letter = '.';
        }
    }
    return path;
}

bool is_clean(const std::string& path) {
    return path.starts_with("net/") && path.back() != '/' && path.find("//") == std::string::npos &&
           path.find("/.") == std::string::npos;
}

bool is_of_network(std::string_view name) { return name.starts_with("net.") || name.starts_with("net/"); }

}  // namespace

bool has_namespace(json::object& linux, std::string_view type) {
    auto* namespaces = array_in(linux, "namespaces");
    if (namespaces == nullptr) return false;
    return std::any_of(namespaces->begin(), namespaces->end(),
                       [&](const json::value& entry) { return text_of(entry, "type") == type; });
}

void fit_version(json::object& spec, remarks& said) {
    auto version = text_of(spec, "ociVersion");
    if (!version.starts_with("1.")) return;
    unsigned minor = 0;
    std::from_chars(version.data() + 2, version.data() + version.size(), minor);
    if (minor <= newest_minor) return;
    set_text(spec, "ociVersion", newest_version);
    said.add("ociVersion " + version + " lowered to " + newest_version);
}

void fit_hooks(json::object& spec, const machine_facts& facts, remarks& said) {
    auto* hooks = object_in(spec, "hooks");
    if (hooks == nullptr) return;
    // Those of startContainer are programs of the image.
    for (const char* when : {"prestart", "createRuntime", "createContainer", "poststart", "poststop"}) {
        auto* entries = array_in(*hooks, when);
        if (entries == nullptr) continue;
        keep_if(*entries, [&](json::value& entry) {
            auto path = text_of(entry, "path");
            // A process of the host's; that we may have one of that number means nothing.
            bool is_elsewhere = path.starts_with("/proc/") || !facts.has_path(path);
            if (!is_elsewhere) return true;
            said.add(std::string(when) + " hook left out: " + path + " is not here");
            return false;
        });
    }
}

// What the systemd driver reads as slice, prefix and name. There is no systemd to make slices, or to remove them.
void fit_cgroup_path(json::object& linux, remarks& said) {
    auto path = text_of(linux, "cgroupsPath");
    auto first = path.find(':');
    auto second = first == std::string::npos ? first : path.find(':', first + 1);
    bool is_systemd = second != std::string::npos && path.find(':', second + 1) == std::string::npos &&
                      path.find('/') == std::string::npos && second + 1 < path.size();
    if (!is_systemd) return;
    auto prefix = path.substr(first + 1, second - first - 1);
    auto plain = "/" + (prefix.empty() ? prefix : prefix + "-") + path.substr(second + 1);
    set_text(linux, "cgroupsPath", plain);
    said.add("cgroupsPath " + path + " is " + plain);
}

std::vector<network_parameter> fit_network(json::object& linux, const machine_facts& facts, remarks& said) {
    if (auto* namespaces = array_in(linux, "namespaces")) {
        keep_if(*namespaces, [&](json::value& entry) {
            auto path = text_of(entry, "path");
            if (!is_network(entry) || path.empty() || facts.has_path(path)) return true;
            said.add("network namespace is the VM's: " + path + " is not here");
            return false;
        });
    }
    std::vector<network_parameter> parameters;
    auto* all = object_in(linux, "sysctl");
    if (all == nullptr || has_namespace(linux, "network")) return parameters;
    for (auto at = all->begin(); at != all->end();) {
        std::string name(at->key().data(), at->key().size());
        if (!is_of_network(name)) {
            ++at;
            continue;
        }
        auto path = parameter_path(name);
        if (at->value().is_string() && is_clean(path)) {
            parameters.push_back({std::move(path), text_of(*all, name)});
            said.add(name + " is set for the VM");
        } else {
            said.add(name + " left out: no network parameter");
        }
        at = all->stable_erase(at);
    }
    return parameters;
}

}  // namespace vminit::runc
