// SPDX-License-Identifier: Apache-2.0
#include "process_limit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "nearest_word.hpp"
#include "vminit/core/text.hpp"

namespace vminit::vminitctl {

namespace json = boost::json;

namespace {

constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

struct known_limit {
    std::string_view name;
    std::string_view type;
};

constexpr known_limit known_limits[] = {
    {"as", "RLIMIT_AS"},           {"core", "RLIMIT_CORE"},         {"cpu", "RLIMIT_CPU"},
    {"data", "RLIMIT_DATA"},       {"fsize", "RLIMIT_FSIZE"},       {"locks", "RLIMIT_LOCKS"},
    {"memlock", "RLIMIT_MEMLOCK"}, {"msgqueue", "RLIMIT_MSGQUEUE"}, {"nice", "RLIMIT_NICE"},
    {"nofile", "RLIMIT_NOFILE"},   {"nproc", "RLIMIT_NPROC"},       {"rss", "RLIMIT_RSS"},
    {"rtprio", "RLIMIT_RTPRIO"},   {"rttime", "RLIMIT_RTTIME"},     {"sigpending", "RLIMIT_SIGPENDING"},
    {"stack", "RLIMIT_STACK"},
};

error unknown_limit(std::string_view name) {
    std::vector<std::string> names;
    for (const auto& known : known_limits) names.emplace_back(known.name);
    auto nearest = nearest_word(name, names);
    auto hint = nearest.empty() ? fmt::format("there are {}", fmt::join(names, ", "))
                                : fmt::format("did you mean {}?", nearest);
    return {errc::invalid_argument, fmt::format("\"{}\" is no limit of a process; {}", name, hint)};
}

std::optional<std::uint64_t> limit_of(std::string_view text) {
    if (text == "-1" || text == "unlimited") return no_limit;
    return vminit::parse_number<std::uint64_t>(text);
}

void set_limit(json::array& present, const process_limit& limit) {
    json::object entry{{"type", limit.type}, {"hard", limit.hard}, {"soft", limit.soft}};
    auto is_it = [&](const json::value& other) {
        const auto* fields = other.if_object();
        const auto* type = fields == nullptr ? nullptr : fields->if_contains("type");
        return type != nullptr && *type == json::value(limit.type);
    };
    auto* found = std::find_if(present.begin(), present.end(), is_it);
    if (found == present.end()) {
        present.push_back(std::move(entry));
    } else {
        *found = std::move(entry);
    }
}

}  // namespace

result<process_limit> parse_process_limit(std::string_view text) {
    auto equals = text.find('=');
    if (equals == text.npos || equals == 0)
        return error(errc::invalid_argument, fmt::format("\"{}\" is not NAME=SOFT[:HARD]", text));
    auto name = text.substr(0, equals), values = text.substr(equals + 1);
    const auto* known = std::find_if(std::begin(known_limits), std::end(known_limits),
                                     [&](const known_limit& one) { return one.name == name; });
    if (known == std::end(known_limits)) return unknown_limit(name);
    auto colon = values.find(':');
    auto soft = limit_of(values.substr(0, colon));
    auto hard = colon == values.npos ? soft : limit_of(values.substr(colon + 1));
    if (!soft || !hard) {
        return error(errc::invalid_argument,
                     fmt::format("\"{}\" of {} is not SOFT[:HARD], numbers or unlimited (-1)", values, name));
    }
    if (*soft > *hard)
        return error(errc::invalid_argument, fmt::format("the soft limit of \"{}\" is above the hard one", text));
    return process_limit{known->type, *soft, *hard};
}

void edit_process_limits(json::object& process, const std::vector<process_limit>& limits) {
    if (limits.empty()) return;
    auto& value = process["rlimits"];
    if (!value.is_array()) value.emplace_array();
    for (const auto& limit : limits) set_limit(value.get_array(), limit);
}

}  // namespace vminit::vminitctl
