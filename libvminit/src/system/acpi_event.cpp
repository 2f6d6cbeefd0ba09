// SPDX-License-Identifier: Apache-2.0
#include "acpi_event.hpp"

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cstring>

namespace vminit::system {

namespace {

// drivers/acpi/event.c: no header of the kernel's tells.
constexpr std::string_view family_name = "acpi_event";
constexpr std::string_view group_name = "acpi_mc_group";
constexpr std::uint16_t event_attribute = 1;
constexpr std::size_t class_size = 20;
constexpr std::size_t event_size = class_size + 15 + 1 + 2 * sizeof(std::uint32_t);

template <class Value>
std::optional<Value> value_at(std::string_view bytes) {
    if (bytes.size() < sizeof(Value)) return std::nullopt;
    Value value{};
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

std::string_view text_of(std::string_view bytes) { return bytes.substr(0, bytes.find('\0')); }

// Takes the first attribute off `bytes`; nothing when there is none, or not all of it.
struct attribute {
    std::uint16_t type;
    std::string_view value;
};
std::optional<attribute> take_attribute(std::string_view& bytes) {
    auto header = value_at<nlattr>(bytes);
    if (!header || header->nla_len < NLA_HDRLEN || header->nla_len > bytes.size()) return std::nullopt;
    attribute first{static_cast<std::uint16_t>(header->nla_type & NLA_TYPE_MASK),
                    bytes.substr(NLA_HDRLEN, header->nla_len - std::size_t{NLA_HDRLEN})};
    bytes.remove_prefix(std::min<std::size_t>(bytes.size(), NLA_ALIGN(header->nla_len)));
    return first;
}

std::optional<std::string_view> find_attribute(std::string_view bytes, std::uint16_t type) {
    while (auto next = take_attribute(bytes)) {
        if (next->type == type) return next->value;
    }
    return std::nullopt;
}

// The attributes of the datagram's first message, if it is of that type.
std::optional<std::string_view> attributes_of(std::string_view datagram, std::uint16_t type) {
    auto header = value_at<nlmsghdr>(datagram);
    constexpr std::size_t heads = NLMSG_HDRLEN + GENL_HDRLEN;
    if (!header || header->nlmsg_type != type) return std::nullopt;
    if (header->nlmsg_len < heads || header->nlmsg_len > datagram.size()) return std::nullopt;
    return datagram.substr(heads, header->nlmsg_len - heads);
}

std::optional<std::uint32_t> find_group(std::string_view groups) {
    while (auto next = take_attribute(groups)) {
        auto name = find_attribute(next->value, CTRL_ATTR_MCAST_GRP_NAME);
        auto number = find_attribute(next->value, CTRL_ATTR_MCAST_GRP_ID);
        if (name && number && text_of(*name) == group_name) return value_at<std::uint32_t>(*number);
    }
    return std::nullopt;
}

std::optional<std::string_view> event_in(std::string_view datagram, std::uint16_t family) {
    auto attributes = attributes_of(datagram, family);
    auto event = attributes ? find_attribute(*attributes, event_attribute) : std::nullopt;
    return event && event->size() >= event_size ? event : std::nullopt;
}

template <class Value>
void append(std::string& bytes, const Value& value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

std::string acpi_family_request() {
    constexpr std::size_t name_size = family_name.size() + 1;
    struct nlmsghdr header{};
    header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_HDRLEN + GENL_HDRLEN + NLA_HDRLEN + NLA_ALIGN(name_size));
    header.nlmsg_type = GENL_ID_CTRL;
    header.nlmsg_flags = NLM_F_REQUEST;
    struct genlmsghdr general{};
    general.cmd = CTRL_CMD_GETFAMILY;
    general.version = 1;
    struct nlattr name{};
    name.nla_len = static_cast<std::uint16_t>(NLA_HDRLEN + name_size);
    name.nla_type = CTRL_ATTR_FAMILY_NAME;
    std::string request;
    append(request, header);
    append(request, general);
    append(request, name);
    request.append(family_name);
    request.resize(header.nlmsg_len);
    return request;
}

std::optional<acpi_event_source> parse_acpi_family(std::string_view datagram) {
    auto attributes = attributes_of(datagram, GENL_ID_CTRL);
    if (!attributes) return std::nullopt;
    auto id = find_attribute(*attributes, CTRL_ATTR_FAMILY_ID);
    auto groups = find_attribute(*attributes, CTRL_ATTR_MCAST_GROUPS);
    auto family = id ? value_at<std::uint16_t>(*id) : std::nullopt;
    auto group = groups ? find_group(*groups) : std::nullopt;
    if (!family || !group) return std::nullopt;
    return acpi_event_source{*family, *group};
}

bool is_acpi_event(std::string_view datagram, std::uint16_t family) { return event_in(datagram, family).has_value(); }

bool is_power_button_event(std::string_view datagram, std::uint16_t family) {
    auto event = event_in(datagram, family);
    return event && text_of(event->substr(0, class_size)) == "button/power";
}

}  // namespace vminit::system
