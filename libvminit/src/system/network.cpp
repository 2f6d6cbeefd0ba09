// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/network.hpp"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <algorithm>
#include <boost/asio/ip/network_v4.hpp>
#include <cerrno>
#include <charconv>

#include "rtnetlink.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

// The kernel's own headers make the requests: of an answer only the errno matters, so there is nothing to parse, and
// Debian has no static libmnl.
namespace vminit::system {

namespace {

constexpr std::uint16_t create = NLM_F_CREATE | NLM_F_EXCL;
const auto metadata_address = asio::ip::make_address_v4(0xA9FEA9FE);  // 169.254.169.254

std::uint8_t family_of(const asio::ip::address& address) {
    return static_cast<std::uint8_t>(address.is_v4() ? AF_INET : AF_INET6);
}

void add_address(netlink_request& request, std::uint16_t type, const asio::ip::address& address) {
    if (address.is_v4()) {
        request.attribute(type, address.to_v4().to_bytes());
    } else {
        request.attribute(type, address.to_v6().to_bytes());
    }
}

std::string text_of(const interface_address& address) {
    return address.address.to_string() + "/" + std::to_string(address.prefix);
}

bool contains(const interface_address& network, const asio::ip::address& address) {
    if (network.address.is_v4() != address.is_v4()) return false;
    auto is_equal_up_to_prefix = [&](const auto& own, const auto& other) {
        for (std::size_t bit = 0; bit < network.prefix; ++bit) {
            auto mask = 0x80u >> bit % 8;
            if (((own[bit / 8] ^ other[bit / 8]) & mask) != 0) return false;
        }
        return true;
    };
    if (address.is_v4()) return is_equal_up_to_prefix(network.address.to_v4().to_bytes(), address.to_v4().to_bytes());
    return is_equal_up_to_prefix(network.address.to_v6().to_bytes(), address.to_v6().to_bytes());
}

result<void> ignore_existing(result<void> outcome) {
    if (!outcome && syscalls::is_errno(outcome.error(), EEXIST)) return {};
    return outcome;
}

// Without an index the kernel takes the device that the gateway is on.
netlink_request route_request(std::uint16_t type, const interface_route& wanted, unsigned index, bool is_onlink) {
    struct rtmsg body{};
    body.rtm_family = family_of(wanted.network.address);
    body.rtm_dst_len = wanted.network.prefix;
    body.rtm_table = RT_TABLE_MAIN;
    bool is_new = type == RTM_NEWROUTE;
    bool is_linkwide = !wanted.gateway && wanted.network.address.is_v4();
    if (is_new) body.rtm_protocol = RTPROT_BOOT;
    if (is_new) body.rtm_type = RTN_UNICAST;
    body.rtm_scope = is_linkwide ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    if (!is_new) body.rtm_scope = RT_SCOPE_NOWHERE;
    if (is_onlink) body.rtm_flags = RTNH_F_ONLINK;
    netlink_request request(type, is_new ? create : std::uint16_t{0}, body);
    if (wanted.network.prefix > 0) add_address(request, RTA_DST, wanted.network.address);
    if (wanted.gateway) add_address(request, RTA_GATEWAY, *wanted.gateway);
    if (index != 0) request.attribute(RTA_OIF, index);
    return request;
}

// The requests of one device.
class link_requests {
public:
    link_requests(rtnetlink& kernel, const link_settings& link, unsigned index)
        : kernel_(kernel), link_(link), index_(index) {}

    result<void> set_up() {
        struct ifinfomsg body = link_body();
        body.ifi_flags = IFF_UP;
        body.ifi_change = IFF_UP;
        return kernel_.perform(netlink_request(RTM_NEWLINK, 0, body), "set up", link_.device);
    }

    result<void> set_mtu(std::uint32_t mtu) {
        netlink_request request(RTM_NEWLINK, 0, link_body());
        request.attribute(IFLA_MTU, mtu);
        return kernel_.perform(request, "set mtu " + std::to_string(mtu), link_.device);
    }

    result<void> add(const interface_address& wanted) { return ignore_existing(add_new(wanted)); }

    result<void> add_new(const interface_address& wanted) {
        return kernel_.perform(address_request(RTM_NEWADDR, create, wanted), "add address " + text_of(wanted),
                               link_.device);
    }

    result<void> remove(const interface_address& wanted) {
        return kernel_.perform(address_request(RTM_DELADDR, 0, wanted), "remove address " + text_of(wanted),
                               link_.device);
    }

    result<void> add(const interface_route& wanted) { return perform(wanted, text_of(wanted.network)); }

    result<void> add_default_route(const asio::ip::address& gateway) {
        interface_route route;
        if (gateway.is_v6()) route.network.address = asio::ip::address_v6();
        route.gateway = gateway;
        return perform(route, "default");
    }

    result<void> add_metadata_route(const asio::ip::address& gateway) {
        interface_route route;
        route.network.address = metadata_address;
        route.network.prefix = 32;
        route.gateway = gateway;
        return perform(route, metadata_address.to_string());
    }

private:
    struct ifinfomsg link_body() const {
        struct ifinfomsg body{};
        body.ifi_family = AF_UNSPEC;
        body.ifi_index = static_cast<int>(index_);
        return body;
    }

    netlink_request address_request(std::uint16_t type, std::uint16_t how, const interface_address& wanted) const {
        struct ifaddrmsg body{};
        body.ifa_family = family_of(wanted.address);
        body.ifa_prefixlen = wanted.prefix;
        body.ifa_index = index_;
        // Nobody else has it: the host chose it. Without this it could not be used for a second.
        std::uint32_t flags = wanted.address.is_v6() ? IFA_F_NODAD : 0;
        if (wanted.is_alone) flags |= IFA_F_NOPREFIXROUTE;
        netlink_request request(type, how, body);
        add_address(request, IFA_LOCAL, wanted.address);
        add_address(request, IFA_ADDRESS, wanted.address);
        request.attribute(IFA_FLAGS, flags);  // the body has room for eight of them only
        if (wanted.address.is_v4() && wanted.prefix < 31) {
            request.attribute(IFA_BROADCAST,
                              asio::ip::network_v4(wanted.address.to_v4(), wanted.prefix).broadcast().to_bytes());
        }
        return request;
    }

    result<void> perform(const interface_route& wanted, std::string name) {
        name.insert(0, "add route ");
        if (wanted.gateway) name.append(" via ").append(wanted.gateway->to_string());
        return ignore_existing(kernel_.perform(request_for(wanted), name, link_.device));
    }

    netlink_request request_for(const interface_route& wanted) const {
        bool is_onlink = wanted.gateway && !is_near(*wanted.gateway);
        return route_request(RTM_NEWROUTE, wanted, index_, is_onlink);
    }

    // Reached by the route that comes with an address, or by one of those without a gateway.
    bool is_near(const asio::ip::address& gateway) const {
        auto reaches = [&](const interface_address& network) { return contains(network, gateway); };
        return std::any_of(link_.addresses.begin(), link_.addresses.end(),
                           [&](const auto& address) { return !address.is_alone && reaches(address); }) ||
               std::any_of(link_.routes.begin(), link_.routes.end(),
                           [&](const auto& route) { return !route.gateway && reaches(route.network); });
    }

    rtnetlink& kernel_;
    const link_settings& link_;
    unsigned index_;
};

// A device is in sysfs, and its uevent on the way, a moment before the kernel finds it by name. Requests wait for that.
unsigned announced_index(const std::string& device) {
    auto text = read_file("/sys/class/net/" + device + "/ifindex");
    unsigned index = 0;
    if (text) std::from_chars(text->data(), text->data() + text->size(), index);
    return index;
}

result<unsigned> index_of(const std::string& device) {
    if (device.empty() || device.size() >= IFNAMSIZ) {
        return error(errc::invalid_argument, "bad network device \"" + device + "\"");
    }
    auto index = ::if_nametoindex(device.c_str());
    if (index == 0) index = announced_index(device);
    if (index == 0) return error(errc::not_found, "network device " + device);
    return index;
}

}  // namespace

bool has_link(const std::string& device) { return ::if_nametoindex(device.c_str()) != 0; }

result<void> set_link_up(const std::string& device) {
    auto index = index_of(device);
    if (!index) return index.error();
    auto kernel = rtnetlink::open();
    if (!kernel) return kernel.error();
    link_settings link;
    link.device = device;
    return link_requests(*kernel, link, *index).set_up();
}

std::vector<error> apply_link(const link_settings& link, bool wants_metadata_route) {
    auto index = index_of(link.device);
    if (!index) return {index.error()};
    auto kernel = rtnetlink::open();
    if (!kernel) return {kernel.error()};
    link_requests requests(*kernel, link, *index);
    std::vector<error> failures;
    auto expect = [&](const result<void>& outcome) {
        if (!outcome) failures.push_back(outcome.error());
    };
    if (link.mtu) expect(requests.set_mtu(*link.mtu));
    expect(requests.set_up());
    for (const auto& address : link.addresses) expect(requests.add(address));
    for (const auto& route : link.routes) expect(requests.add(route));
    for (const auto& gateway : link.gateways) {
        expect(requests.add_default_route(gateway));
        if (wants_metadata_route && gateway.is_v4()) expect(requests.add_metadata_route(gateway));
    }
    return failures;
}

namespace {

// What the kernel means, in the words of who asked.
result<void> explained(result<void> outcome) {
    if (outcome) return outcome;
    const auto& failure = outcome.error();
    auto is = [&](int number) { return syscalls::is_errno(failure, number); };
    if (is(EADDRNOTAVAIL) || is(ESRCH)) return error(errc::not_found, failure.context());
    if (is(ENETUNREACH) || is(EHOSTUNREACH)) {
        return error(errc::failed_precondition, failure.context() + ": the gateway is on no network of the machine");
    }
    if (is(ENETDOWN)) return error(errc::failed_precondition, failure.context() + ": the device is down");
    return outcome;
}

template <class Change>
result<void> change_link(const std::string& device, Change change) {
    auto index = index_of(device);
    if (!index) return index.error();
    auto kernel = rtnetlink::open();
    if (!kernel) return kernel.error();
    link_settings link;
    link.device = device;
    link_requests requests(*kernel, link, *index);
    return explained(change(requests));
}

result<void> change_route(std::uint16_t type, const std::string& device, const interface_route& route, bool is_onlink) {
    unsigned index = 0;
    if (!device.empty()) {
        auto found = index_of(device);
        if (!found) return found.error();
        index = *found;
    }
    auto kernel = rtnetlink::open();
    if (!kernel) return kernel.error();
    auto name = type == RTM_NEWROUTE ? std::string("add route ") : std::string("remove route ");
    name += route.network.prefix == 0 ? std::string("default") : text_of(route.network);
    if (route.gateway) name.append(" via ").append(route.gateway->to_string());
    return explained(kernel->perform(route_request(type, route, index, is_onlink), name, device));
}

}  // namespace

result<void> add_address(const std::string& device, const interface_address& address) {
    return change_link(device, [&](link_requests& requests) -> result<void> {
        if (auto up = requests.set_up(); !up) return up;
        return requests.add_new(address);
    });
}

result<void> remove_address(const std::string& device, const interface_address& address) {
    return change_link(device, [&](link_requests& requests) { return requests.remove(address); });
}

result<void> add_route(const std::string& device, const interface_route& route, bool is_onlink) {
    return change_route(RTM_NEWROUTE, device, route, is_onlink);
}

result<void> remove_route(const std::string& device, const interface_route& route) {
    return change_route(RTM_DELROUTE, device, route, false);
}

}  // namespace vminit::system
