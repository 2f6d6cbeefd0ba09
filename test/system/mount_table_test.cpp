// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/mount_table.hpp"

#include <sys/sysmacros.h>

#include <catch2/catch.hpp>

using namespace vminit::system;

TEST_CASE("octal escapes of a mount table are decoded, and nothing else is", "[mount_table]") {
    CHECK(decode_octal_escapes("/a\\040b\\011c\\012d\\134e") == "/a b\tc\nd\\e");
    CHECK(decode_octal_escapes("\\04") == "\\04");
    CHECK(decode_octal_escapes("\\08x") == "\\08x");
    CHECK(decode_octal_escapes("\\777") == "\\777");
    CHECK(decode_octal_escapes("tail\\") == "tail\\");
    CHECK(decode_octal_escapes("") == "");
}

TEST_CASE("mountinfo lines are parsed with any number of optional fields", "[mount_table]") {
    auto table = parse_mount_table(
        "36 35 98:1 /sub /mnt\\0402 rw,noatime - ext4 /dev/vda rw,errors=continue\n"
        "37 36 0:25 / /run rw shared:3 master:1 - tmpfs tmpfs ro,size=4k\n");
    REQUIRE(table.size() == 2);
    CHECK(table[0].id == 36);
    CHECK(table[0].parent == 35);
    CHECK(table[0].device == makedev(98, 1));
    CHECK(table[0].root == "/sub");
    CHECK(table[0].mount_point == "/mnt 2");
    CHECK(table[0].options == "rw,noatime");
    CHECK(table[0].type == "ext4");
    CHECK(table[0].source == "/dev/vda");
    CHECK(table[0].super_options == "rw,errors=continue");
    CHECK(table[1].mount_point == "/run");
    CHECK(table[1].has_option("ro"));
    CHECK(table[0].has_option("noatime"));
    CHECK_FALSE(table[0].has_option("atime"));
    CHECK_FALSE(table[0].has_option("r"));
}

TEST_CASE("a line that does not follow the format hides no other", "[mount_table]") {
    auto table = parse_mount_table(
        "\n"
        "x 35 98:0 / /a rw - ext4 /dev/vda rw\n"
        "36 35 98 / /b rw - ext4 /dev/vda rw\n"
        "36 35 98:0 / /c rw ext4 /dev/vda rw\n"
        "36 35 98:0 / /d rw -\n"
        "36 35 98:0 / /e rw - ext4 /dev/vda rw");
    REQUIRE(table.size() == 1);
    CHECK(table[0].mount_point == "/e");
}

TEST_CASE("beneath means by whole path components", "[mount_table]") {
    CHECK(is_beneath("/a/b", "/a/b"));
    CHECK(is_beneath("/a/b/c", "/a/b"));
    CHECK(is_beneath("/a", "/"));
    CHECK_FALSE(is_beneath("/a/bc", "/a/b"));
    CHECK_FALSE(is_beneath("/a", "/a/b"));
}

TEST_CASE("our own mount table is readable and has a root", "[mount_table]") {
    auto table = read_mount_table();
    REQUIRE(table);
    bool has_root = false;
    for (const auto& mount : *table) has_root = has_root || mount.mount_point == "/";
    CHECK(has_root);
    CHECK_FALSE(read_mount_table("/nonexistent/mountinfo"));
}
