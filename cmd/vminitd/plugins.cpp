// SPDX-License-Identifier: Apache-2.0
#include "plugins.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace vminit::vminitd {

namespace {

struct plugin {
    std::string_view id;
    bool plugin_choice::*member;
};

constexpr auto plugins = std::to_array<plugin>({
    {"io.containerd.ttrpc.v1.bundle", &plugin_choice::bundle},
    {"io.containerd.ttrpc.v1.system", &plugin_choice::system},
    {"io.containerd.ttrpc.v1.task", &plugin_choice::task},
    {"io.containerd.ttrpc.v1.vmevents", &plugin_choice::vmevents},
    {"io.containerd.event.v1.exchange", &plugin_choice::exchange},
    {"spinbox.streaming.v1.vsock", &plugin_choice::streaming},
});

void keep_needed(plugin_choice& choice, bool plugin_choice::*needed, std::string_view user, bool is_used) {
    if (choice.*needed || !is_used) return;
    auto row = std::find_if(plugins.begin(), plugins.end(), [&](const auto& one) { return one.member == needed; });
    choice.*needed = true;
    choice.problems.push_back(
        {"disabled-plugins", std::string(row->id), "not disabled: " + std::string(user) + " needs it"});
}

}  // namespace

plugin_choice choose_plugins(const std::vector<std::string>& disabled) {
    plugin_choice choice;
    for (const auto& id : disabled) {
        auto row = std::find_if(plugins.begin(), plugins.end(), [&](const auto& one) { return one.id == id; });
        if (row == plugins.end()) {
            choice.problems.push_back({"disabled-plugins", id, "unknown, ignored"});
        } else {
            choice.*row->member = false;
        }
    }
    keep_needed(choice, &plugin_choice::exchange, "task", choice.task);
    keep_needed(choice, &plugin_choice::exchange, "vmevents", choice.vmevents);
    keep_needed(choice, &plugin_choice::streaming, "task", choice.task);
    return choice;
}

}  // namespace vminit::vminitd
