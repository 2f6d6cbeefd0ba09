// SPDX-License-Identifier: Apache-2.0
#include "runc/mount_template.hpp"

#include <catch2/catch.hpp>
#include <vector>

using namespace vminit;
using namespace vminit::runc;

namespace {

const std::vector<active_mount> active = {
    {"/dev/vdb", "", "/b/mounts/0"}, {"/dev/vdc", "sub", "/b/mounts/1"}, {"/dev/vdd", "", "/b/mounts/2"}};

}  // namespace

TEST_CASE("templates name what is mounted already", "[runc]") {
    auto [text, expected] = GENERATE(
        table<std::string, std::string>({{"", ""},
                                         {"plain }} text", "plain }} text"},
                                         {"{{ source 0 }}", "/dev/vdb"},
                                         {"{{source 1}}", "/dev/vdc"},
                                         {"{{\ttarget   1\n}}", "sub"},
                                         {"upperdir={{ mount 2 }}/upper", "upperdir=/b/mounts/2/upper"},
                                         {"lowerdir={{ overlay 0 2 }}", "lowerdir=/b/mounts/0:/b/mounts/1:/b/mounts/2"},
                                         {"lowerdir={{ overlay 1 0 }}", "lowerdir=/b/mounts/1:/b/mounts/0"},
                                         {"{{ overlay 1 1 }}", "/b/mounts/1"},
                                         {"{{ mount 0 }}-{{ mount 1 }}", "/b/mounts/0-/b/mounts/1"}}));
    CHECK(expand_templates(text, active).value() == expected);
}

TEST_CASE("templates that cannot be expanded say why", "[runc]") {
    auto [text, expected] = GENERATE(table<std::string, std::string>(
        {{"{{ mount 3 }}", "mount pattern: index out of bounds: 3, has 3 active mounts"},
         {"{{ source 99999999999999999999 }}",
          "source pattern: index out of bounds: 99999999999999999999, has 3 active mounts"},
         {"x{{ target 7 }}", "target pattern: index out of bounds: 7, has 3 active mounts"},
         {"{{ overlay 0 3 }}", "overlay pattern: invalid range: 0-3, has 3 active mounts"},
         {"{{ overlay 5 1 }}", "overlay pattern: invalid range: 5-1, has 3 active mounts"},
         {"{{ other 0 }}", "unsupported format pattern in \"{{ other 0 }}\""},
         {"{{ mount }}", "unsupported format pattern in \"{{ mount }}\""},
         {"{{ mount -1 }}", "unsupported format pattern in \"{{ mount -1 }}\""},
         {"{{ mount 0 1 }}", "unsupported format pattern in \"{{ mount 0 1 }}\""},
         {"{{ overlay 0 }}", "unsupported format pattern in \"{{ overlay 0 }}\""},
         {"{{ mount 0", "unsupported format pattern in \"{{ mount 0\""},
         {"{{}}", "unsupported format pattern in \"{{}}\""}}));
    auto refused = expand_templates(text, active);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message() == expected);
}

TEST_CASE("only entries that ask for it are expanded", "[runc]") {
    system::mount_entry plain("overlay", "{{ source 0 }}", "", {"lowerdir={{ mount 0 }}"});
    CHECK(format_entry(plain, active).value() == plain);
    system::mount_entry other_order("mkdir/format/overlay", "{{ source 0 }}", "", {});
    CHECK(format_entry(other_order, active).value() == other_order);
    system::mount_entry asked("format/mkdir/overlay", "{{ source 0 }}", "{{ target 1 }}", {"a={{ mount 0 }}", "ro"});
    CHECK(format_entry(asked, active).value() ==
          system::mount_entry("mkdir/overlay", "/dev/vdb", "sub", {"a=/b/mounts/0", "ro"}));
}

TEST_CASE("an error names the part of the entry", "[runc]") {
    auto [entry, expected] = GENERATE(table<system::mount_entry, std::string>(
        {{{"format/x", "", "", {"o={{ mount 9 }}"}},
          "formatting mount option \"o={{ mount 9 }}\": mount pattern: index out of bounds: 9, has 3 active mounts"},
         {{"format/x", "{{ a }}", "", {}},
          "formatting mount source \"{{ a }}\": unsupported format pattern in \"{{ a }}\""},
         {{"format/x", "", "{{", {}}, "formatting mount target \"{{\": unsupported format pattern in \"{{\""}}));
    auto refused = format_entry(entry, active);
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == error(errc::unknown, expected));
}
