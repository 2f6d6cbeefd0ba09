// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/network_change.hpp"

#include <fcntl.h>

#include "vminit/core/kernel_cmdline.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/network.hpp"

namespace vminit::system {

namespace {

constexpr std::size_t most_names = 16;  // resolvers read three servers and six domains

error missing(const char* what) { return error(errc::invalid_argument, std::string(what) + " is missing"); }

/// One device's settings, from words of which each is one value of theirs.
class words {
public:
    explicit words(std::string device) : text_(std::move(device)) { check(text_); }

    void add(std::string_view key, std::string_view value) {
        check(value);
        text_.append(",").append(key).append("=").append(value);
    }

    result<network_settings> read() const {
        if (!bad_.empty()) return error(errc::invalid_argument, "bad word \"" + bad_ + "\"");
        auto parsed = parse_network_settings(kernel_cmdline(), {text_});
        if (!parsed.problems.empty()) return parsed.problems.front();
        return std::move(parsed.settings);
    }

private:
    void check(std::string_view word) {
        if (word.find(',') != std::string_view::npos || word.find('\0') != std::string_view::npos) bad_ = word;
    }

    std::string text_;
    std::string bad_;
};

std::string route_words(const network_request& request) {
    bool is_v6 = request.gateway.find(':') != std::string::npos;
    auto network = request.address != "default" ? request.address : is_v6 ? "::/0" : "0.0.0.0/0";
    return request.gateway.empty() ? network : network + "@" + request.gateway;
}

bool is_about_route(network_action action) {
    return action == network_action::add_route || action == network_action::remove_route;
}

result<network_change> parse_names(const network_request& request) {
    if (request.name_servers.size() > most_names || request.search.size() > most_names) {
        return error(errc::invalid_argument, "more than 16 name servers or domains");
    }
    words said("lo");
    for (const auto& server : request.name_servers) said.add("dns", server);
    for (const auto& domain : request.search) said.add("search", domain);
    auto settings = said.read();
    if (!settings) return settings.error();
    network_change change;
    change.action = request.action;
    change.names = std::move(*settings);
    return change;
}

}  // namespace

result<network_change> parse_network_change(const network_request& request) {
    network_change change;
    change.action = request.action;
    if (request.action == network_action::read) return change;
    if (request.action == network_action::set_dns) return parse_names(request);
    bool is_route = is_about_route(request.action);
    bool needs_device = !is_route || (request.action == network_action::add_route && request.gateway.empty());
    if (request.device.empty() && needs_device) return missing("the network device");
    if (request.address.empty()) return missing(is_route ? "the network" : "the address");
    words said(request.device.empty() ? "lo" : request.device);
    said.add(is_route ? "route" : "address", is_route ? route_words(request) : request.address);
    auto settings = said.read();
    if (!settings) return settings.error();
    const auto& link = settings->links.front();
    change.device = request.device;
    change.is_onlink = request.is_onlink;
    if (is_route) change.route = link.routes.front();
    if (!is_route) change.address = link.addresses.front();
    return change;
}

result<void> change_network(const network_change& change, const std::string& resolv_conf_path) {
    switch (change.action) {
        case network_action::read:
            return {};
        case network_action::add_address:
            return add_address(change.device, change.address);
        case network_action::remove_address:
            return remove_address(change.device, change.address);
        case network_action::add_route:
            return add_route(change.device, change.route, change.is_onlink);
        case network_action::remove_route:
            return remove_route(change.device, change.route);
        case network_action::set_dns:
            break;
    }
    auto file = syscalls::open(resolv_conf_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (!file) return file.error();
    return syscalls::write_all(file->get(), resolv_conf(change.names), resolv_conf_path);
}

}  // namespace vminit::system
