// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "fuzz/input.hpp"
#include "vminit/system/mount_table.hpp"

using namespace vminit;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto text = test::as_text(data, size);
    auto table = system::parse_mount_table(text);
    auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
    test::require(table.size() <= lines, "at most one mount a line");
    for (const auto& mount : table) {
        test::require(mount.mount_point.size() <= size && mount.type.size() <= size, "fields lie in the text");
        mount.has_option("ro");
        system::is_beneath(mount.mount_point, mount.root);
    }
    test::require(system::decode_octal_escapes(text).size() <= size, "escapes only get shorter");
    return 0;
}
