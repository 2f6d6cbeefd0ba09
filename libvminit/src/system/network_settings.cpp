// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/network_settings.hpp"

#include <net/if.h>

#include <algorithm>
#include <array>
#include <bit>
#include <initializer_list>
#include <utility>

#include "vminit/core/text.hpp"

namespace vminit::system {

namespace {

constexpr std::string_view default_device = "eth0";
constexpr std::uint32_t smallest_mtu = 68;  // RFC 791: what IPv4 must be able to carry
constexpr std::uint32_t largest_mtu = 65535;
constexpr std::size_t longest_domain = 253;

error bad(std::string_view what, std::string_view text) {
    return error(errc::invalid_argument, "bad " + std::string(what) + " \"" + std::string(text) + "\"");
}

result<asio::ip::address> parse_address(std::string_view text) {
    error_code failure;
    auto address = asio::ip::make_address(text, failure);
    if (failure || address.is_unspecified()) return bad("address", text);
    return address;
}

result<asio::ip::address> parse_ipv4(std::string_view text) {
    auto address = parse_address(text);
    if (!address || !address->is_v4()) return bad("IPv4 address", text);
    return address;
}

// What stands behind the slash of `text`, which has none with the usual prefix.
result<interface_address> with_prefix(const asio::ip::address& address, std::string_view text, std::uint32_t usual) {
    auto slash = text.find('/');
    auto number = slash == std::string_view::npos ? usual : parse_number<std::uint32_t>(text.substr(slash + 1));
    std::uint32_t longest = address.is_v4() ? 32 : 128;
    if (!number || *number > longest) return bad("address", text);
    return interface_address{address, static_cast<std::uint8_t>(*number)};
}

result<interface_address> parse_interface_address(std::string_view text) {
    auto address = parse_address(text.substr(0, text.find('/')));
    if (!address) return address.error();
    return with_prefix(*address, text, address->is_v4() ? 24 : 64);
}

result<interface_address> parse_lone_address(std::string_view text) {
    auto address = parse_interface_address(text);
    if (address) address->is_alone = true;
    return address;
}

// `10.1.0.0/16@10.1.0.1`, `fd00::/8`, `0.0.0.0/0@10.1.0.1`.
result<interface_route> parse_route(std::string_view text) {
    auto rest = text;
    auto destination = take_until(rest, '@');
    error_code failure;
    auto address = asio::ip::make_address(destination.substr(0, destination.find('/')), failure);
    auto network = failure ? bad("route", text) : with_prefix(address, destination, address.is_v4() ? 32 : 128);
    if (!network) return bad("route", text);
    interface_route route;
    route.network = *network;
    if (text.find('@') == std::string_view::npos) return route;
    auto gateway = parse_address(rest);
    if (!gateway || gateway->is_v4() != address.is_v4()) return bad("route", text);
    route.gateway = *gateway;
    return route;
}

// It becomes a path below /sys/class/net and a name in netlink messages.
bool is_device_name(std::string_view name) {
    return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
           std::none_of(name.begin(), name.end(), [](unsigned char c) { return c <= ' ' || c == '/' || c >= 0x7f; });
}

bool is_domain(std::string_view name) {
    return !name.empty() && name.size() <= longest_domain && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
               c == '_';
    });
}

bool is_mac_address(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdefABCDEF";
    if (text.size() != 17) return false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        bool is_separator = at % 3 == 2;
        if (is_separator ? text[at] != ':' : digits.find(text[at]) == std::string_view::npos) return false;
    }
    return true;
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

// The words for "ask the network for an address". `dhcp,<client id>` is one, too.
bool asks_network(std::string_view word) {
    word = word.substr(0, word.find(','));
    return is_one_of(word, {"dhcp", "on", "any", "both", "bootp", "rarp", "dhcp6", "auto6"});
}

using ip_fields = std::array<std::string_view, 9>;

// `ip=dhcp`, `ip=off` and dracut's `ip=eth0:dhcp` are short for a word with all its fields.
ip_fields split_ip(std::string_view text) {
    ip_fields fields;
    if (text.starts_with("dhcp,")) {  // a client id may have colons of its own
        fields[6] = text;
        return fields;
    }
    for (auto& field : fields) field = take_until(text, ':');
    bool is_short = std::all_of(fields.begin() + 1, fields.end(), [](auto field) { return field.empty(); });
    if (is_short && (asks_network(fields[0]) || is_one_of(fields[0], {"off", "none"}))) {
        fields[6] = std::exchange(fields[0], {});
    } else if (asks_network(fields[1])) {
        fields[5] = std::exchange(fields[0], {});
        fields[6] = std::exchange(fields[1], {});
    }
    return fields;
}

class settings_reader {
public:
    parsed_network take() && { return std::move(parsed_); }

    void read_ip(std::string_view text, bool is_kernel_configured) {
        auto fields = split_ip(text);
        auto& settings = parsed_.settings;
        if (!fields[4].empty()) read_hostname(fields[4]);
        for (auto server : {fields[7], fields[8]}) {
            if (!server.empty()) add(settings.name_servers, parse_address(server));
        }
        bool lacks_address = fields[0].empty() && asks_network(fields[6]);
        bool names_link = !fields[0].empty() || !fields[2].empty() || !fields[5].empty();
        if (!names_link && !lacks_address) return;
        auto* link = link_named(fields[5].empty() ? default_device : fields[5]);
        if (link == nullptr) return;
        if (!fields[0].empty()) read_masked_address(*link, fields[0], fields[3]);
        if (!fields[2].empty()) add(link->gateways, parse_ipv4(fields[2]));
        if (lacks_address && !is_kernel_configured) {
            problem(error(errc::not_implemented, "ip=" + std::string(text) + ": no DHCP client, " + link->device +
                                                     " gets no address but what is given"));
        }
    }

    void read_pnp(std::string_view text) {
        while (!text.empty()) {
            auto line = take_until(text, '\n');
            auto key = take_until(line, ' ');
            if (key == "nameserver") add(parsed_.settings.name_servers, parse_address(line));
            if (key == "domain" && is_domain(line))
                add(parsed_.settings.search, result<std::string>(std::string(line)));
        }
    }

    void read_link(std::string_view text) {
        auto* link = link_named(take_until(text, ','));
        if (link == nullptr) return;
        while (!text.empty()) {
            auto value = take_until(text, ',');
            auto key = take_until(value, '=');
            read_pair(*link, key, value);
        }
    }

    void wants_metadata_route() { parsed_.settings.wants_metadata_route = true; }

private:
    void read_pair(link_settings& link, std::string_view key, std::string_view value) {
        if (key == "address") return add(link.addresses, parse_interface_address(value));
        if (key == "address-only") return add(link.addresses, parse_lone_address(value));
        if (key == "route") return add(link.routes, parse_route(value));
        if (key == "gateway") return add(link.gateways, parse_address(value));
        if (key == "dns") return add(parsed_.settings.name_servers, parse_address(value));
        if (key == "mtu") return read_mtu(link, value);
        if (key != "search") return problem(bad("network setting", key));
        if (!is_domain(value)) return problem(bad("search domain", value));
        parsed_.settings.search.emplace_back(value);
    }

    void read_masked_address(link_settings& link, std::string_view address, std::string_view mask) {
        auto client = parse_ipv4(address);
        auto prefix = parse_netmask(mask);
        if (!client) return problem(client.error());
        if (!prefix) return problem(prefix.error());
        link.addresses.push_back(interface_address{*client, *prefix});
    }

    void read_mtu(link_settings& link, std::string_view text) {
        auto number = parse_number<std::uint32_t>(text);
        if (!number || *number < smallest_mtu || *number > largest_mtu) return problem(bad("MTU", text));
        link.mtu = number;
    }

    void read_hostname(std::string_view text) {
        if (!is_domain(text) || text.size() > longest_hostname) return problem(bad("host name", text));
        parsed_.settings.hostname = text;
    }

    link_settings* link_named(std::string_view name) {
        bool is_mac = is_mac_address(name);
        // A MAC address as the kernel prints it in sysfs.
        auto device = is_mac ? lower_case(name) : std::string(name);
        auto& links = parsed_.settings.links;
        auto known = std::find_if(links.begin(), links.end(), [&](const auto& one) { return one.device == device; });
        if (known != links.end()) return &*known;
        if (!is_mac && !is_device_name(device)) {
            problem(bad("network device", device));
            return nullptr;
        }
        links.emplace_back().device = device;
        return &links.back();
    }

    template <class Value>
    void add(std::vector<Value>& list, result<Value> value) {
        if (!value) return problem(value.error());
        if (std::find(list.begin(), list.end(), *value) == list.end()) list.push_back(*value);
    }

    void problem(error what) { parsed_.problems.push_back(std::move(what)); }

    static constexpr std::size_t longest_hostname = 64;  // __NEW_UTS_LEN
    parsed_network parsed_;
};

}  // namespace

parsed_network parse_network_settings(const kernel_cmdline& cmdline, const std::vector<std::string>& links,
                                      std::string_view kernel_pnp) {
    settings_reader reader;
    if (auto word = cmdline.value("ip")) reader.read_ip(*word, kernel_pnp.starts_with("#PROTO"));
    for (const auto& link : links) reader.read_link(link);
    reader.read_pnp(kernel_pnp);
    if (cmdline.value("spin.metadata_addr")) reader.wants_metadata_route();
    return std::move(reader).take();
}

result<std::uint8_t> parse_netmask(std::string_view text) {
    if (text.empty()) return std::uint8_t{24};
    error_code failure;
    auto mask = asio::ip::make_address_v4(text, failure).to_uint();
    bool is_contiguous = std::countl_one(mask) + std::countr_zero(mask) == 32;
    if (failure || !is_contiguous) return bad("netmask", text);
    return static_cast<std::uint8_t>(std::countl_one(mask));
}

std::string resolv_conf(const network_settings& settings) {
    std::string text;
    for (const auto& domain : settings.search) text += (text.empty() ? "search " : " ") + domain;
    if (!text.empty()) text += "\n";
    for (const auto& server : settings.name_servers) text += "nameserver " + server.to_string() + "\n";
    return text;
}

std::string hosts_file(const network_settings& settings) {
    std::string text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";
    if (settings.hostname.empty() || settings.hostname == "localhost") return text;
    std::string own = "127.0.1.1";
    for (const auto& link : settings.links) {
        if (link.addresses.empty()) continue;
        own = link.addresses.front().address.to_string();
        break;
    }
    return text + own + " " + settings.hostname + "\n";
}

}  // namespace vminit::system
