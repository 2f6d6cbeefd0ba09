// SPDX-License-Identifier: Apache-2.0
#include "shim_command_line.hpp"

#include <unistd.h>

#include <array>
#include <string_view>
#include <utility>

namespace vminit::shim {

namespace {

struct text_flag {
    std::string_view name;
    std::string shim_request::* field;
};
constexpr std::array<text_flag, 7> text_flags{{{"namespace", &shim_request::space},
                                               {"id", &shim_request::id},
                                               {"address", &shim_request::grpc_address},
                                               {"publish-binary", &shim_request::containerd_binary},
                                               {"bundle", &shim_request::bundle},
                                               {"socket", &shim_request::socket},
                                               {"debug-socket", nullptr}}};

std::string shim_request::* field_of(std::string_view name, bool& is_known) {
    for (const auto& flag : text_flags) {
        is_known = flag.name == name;
        if (is_known) return flag.field;
    }
    return nullptr;
}

bool set_switch(shim_request& request, std::string_view name) {
    if (name == "debug") request.is_debug = true;
    if (name == "v") request.action = shim_action::version;
    if (name == "info") request.action = shim_action::info;
    return name == "debug" || name == "v" || name == "info";
}

result<shim_action> action_named(std::string_view word) {
    if (word == "start") return shim_action::start;
    if (word == "delete") return shim_action::remove;
    if (word == "serve") return shim_action::serve;
    return error(errc::invalid_argument, "unknown action \"" + std::string(word) + "\": start or delete");
}

std::string variable(const environment& variables, std::string_view name) {
    auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
}

}  // namespace

result<shim_request> read_command_line(const std::vector<std::string>& arguments, const environment& variables) {
    shim_request request;
    request.ttrpc_address = variable(variables, "TTRPC_ADDRESS");
    request.knows_json = variables.contains("MAX_SHIM_VERSION");
    for (std::size_t index = 0; index < arguments.size(); ++index) {
        std::string_view word = arguments[index];
        if (!word.starts_with('-')) {
            auto action = action_named(word);
            if (!action) return action.error();
            request.action = *action;
            continue;
        }
        word.remove_prefix(word.starts_with("--") ? 2 : 1);
        auto equals = word.find('=');
        auto name = word.substr(0, equals);
        if (set_switch(request, name)) continue;
        bool is_known = false;
        auto field = field_of(name, is_known);
        if (!is_known && equals == std::string_view::npos) continue;
        bool has_value = equals != std::string_view::npos || index + 1 < arguments.size();
        if (!has_value) return error(errc::invalid_argument, "flag -" + std::string(name) + " needs a value");
        std::string value(equals != std::string_view::npos ? word.substr(equals + 1)
                                                           : std::string_view(arguments[++index]));
        if (field != nullptr) request.*field = std::move(value);
    }
    return request;
}

environment current_environment() {
    environment variables;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        std::string_view word = *entry;
        auto equals = word.find('=');
        if (equals != std::string_view::npos) variables.emplace(word.substr(0, equals), word.substr(equals + 1));
    }
    return variables;
}

}  // namespace vminit::shim
