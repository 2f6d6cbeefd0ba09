// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "client_session.hpp"
#include "commands/commands.hpp"
#include "table.hpp"
#include "vminit/system/v1/machine.ttrpc.hpp"

namespace vminit::vminitctl {

namespace {

namespace json = boost::json;
namespace wire = vminit::system::v1;

template <class Texts>
field list_field(std::string_view name, const Texts& texts) {
    std::string all;
    for (const auto& text : texts) all += (all.empty() ? "" : " ") + text;
    return field(name, json::array(texts.begin(), texts.end()), all.empty() ? "-" : all);
}

std::vector<record> link_rows(const wire::NetworkResponse& network) {
    std::vector<record> rows;
    for (const auto& link : network.links()) {
        rows.push_back({{"device", link.name()},
                        {"state", link.up() ? "up" : "down"},
                        {"mtu", link.mtu()},
                        {"hardware_address", link.hardware_address()},
                        list_field("addresses", link.addresses())});
    }
    return rows;
}

std::vector<record> route_rows(const wire::NetworkResponse& network) {
    std::vector<record> rows;
    for (const auto& route : network.routes()) {
        rows.push_back({{"network", route.network()},
                        {"gateway", route.gateway()},
                        {"device", route.device()},
                        {"metric", route.metric()}});
    }
    return rows;
}

json::array objects(const std::vector<record>& rows) {
    json::array list;
    for (const auto& row : rows) list.push_back(to_json(row));
    return list;
}

void show(printer& out, const wire::NetworkResponse& network) {
    constexpr std::string_view link_titles[] = {"device", "state", "mtu", "hardware_address", "addresses"};
    constexpr std::string_view route_titles[] = {"network", "gateway", "device", "metric"};
    record names{list_field("name_servers", network.name_servers()), list_field("search", network.search())};
    auto links = link_rows(network);
    auto routes = route_rows(network);
    if (out.is_json()) {
        record whole{{"links", objects(links)}, {"routes", objects(routes)}};
        whole.insert(whole.end(), names.begin(), names.end());
        return out.answer(whole);
    }
    out.say(table_of(links, link_titles) + "\n" + table_of(routes, route_titles) + "\n");
    out.answer(names);
}

awaitable<result<int>> network(client_session& guest, wire::NetworkRequest request) {
    bool is_change = request.action() != wire::NetworkRequest::READ;
    wire::MachineClient machine(guest.rpc());
    auto answer = co_await machine.Network(std::move(request), guest.call_limit());
    if (!answer) co_return answer.error();
    if (!is_change || guest.out().is_json()) show(guest.out(), *answer);
    co_return 0;
}

using request_pointer = std::shared_ptr<wire::NetworkRequest>;

CLI::App& add_change(command_set& commands, CLI::App& family, const char* name, const char* help,
                     request_pointer request, wire::NetworkRequest::Action action) {
    request->set_action(action);
    return commands.add_to(family, name, help, [request](client_session& guest) { return network(guest, *request); });
}

void add_word(CLI::App& command, const char* name, const char* help, bool is_required,
              std::function<void(const std::string&)> take) {
    command.add_option_function<std::string>(name, std::move(take), help)->required(is_required);
}

CLI::App& add_family(CLI::App& above, const std::string& name, const std::string& help) {
    auto* family = above.add_subcommand(name, help);
    family->require_subcommand(1);
    return *family;
}

void add_address_changes(command_set& commands, CLI::App& family) {
    auto& address = add_family(family, "address", "the addresses of a device");
    for (bool is_add : {true, false}) {
        auto request = std::make_shared<wire::NetworkRequest>();
        auto action = is_add ? wire::NetworkRequest::ADD_ADDRESS : wire::NetworkRequest::REMOVE_ADDRESS;
        auto& command =
            add_change(commands, address, is_add ? "add" : "del",
                       is_add ? "give a device an address, and set it up" : "take an address away", request, action);
        add_word(command, "DEVICE", "eth0", true, [request](const auto& text) { request->set_device(text); });
        add_word(command, "ADDRESS", "with its prefix: 10.0.2.15/24, fd00::2/64", true,
                 [request](const auto& text) { request->set_address(text); });
    }
}

void add_route_changes(command_set& commands, CLI::App& family) {
    auto& route = add_family(family, "route", "the routes of the main table");
    for (bool is_add : {true, false}) {
        auto request = std::make_shared<wire::NetworkRequest>();
        auto action = is_add ? wire::NetworkRequest::ADD_ROUTE : wire::NetworkRequest::REMOVE_ROUTE;
        auto& command = add_change(commands, route, is_add ? "add" : "del",
                                   is_add ? "add a route" : "take a route away", request, action);
        add_word(command, "NETWORK", "10.1.0.0/16, fd00::/8 or default", true,
                 [request](const auto& text) { request->set_address(text); });
        add_word(command, "--via", "the gateway", false, [request](const auto& text) { request->set_gateway(text); });
        add_word(command, "--device", "needed without a gateway", false,
                 [request](const auto& text) { request->set_device(text); });
        if (!is_add) continue;
        command.add_flag_callback(
            "--onlink", [request] { request->set_onlink(true); },
            "the gateway is on the device's link, whatever its networks are");
    }
}

void add_dns_change(command_set& commands, CLI::App& family) {
    auto& dns = add_family(family, "dns", "the name servers of the guest and its containers");
    auto request = std::make_shared<wire::NetworkRequest>();
    auto& command = add_change(commands, dns, "set", "use these name servers instead of those there were", request,
                               wire::NetworkRequest::SET_DNS);
    auto take = [request](const std::vector<std::string>& servers) {
        for (const auto& server : servers) request->add_name_servers(server);
    };
    command.add_option_function<std::vector<std::string>>("SERVER", take, "addresses; none: no server");
    auto search = [request](const std::vector<std::string>& domains) {
        for (const auto& domain : domains) request->add_search(domain);
    };
    command.add_option_function<std::vector<std::string>>("--search", search, "a domain; repeatable")
        ->allow_extra_args(false);
}

}  // namespace

void add_network(command_set& commands) {
    auto& family =
        commands.add("network", "devices, addresses, routes and name servers of the guest: shown, or changed",
                     [](client_session& guest) { return network(guest, {}); });
    add_address_changes(commands, family);
    add_route_changes(commands, family);
    add_dns_change(commands, family);
}

}  // namespace vminit::vminitctl
