// SPDX-License-Identifier: Apache-2.0
#include "vminit/devices/uevent.hpp"
#include "fuzz/input.hpp"

using namespace vminit;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto event = devices::parse_uevent(test::as_text(data, size));
    if (!event) return 0;
    test::require(size <= devices::max_uevent_size, "an overlong message is refused");
    test::require(event->properties.size() <= size, "no more properties than bytes");
    for (const auto& [key, value] : event->properties) {
        test::require(key.find('=') == std::string::npos && value.size() < size, "a property is cut at its first =");
    }
    return 0;
}
