// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "runc/spec_parts.hpp"

namespace vminit::runc {

namespace {

constexpr std::string_view name_key = "username";

void add_groups(json::object& user, const std::vector<gid_t>& groups) {
    if (groups.empty()) return;
    auto* present = array_in(user, "additionalGids");
    json::array all = present != nullptr ? *present : json::array(user.storage());
    for (auto group : groups) all.emplace_back(group);
    user["additionalGids"] = std::move(all);
}

bool says_home(const json::value& entry) {
    const auto* text = entry.if_string();
    return text != nullptr && std::string_view(text->data(), text->size()).starts_with("HOME=");
}

// The runtimes would look for it by the number, and several names may have one.
void add_home(json::object& process, const std::string& home) {
    auto* environment = array_in(process, "env");
    if (home.empty() || (environment != nullptr && std::any_of(environment->begin(), environment->end(), says_home))) {
        return;
    }
    if (environment == nullptr) {
        environment = &process["env"].emplace_array();
    }
    environment->emplace_back(view("HOME=" + home));
}

}  // namespace

result<void> fit_user(json::object& process, const std::string& root, const user_lookup& lookup) {
    auto* user = object_in(process, "user");
    if (user == nullptr || user->contains("uid")) return {};
    auto name = text_of(*user, name_key);
    if (name.empty()) return {};
    auto found = lookup(root, name);
    if (!found) return found.error();
    (*user)["uid"] = found->uid;
    (*user)["gid"] = found->gid;
    add_groups(*user, found->groups);
    add_home(process, found->home);
    return {};
}

bool may_name_user(std::string_view process_json) { return process_json.find(name_key) != std::string_view::npos; }

result<std::string> with_user_numbers(std::string_view process_json, const std::string& root,
                                      const user_lookup& lookup) {
    auto process = parse_object(process_json, "process spec");
    if (!process) return process.error();
    if (auto fit = fit_user(*process, root, lookup); !fit) return fit.error();
    return to_text(*process);
}

}  // namespace vminit::runc
