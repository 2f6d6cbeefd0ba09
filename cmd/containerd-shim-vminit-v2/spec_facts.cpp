// SPDX-License-Identifier: Apache-2.0
#include "spec_facts.hpp"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <charconv>
#include <optional>

#include "vminit/core/text.hpp"

namespace vminit::shim {

namespace json = boost::json;

namespace {

constexpr unsigned most_vcpus = 255;
constexpr std::uint64_t most_memory_mib = 1 << 20;
constexpr std::int64_t usual_period = 100000;  // microseconds, the kernel's

const json::object* object_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(json::string_view(name.data(), name.size()));
    return value == nullptr ? nullptr : value->if_object();
}

// Negative numbers mean "no limit", as a missing one does.
std::optional<std::int64_t> number_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(json::string_view(name.data(), name.size()));
    if (value == nullptr) return std::nullopt;
    error_code failure;
    auto number = value->to_number<std::int64_t>(failure);
    if (failure) return std::nullopt;
    return number;
}

std::string text_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(json::string_view(name.data(), name.size()));
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::uint64_t positive(std::int64_t number) { return number > 0 ? static_cast<std::uint64_t>(number) : 0; }

std::uint64_t milli_of(std::int64_t quota, std::int64_t period) {
    auto length = positive(period) == 0 ? positive(usual_period) : positive(period);
    return (positive(quota) / length) * 1000 + positive(quota) % length * 1000 / length;
}

void take_resources(resource_limits& limits, const json::object& resources) {
    if (const auto* memory = object_at(resources, "memory")) {
        if (auto limit = number_at(*memory, "limit")) limits.memory = positive(*limit);
    }
    const auto* cpu = object_at(resources, "cpu");
    if (cpu == nullptr) return;
    if (auto quota = number_at(*cpu, "quota"))
        limits.cpu_milli = milli_of(*quota, number_at(*cpu, "period").value_or(usual_period));
}

template <class Number>
result<void> take_annotation(Number& into, const json::object& annotations, std::string_view name, Number most) {
    auto text = text_at(annotations, name);
    if (text.empty()) return {};
    auto number = parse_number<Number>(text);
    if (!number || *number < 1 || *number > most) {
        return error(errc::invalid_argument,
                     fmt::format("annotation {}: \"{}\" is not a number from 1 to {}", name, text, most));
    }
    into = *number;
    return {};
}

// CRI's own: what it cannot have written is not there.
std::int64_t cri_number(const json::object& annotations, std::string_view name) {
    auto text = text_at(annotations, name);
    std::int64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

result<void> take_annotations(spec_facts& facts, const json::object& annotations) {
    auto taken = take_annotation(facts.vcpus, annotations, "io.vminit.vcpus", most_vcpus);
    if (taken) taken = take_annotation(facts.memory_mib, annotations, "io.vminit.memory_mib", most_memory_mib);
    facts.pod.memory = positive(cri_number(annotations, "io.kubernetes.cri.sandbox-memory"));
    facts.pod.cpu_milli = milli_of(cri_number(annotations, "io.kubernetes.cri.sandbox-cpu-quota"),
                                   cri_number(annotations, "io.kubernetes.cri.sandbox-cpu-period"));
    return taken;
}

void take_linux(spec_facts& facts, const json::object& os) {
    if (const auto* resources = object_at(os, "resources")) take_resources(facts.limits, *resources);
    facts.cgroups_path = text_at(os, "cgroupsPath");
    const auto* sysctls = object_at(os, "sysctl");
    if (sysctls == nullptr) return;
    for (const auto& [name, value] : *sysctls) {
        bool is_net = std::string_view(name).starts_with("net.") || std::string_view(name).starts_with("net/");
        if (is_net && value.is_string()) facts.net_sysctls.emplace(name, std::string(value.get_string()));
    }
}

result<json::value> parse_object(std::string_view text, std::string_view what) {
    error_code failure;
    auto document = json::parse(json::string_view(text.data(), text.size()), failure);
    if (failure) return error(errc::invalid_argument, fmt::format("{}: {}", what, failure.message()));
    if (!document.is_object()) return error(errc::invalid_argument, fmt::format("{}: not an object", what));
    return document;
}

}  // namespace

result<spec_facts> read_spec_facts(std::string_view config_json) {
    auto document = parse_object(config_json, "config.json");
    if (!document) return document.error();
    spec_facts facts;
    const auto& spec = document->get_object();
    if (const auto* os = object_at(spec, "linux")) take_linux(facts, *os);
    if (const auto* annotations = object_at(spec, "annotations")) {
        if (auto taken = take_annotations(facts, *annotations); !taken) return taken.error();
    }
    return facts;
}

result<resource_limits> updated_limits(resource_limits before, std::string_view resources) {
    if (resources.empty()) return before;
    auto document = parse_object(resources, "resources");
    if (!document) return document.error();
    take_resources(before, document->get_object());
    return before;
}

}  // namespace vminit::shim
