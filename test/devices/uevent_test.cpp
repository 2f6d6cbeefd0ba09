// SPDX-License-Identifier: Apache-2.0
#include "vminit/devices/uevent.hpp"

#include <catch2/catch.hpp>

using namespace vminit::devices;
using namespace std::string_literals;

namespace {
const std::string added =
    "add@/devices/pci0000:00/virtio0/block/vda\0"
    "ACTION=add\0"
    "DEVPATH=/devices/pci0000:00/virtio0/block/vda\0"
    "SUBSYSTEM=block\0"
    "DEVNAME=vda\0"
    "DEVTYPE=disk\0"
    "SEQNUM=1202\0"s;
}

TEST_CASE("a kernel uevent is taken apart", "[uevent]") {
    auto event = parse_uevent(added);
    REQUIRE(event);
    CHECK(event->action == "add");
    CHECK(event->devpath == "/devices/pci0000:00/virtio0/block/vda");
    CHECK(event->subsystem == "block");
    CHECK(event->property("DEVNAME") == "vda");
    CHECK(event->property("NOTHING").empty());
    CHECK(event->properties.size() == 6);
}

TEST_CASE("the last text may lack its zero, and values may hold =", "[uevent]") {
    auto event = parse_uevent("add@/x\0ACTION=add\0DEVPATH=/x\0MODALIAS=of:N=a"s);
    REQUIRE(event);
    CHECK(event->property("MODALIAS") == "of:N=a");
}

TEST_CASE("what the kernel did not write is no uevent", "[uevent]") {
    auto message = GENERATE(as<std::string>{}, ""s, "\0"s, "libudev\0\xfe\xed\xca\xfe"s, "@/x\0ACTION=\0DEVPATH=/x\0"s,
                            "add\0"s, "add@\0ACTION=add\0DEVPATH=\0"s, "add@x\0ACTION=add\0DEVPATH=x\0"s,
                            "add@/x\0ACTION=remove\0DEVPATH=/x\0"s, "add@/x\0ACTION=add\0DEVPATH=/y\0"s,
                            "add@/x\0DEVPATH=/x\0"s, "add@/x\0ACTION=add\0DEVPATH=/x\0novalue\0"s,
                            "add@/x\0ACTION=add\0DEVPATH=/x\0=v\0"s, "add@/x\0ACTION=add\0DEVPATH=/x\0\0"s);
    CAPTURE(message);
    CHECK_FALSE(parse_uevent(message));
}

TEST_CASE("an overlong message is refused unread", "[uevent]") {
    std::string message = added + "X=";
    message.append(max_uevent_size - message.size(), 'x');
    CHECK(parse_uevent(message));
    message.push_back('x');
    CHECK_FALSE(parse_uevent(message));
}
