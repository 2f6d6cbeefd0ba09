// SPDX-License-Identifier: Apache-2.0
#include "netns_facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

namespace vminit::shim {

namespace json = boost::json;

namespace {

std::string text_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(json::string_view(name.data(), name.size()));
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::uint32_t number_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(json::string_view(name.data(), name.size()));
    if (value == nullptr) return 0;
    error_code failure;
    auto number = value->to_number<std::uint32_t>(failure);
    return failure ? 0 : number;
}

const json::array* array_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(json::string_view(name.data(), name.size()));
    return value == nullptr ? nullptr : value->if_array();
}

bool has_word(const json::array* words, std::string_view wanted) {
    return words != nullptr && std::any_of(words->begin(), words->end(), [&](const auto& word) {
               return word.is_string() && std::string_view(word.get_string()) == wanted;
           });
}

// The objects of a listing; `ip` prints nothing at all, or an empty object, for an empty one.
result<std::vector<json::object>> objects_of(std::string_view text, std::string_view what) {
    std::vector<json::object> objects;
    if (text.find_first_not_of(" \n") == std::string_view::npos) return objects;
    error_code failure;
    auto document = json::parse(json::string_view(text.data(), text.size()), failure);
    if (failure || !document.is_array())
        return error(errc::invalid_argument, fmt::format("{}: not what ip(8) prints", what));
    for (auto& each : document.get_array()) {
        if (each.is_object() && !each.get_object().empty()) objects.push_back(std::move(each.get_object()));
    }
    return objects;
}

class facts_reader {
public:
    void read_link(const json::object& link) {
        auto name = text_at(link, "ifname");
        auto type = text_at(link, "link_type");
        bool is_up = has_word(array_at(link, "flags"), "UP");
        if (type == "loopback") return;
        if (type != "ether" || !is_up) {
            if (is_up) remark(fmt::format("{} is no Ethernet device ({}): left out", name, type));
            return;
        }
        netns_interface found;
        found.name = std::move(name);
        found.mac = text_at(link, "address");
        found.mtu = number_at(link, "mtu");
        if (const auto* listed = array_at(link, "addr_info")) {
            for (const auto& each : *listed) read_address(found, each);
        }
        facts_.interfaces.push_back(std::move(found));
    }

    void read_route(const json::object& route, std::string_view everywhere) {
        auto device = text_at(route, "dev");
        auto destination = text_at(route, "dst");
        auto& all = facts_.interfaces;
        auto interface = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == device; });
        bool is_plain = text_at(route, "type").empty() || text_at(route, "type") == "unicast";
        if (route.contains("nexthops") || route.contains("via")) {
            remark(fmt::format("route to {}: several gateways, or one of the other family: left out", destination));
            return;
        }
        if (interface == all.end() || !is_plain || destination.starts_with("fe80:")) return;
        netns_route found;
        found.network = destination == "default" ? std::string(everywhere) : destination;
        if (found.network.find('/') == std::string::npos)
            found.network += found.network.find(':') == std::string::npos ? "/32" : "/128";
        found.gateway = text_at(route, "gateway");
        found.metric = number_at(route, "metric");
        found.is_of_kernel = text_at(route, "protocol") == "kernel";
        interface->routes.push_back(std::move(found));
    }

    netns_facts take() && { return std::move(facts_); }

private:
    static void read_address(netns_interface& into, const json::value& value) {
        const auto* entry = value.if_object();
        if (entry == nullptr || text_at(*entry, "scope") == "link") return;
        netns_address found;
        found.address = text_at(*entry, "local");
        found.prefix = number_at(*entry, "prefixlen");
        if (!found.address.empty()) into.addresses.push_back(std::move(found));
    }

    void remark(std::string text) { facts_.remarks.push_back(std::move(text)); }

    netns_facts facts_;
};

}  // namespace

result<netns_facts> parse_netns_facts(std::string_view addresses, std::string_view routes4, std::string_view routes6) {
    auto links = objects_of(addresses, "addresses");
    if (!links) return links.error();
    facts_reader reader;
    for (const auto& link : *links) reader.read_link(link);
    for (auto [text, everywhere] : {std::pair(routes4, "0.0.0.0/0"), std::pair(routes6, "::/0")}) {
        auto routes = objects_of(text, "routes");
        if (!routes) return routes.error();
        for (const auto& route : *routes) reader.read_route(route, everywhere);
    }
    return std::move(reader).take();
}

}  // namespace vminit::shim
