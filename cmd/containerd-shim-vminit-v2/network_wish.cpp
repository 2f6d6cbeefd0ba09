// SPDX-License-Identifier: Apache-2.0
#include "network_wish.hpp"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <optional>

namespace vminit::shim {

namespace json = boost::json;

namespace {

constexpr const char* annotation = "io.vminit.network";

const json::value* member(const json::value* value, const char* name) {
    const auto* object = value == nullptr ? nullptr : value->if_object();
    return object == nullptr ? nullptr : object->if_contains(name);
}

std::string text_of(const json::value* value) {
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// The path of the network namespace, empty for a new one; nothing when the container is to stay in ours.
std::optional<std::string> namespace_path(const json::value& spec) {
    const auto* listed = member(member(&spec, "linux"), "namespaces");
    const auto* all = listed == nullptr ? nullptr : listed->if_array();
    if (all == nullptr) return std::nullopt;
    for (const auto& each : *all) {
        if (text_of(member(&each, "type")) == "network") return text_of(member(&each, "path"));
    }
    return std::nullopt;
}

}  // namespace

result<network_mode> parse_network_mode(std::string_view word) {
    if (word == "auto") return network_mode::name_space;
    if (word == "user") return network_mode::user;
    if (word == "none") return network_mode::none;
    return error(errc::invalid_argument, "auto, user or none is expected");
}

result<network_wish> network_wish_of(std::string_view config_json, network_mode usual) {
    error_code failure;
    auto spec = json::parse(json::string_view(config_json.data(), config_json.size()), failure);
    if (failure) return error(errc::invalid_argument, "config.json: " + failure.message());
    network_wish wish;
    wish.mode = usual;
    if (const auto* word = member(member(&spec, "annotations"), annotation)) {
        auto mode = parse_network_mode(text_of(word));
        if (!mode) return mode.error().within(fmt::format("annotation {} \"{}\"", annotation, text_of(word)));
        wish.mode = *mode;
    }
    auto path = namespace_path(spec);
    if (!path && wish.mode == network_mode::name_space) {
        return error(errc::not_implemented,
                     fmt::format("the host's own network cannot be given to a VM; {}=user gives one that leads out",
                                 annotation));
    }
    if (wish.mode == network_mode::name_space) wish.path = std::move(*path);
    return wish;
}

}  // namespace vminit::shim
