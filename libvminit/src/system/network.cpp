#include "vminit/system/network.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <net/route.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "vminit/core/syscalls.hpp"

// Plain ioctls: IPv4 only, five calls, one errno each. Netlink would add an encoder and an acknowledgement parser for
// the same effect, and Debian has no static libmnl.
namespace vminit::system {

namespace {

constexpr std::uint32_t metadata_address = 0xA9FEA9FE;  // 169.254.169.254

bool is_existing(const error& failure) { return syscalls::is_errno(failure, EEXIST); }

std::array<std::string_view, 9> ip_fields(std::string_view text) {
    std::array<std::string_view, 9> fields;
    for (auto& field : fields) {
        auto end = text.find(':');
        field = text.substr(0, end);
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return fields;
}

struct sockaddr socket_address(std::uint32_t address) {
    struct sockaddr_in inet{};
    inet.sin_family = AF_INET;
    inet.sin_addr.s_addr = htonl(address);
    struct sockaddr generic{};
    static_assert(sizeof generic == sizeof inet);
    std::memcpy(&generic, &inet, sizeof inet);
    return generic;
}

result<unique_fd> control_socket() {
    auto fd = syscalls::check("socket", "AF_INET", [] { return ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); });
    if (!fd) return fd.error();
    return unique_fd(static_cast<int>(*fd));
}

result<struct ifreq> request_for(const std::string& device) {
    struct ifreq request{};
    if (device.empty() || device.size() >= IFNAMSIZ) {
        return error(errc::invalid_argument, "bad network device \"" + device + "\"");
    }
    device.copy(request.ifr_name, IFNAMSIZ - 1);
    return request;
}

result<void> set_address(const unique_fd& socket, const std::string& device, std::uint32_t address,
                         std::uint32_t netmask) {
    auto request = request_for(device);
    if (!request) return request.error();
    request->ifr_addr = socket_address(address);
    auto set = syscalls::check("SIOCSIFADDR", device, [&] { return ::ioctl(socket.get(), SIOCSIFADDR, &*request); });
    if (!set) return set.error();
    // Setting the address has set the mask of its class.
    request->ifr_netmask = socket_address(netmask);
    set = syscalls::check("SIOCSIFNETMASK", device, [&] { return ::ioctl(socket.get(), SIOCSIFNETMASK, &*request); });
    if (!set) return set.error();
    return {};
}

struct route {
    std::uint32_t destination = 0;
    std::uint32_t netmask = 0;
    std::uint32_t gateway = 0;
    const char* name = "default";
};

result<void> add_route(const unique_fd& socket, const route& wanted, std::string device) {
    struct rtentry entry{};
    entry.rt_dst = socket_address(wanted.destination);
    entry.rt_genmask = socket_address(wanted.netmask);
    entry.rt_gateway = socket_address(wanted.gateway);
    entry.rt_flags = RTF_UP | RTF_GATEWAY;
    if (wanted.netmask == 0xFFFFFFFF) entry.rt_flags |= RTF_HOST;
    entry.rt_dev = device.data();
    auto added = syscalls::check("add route", wanted.name, [&] { return ::ioctl(socket.get(), SIOCADDRT, &entry); });
    if (added || is_existing(added.error())) return {};
    return added.error();
}

result<void> set_up_interface(const unique_fd& socket, const network_settings& settings) {
    if (settings.address.empty()) return {};
    if (auto up = set_link_up(settings.device); !up) return up;
    auto address = parse_ipv4(settings.address);
    if (!address) return address.error();
    auto netmask = parse_netmask(settings.netmask);
    if (!netmask) return netmask.error();
    return set_address(socket, settings.device, *address, *netmask);
}

}  // namespace

std::optional<network_settings> parse_network_settings(const kernel_cmdline& cmdline) {
    auto word = cmdline.value("ip");
    if (!word) return std::nullopt;
    auto fields = ip_fields(*word);
    network_settings settings;
    settings.address = fields[0];
    settings.gateway = fields[2];
    settings.netmask = fields[3];
    settings.hostname = fields[4];
    if (!fields[5].empty()) settings.device = fields[5];
    for (auto server : {fields[7], fields[8]}) {
        if (!server.empty()) settings.name_servers.emplace_back(server);
    }
    settings.wants_metadata_route = cmdline.value("spin.metadata_addr").has_value();
    return settings;
}

result<std::uint32_t> parse_ipv4(std::string_view text) {
    error bad(errc::invalid_argument, "bad IPv4 address \"" + std::string(text) + "\"");
    std::uint32_t address = 0;
    std::string_view rest = text;
    for (int octet = 0; octet < 4; ++octet) {
        auto end = octet < 3 ? rest.find('.') : rest.size();
        if (end == std::string_view::npos) return bad;
        auto digits = rest.substr(0, end);
        unsigned value = 0;
        auto [stop, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        bool is_good =
            code == std::errc() && stop == digits.data() + digits.size() && value <= 255 && digits.size() <= 3;
        if (!is_good) return bad;
        address = address << 8 | value;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return address;
}

result<std::uint32_t> parse_netmask(std::string_view text) {
    if (text.empty()) return 0xFFFFFF00U;
    auto mask = parse_ipv4(text);
    if (!mask) return mask.error();
    bool is_contiguous = std::countl_one(*mask) + std::countr_zero(*mask) == 32;
    if (!is_contiguous) return error(errc::invalid_argument, "bad netmask \"" + std::string(text) + "\"");
    return *mask;
}

std::string resolv_conf(const std::vector<std::string>& name_servers) {
    std::string text;
    for (const auto& server : name_servers) text += "nameserver " + server + "\n";
    return text;
}

bool has_link(const std::string& device) { return ::if_nametoindex(device.c_str()) != 0; }

result<void> set_link_up(const std::string& device) {
    auto socket = control_socket();
    if (!socket) return socket.error();
    auto request = request_for(device);
    if (!request) return request.error();
    auto read =
        syscalls::check("SIOCGIFFLAGS", device, [&] { return ::ioctl(socket->get(), SIOCGIFFLAGS, &*request); });
    if (!read) return read.error();
    request->ifr_flags = static_cast<short>(request->ifr_flags | IFF_UP);
    return syscalls::attempt("set up", device, [&] { return ::ioctl(socket->get(), SIOCSIFFLAGS, &*request); });
}

std::vector<error> apply_network(const network_settings& settings) {
    std::vector<error> failures;
    auto expect = [&](const result<void>& outcome) {
        if (!outcome) failures.push_back(outcome.error());
    };
    auto socket = control_socket();
    if (!socket) return {socket.error()};
    expect(set_up_interface(*socket, settings));
    if (settings.gateway.empty()) return failures;
    auto gateway = parse_ipv4(settings.gateway);
    if (!gateway) {
        failures.push_back(gateway.error());
        return failures;
    }
    expect(add_route(*socket, {0, 0, *gateway, "default"}, settings.device));
    if (settings.wants_metadata_route) {
        expect(add_route(*socket, {metadata_address, 0xFFFFFFFF, *gateway, "169.254.169.254/32"}, settings.device));
    }
    return failures;
}

}  // namespace vminit::system
