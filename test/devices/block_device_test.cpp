// SPDX-License-Identifier: Apache-2.0
#include "vminit/devices/block_device.hpp"

#include <catch2/catch.hpp>

#include "fake_sysfs.hpp"

using namespace vminit;
using namespace vminit::devices;

TEST_CASE("disks and partitions are read from sysfs in order of name", "[block]") {
    test::fake_sysfs system;
    system.add_disk("vdb", "  root disk \n");
    system.add_disk("vda");
    system.add_partition("vdb", "vdb2", 2);
    system.add_partition("vdb", "vdb1", 1);
    auto devices = read_block_devices(system.config().sysfs);
    REQUIRE(devices);
    REQUIRE(devices->size() == 4);
    CHECK(devices->at(0).name == "vda");
    CHECK(devices->at(0).serial.empty());
    CHECK(devices->at(1).name == "vdb");
    CHECK(devices->at(1).serial == "root disk");
    CHECK(devices->at(1).partition == 0);
    CHECK(devices->at(2).name == "vdb1");
    CHECK(devices->at(2).disk == "vdb");
    CHECK(devices->at(2).partition == 1);
    CHECK(devices->at(2).serial == "root disk");
    CHECK(devices->at(3).partition == 2);
}

TEST_CASE("sizes are in bytes, whatever the sysfs attribute holds", "[block]") {
    test::fake_sysfs system;
    system.add_disk("vda");
    system.add_partition("vda", "vda1", 1);
    system.set_size("vda", "2097152", true);
    system.set_size("vda/vda1", "8");
    system.add_disk("vdb");
    system.set_size("vdb", "-1");
    system.add_disk("vdc");
    system.set_size("vdc", "18446744073709551615");
    auto devices = read_block_devices(system.config().sysfs);
    REQUIRE(devices);
    REQUIRE(devices->size() == 4);
    CHECK(devices->at(0).size == 1073741824);
    CHECK(devices->at(0).is_read_only);
    CHECK(devices->at(1).size == 4096);
    CHECK_FALSE(devices->at(1).is_read_only);
    CHECK(devices->at(2).size == 0);
    CHECK(devices->at(3).size == 18446744073709551104u);
}

TEST_CASE("without a block layer there are no disks", "[block]") {
    test::temporary_directory empty;
    auto devices = read_block_devices(empty.path());
    REQUIRE(devices);
    CHECK(devices->empty());
}

TEST_CASE("a disk is found by its serial, the first by name of several", "[block]") {
    test::fake_sysfs system;
    system.add_disk("vdc", "root\n");
    system.add_disk("vdb", " root ");
    system.add_disk("vda");
    auto sysfs = system.config().sysfs;
    auto found = [&](std::string_view serial) { return find_disk(serial, sysfs).value().value_or("none"); };
    CHECK(found("root") == "vdb");
    CHECK(found("roo") == "none");
    CHECK(found("") == "none");
    CHECK(find_disk("root", "/nowhere").value() == std::nullopt);
}

TEST_CASE("a disk or a partition is there by its name", "[block]") {
    test::fake_sysfs system;
    system.add_disk("vda");
    system.add_partition("vda", "vda1", 1);
    auto sysfs = system.config().sysfs;
    auto is_there = [&](std::string_view name) { return has_block_device(name, sysfs).value(); };
    CHECK(is_there("vda"));
    CHECK(is_there("vda1"));
    CHECK_FALSE(is_there("vda2"));
    CHECK_FALSE(is_there("vd"));
    CHECK_FALSE(is_there("vda/vda1"));
    CHECK_FALSE(has_block_device("vda", "/nowhere").value());
}

TEST_CASE("virtio disks are named as the kernel names them", "[block]") {
    CHECK(virtio_disk_name(0) == "vda");
    CHECK(virtio_disk_name(25) == "vdz");
    CHECK(virtio_disk_name(26) == "vdaa");
    CHECK(virtio_disk_name(51) == "vdaz");
    CHECK(virtio_disk_name(52) == "vdba");
    CHECK(virtio_disk_name(701) == "vdzz");
    CHECK(virtio_disk_name(702) == "vdaaa");
}
