// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>
#include <vector>

#include "fuzz/input.hpp"
#include "runc/mount_directory.hpp"
#include "runc/mount_template.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/system/mount_options.hpp"

using namespace vminit;

namespace {

void read_options(const std::vector<std::string>& options) {
    auto parsed = system::parse_mount_options(options);
    for (std::size_t page : {std::size_t{600}, std::size_t{4096}}) {
        auto compacted = system::compact_overlay_options(parsed.data, page);
        test::require(!compacted.working_directory.empty() || compacted.data == parsed.data,
                      "nothing gained, unchanged");
    }
}

}  // namespace

// One entry of a rootfs, as lines: type, source, target, options. Templates name two mounts that are there already.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const test::temporary_directory scratch;
    static const std::string base = scratch.path("mounts");
    auto text = test::as_text(data, size);
    system::mount_entry entry;
    entry.type = test::take_until(text, '\n');
    entry.source = test::take_until(text, '\n');
    entry.target = test::take_until(text, '\n');
    while (!text.empty()) entry.options.emplace_back(test::take_until(text, '\n'));
    for (auto& option : entry.options) {
        // The place is not known beforehand; `@` stands for it.
        for (auto at = option.find('@'); at != std::string::npos; at = option.find('@', at + base.size())) {
            option.replace(at, 1, base);
        }
    }
    read_options(entry.options);

    std::vector<runc::active_mount> active(2);
    active[0] = {"/dev/vda", "", base + "/0"};
    active[1] = {"/dev/vdb", "sub", base + "/1/sub"};
    auto formatted = runc::format_entry(std::move(entry), active);
    if (!formatted) return 0;
    auto directories = runc::take_directories(*formatted, base);
    if (!directories) return 0;
    std::filesystem::create_directory(base);
    std::filesystem::create_directory_symlink("..", base + "/away");
    for (const auto& request : *directories) {
        auto path = "/" + request.path + "/";
        test::require(path.find("/../") == std::string::npos, "a directory lies beneath the base");
        runc::make_directory_beneath(base, request);
    }
    test::require(scratch.entries() == std::vector<std::string>{"mounts"}, "nothing is made elsewhere");
    std::filesystem::remove_all(base);
    return 0;
}
