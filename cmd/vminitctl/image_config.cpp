// SPDX-License-Identifier: Apache-2.0
#include "image_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "environment_file.hpp"
#include "vminit/core/file.hpp"

namespace vminit::vminitctl {

namespace json = boost::json;

namespace {

constexpr std::size_t longest_config = std::size_t{4} << 20;

result<std::vector<std::string>> texts_at(const json::object& config, std::string_view key) {
    std::vector<std::string> texts;
    const auto* value = config.if_contains(key);
    if (value == nullptr || value->is_null()) return texts;
    const auto* list = value->if_array();
    bool is_list = list != nullptr &&
                   std::all_of(list->begin(), list->end(), [](const json::value& one) { return one.is_string(); });
    if (!is_list) return error(errc::invalid_argument, fmt::format("{} is not a list of texts", key));
    for (const auto& text : *list) texts.emplace_back(text.as_string());
    return texts;
}

result<std::string> text_at(const json::object& config, std::string_view key) {
    const auto* value = config.if_contains(key);
    if (value == nullptr || value->is_null()) return std::string();
    if (!value->is_string()) return error(errc::invalid_argument, fmt::format("{} is not a text", key));
    return std::string(value->as_string());
}

result<json::object> config_of(std::string_view text) {
    json::error_code failure;
    auto document = json::parse(text, failure);
    if (failure) return error(errc::invalid_argument, "it is not JSON (" + failure.message() + ")");
    if (!document.is_object()) return error(errc::invalid_argument, "it is not the configuration of an image");
    const auto* config = document.as_object().if_contains("config");
    if (config == nullptr || config->is_null()) return json::object();
    if (!config->is_object()) return error(errc::invalid_argument, "its config is not an object");
    return config->as_object();
}

result<void> add_arguments(const json::object& config, std::vector<std::string>& arguments) {
    auto entrypoint = texts_at(config, "Entrypoint");
    if (!entrypoint) return entrypoint.error();
    auto command = texts_at(config, "Cmd");
    if (!command) return command.error();
    if (arguments.empty()) arguments = std::move(*command);
    arguments.insert(arguments.begin(), entrypoint->begin(), entrypoint->end());
    if (arguments.empty()) return error(errc::invalid_argument, "it names no command: give one after --");
    return {};
}

result<void> apply(const json::object& config, process_options& process) {
    auto added = add_arguments(config, process.arguments);
    if (!added) return added;
    auto environment = texts_at(config, "Env");
    if (!environment) return environment.error();
    add_default_environment(std::move(*environment), process.environment);
    auto directory = text_at(config, "WorkingDir");
    if (!directory) return directory.error();
    if (process.working_directory.empty()) process.working_directory = std::move(*directory);
    auto user = text_at(config, "User");
    if (!user) return user.error();
    if (!process.user.empty() || user->empty()) return {};
    auto parsed = parse_user(*user);
    if (!parsed) return parsed.error().within("its user");
    process.user = std::move(*parsed);
    return {};
}

}  // namespace

result<void> apply_image_config(std::string_view text, const std::string& origin, process_options& process) {
    auto config = config_of(text);
    if (!config) return config.error().within(origin);
    auto applied = apply(*config, process);
    if (!applied) return applied.error().within(origin);
    return {};
}

result<void> apply_image_config_file(const std::string& path, process_options& process) {
    auto text = read_file(path, longest_config);
    if (!text) return text.error();
    return apply_image_config(*text, path, process);
}

}  // namespace vminit::vminitctl
