// SPDX-License-Identifier: Apache-2.0
#include "system/acpi_event.hpp"
#include "fuzz/input.hpp"

using namespace vminit;

// The answer about the family, and a datagram that comes later, cut where the first two bytes say.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto rest = test::as_text(data, size);
    std::size_t length = test::take_byte(rest);
    length += std::size_t{test::take_byte(rest)} << 8;
    auto answer = rest.substr(0, length);
    auto event = rest.substr(answer.size());
    auto source = system::parse_acpi_family(answer);
    if (source) test::require(answer.find("acpi_mc_group") != answer.npos, "the group is the one of ACPI events");
    auto family = source ? source->family : std::uint16_t{24};
    bool is_button = system::is_power_button_event(event, family);
    if (!is_button) return 0;
    test::require(system::is_acpi_event(event, family), "a power button's event is an event");
    test::require(event.find("button/power") != event.npos, "a power button's event names it");
    test::require(!system::is_acpi_event(event, static_cast<std::uint16_t>(family + 1)), "an event is of one family");
    return 0;
}
