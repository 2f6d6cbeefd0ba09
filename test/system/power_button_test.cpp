// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/power_button.hpp"

#include <linux/genetlink.h>
#include <linux/input.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>

#include "support/io_fixture.hpp"
#include "system/acpi_event.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using namespace vminit::system;

namespace {

template <class Value>
void append(std::string& bytes, const Value& value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string attribute(std::uint16_t type, const std::string& value) {
    nlattr header{static_cast<std::uint16_t>(NLA_HDRLEN + value.size()), type};
    std::string bytes;
    append(bytes, header);
    bytes += value;
    bytes.resize(NLA_ALIGN(bytes.size()));
    return bytes;
}

template <class Number>
std::string number(Number value) {
    std::string bytes;
    append(bytes, value);
    return bytes;
}

std::string message(std::uint16_t type, const std::string& attributes) {
    nlmsghdr header{};
    header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_HDRLEN + GENL_HDRLEN + attributes.size());
    header.nlmsg_type = type;
    std::string bytes;
    append(bytes, header);
    append(bytes, genlmsghdr{1, 1, 0});
    return bytes + attributes;
}

std::string family_answer() {
    auto other = attribute(1, attribute(CTRL_ATTR_MCAST_GRP_NAME, std::string("other\0", 6)) +
                                  attribute(CTRL_ATTR_MCAST_GRP_ID, number(std::uint32_t{3})));
    auto wanted = attribute(2, attribute(CTRL_ATTR_MCAST_GRP_NAME, std::string("acpi_mc_group\0", 14)) +
                                   attribute(CTRL_ATTR_MCAST_GRP_ID, number(std::uint32_t{9})));
    return message(GENL_ID_CTRL, attribute(CTRL_ATTR_FAMILY_NAME, std::string("acpi_event\0", 11)) +
                                     attribute(CTRL_ATTR_FAMILY_ID, number(std::uint16_t{23})) +
                                     attribute(CTRL_ATTR_MCAST_GROUPS | NLA_F_NESTED, other + wanted));
}

std::string event(const std::string& device_class) {
    std::string body = device_class;
    body.resize(20);
    body += std::string("LNXPWRBN:00").append(std::string(5, '\0'));
    append(body, std::uint32_t{0x80});
    append(body, std::uint32_t{1});
    return message(23, attribute(1, body));
}

struct button_fixture : test::io_fixture {
    power_button button{ctx, [this](std::string how) { presses.push_back(std::move(how)); }};
    std::vector<std::string> presses;
};

using words = std::vector<std::string>;

}  // namespace

TEST_CASE("where ACPI events come from is read from the kernel's answer", "[power]") {
    auto answer = family_answer();
    auto source = parse_acpi_family(answer);
    REQUIRE(source);
    CHECK(source->family == 23);
    CHECK(source->group == 9);
    for (std::size_t size = 0; size < answer.size(); ++size) {
        CHECK_FALSE(parse_acpi_family(std::string_view(answer).substr(0, size)));
    }
    // Lengths that reach beyond their end, or nowhere.
    for (std::size_t at = 0; at < answer.size(); ++at) {
        for (char value : {'\0', '\1', '\xff'}) {
            auto broken = answer;
            broken[at] = value;
            (void)parse_acpi_family(broken);
            (void)is_power_button_event(broken, 23);
        }
    }
}

TEST_CASE("the power button's event is told from others", "[power]") {
    CHECK(is_power_button_event(event("button/power"), 23));
    CHECK_FALSE(is_power_button_event(event("button/power"), 24));
    CHECK_FALSE(is_power_button_event(event("button/sleep"), 23));
    CHECK(is_acpi_event(event("button/sleep"), 23));
    auto whole = event("button/power");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CHECK_FALSE(is_acpi_event(std::string_view(whole).substr(0, size), 23));
    }
}

TEST_CASE("the request asks the kernel for the family by its name", "[power]") {
    auto request = acpi_family_request();
    nlmsghdr header{};
    std::memcpy(&header, request.data(), sizeof header);
    CHECK(header.nlmsg_len == request.size());
    CHECK(header.nlmsg_type == GENL_ID_CTRL);
    CHECK(request.find(std::string("acpi_event\0", 11)) != std::string::npos);
}

TEST_CASE_METHOD(button_fixture, "an event that is not the kernel's presses nothing", "[power]") {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    unique_fd ours(ends[0]);
    task_group tasks(ex(), log());
    tasks.spawn("button", button.listen_to_acpi(unique_fd(ends[1]), 23));
    auto forged = event("button/power");
    for (int i = 0; i < 3; ++i) REQUIRE(::send(ours.get(), forged.data(), forged.size(), 0) > 0);
    pump([&] { return button.malformed() == 3; });
    CHECK(presses.empty());
    CHECK(std::count_if(lines.begin(), lines.end(), [](const auto& line) {
              return line.find("ACPI event not understood") != std::string::npos;
          }) == 1);
    tasks.stop();
    run(tasks.join());
}

TEST_CASE_METHOD(button_fixture, "a power key counts when it goes down, other keys do not", "[power]") {
    auto pipe = syscalls::pipe().value();
    task_group tasks(ex(), log());
    tasks.spawn("key", button.listen_to_key(std::move(pipe.read_end)));
    auto press = [&](int type, int code, int value) {
        struct input_event one{};
        one.type = static_cast<std::uint16_t>(type);
        one.code = static_cast<std::uint16_t>(code);
        one.value = value;
        REQUIRE(::write(pipe.write_end.get(), &one, sizeof one) == sizeof one);
    };
    press(EV_KEY, KEY_A, 1);
    press(EV_KEY, KEY_POWER, 0);
    press(EV_REL, KEY_POWER, 1);
    poll();
    CHECK(presses.empty());
    press(EV_KEY, KEY_POWER, 1);
    pump([&] { return !presses.empty(); });
    CHECK(presses == words{"power key"});
    pipe.write_end.reset();
    run(tasks.join());
}

TEST_CASE_METHOD(button_fixture, "without input devices nothing is listened to", "[power]") {
    run(button.listen_to_keys("/no/such/directory"));
    CHECK(presses.empty());
}
