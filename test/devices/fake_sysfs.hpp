// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "support/temporary_directory.hpp"
#include "vminit/devices/device_service.hpp"

namespace vminit::test {

/// A /sys and a /dev with the disks a test puts there.
class fake_sysfs {
public:
    fake_sysfs() {
        std::filesystem::create_directories(root_.path("sys/block"));
        std::filesystem::create_directories(root_.path("dev"));
    }

    devices::device_config config() const {
        devices::device_config settings;
        settings.sysfs = root_.path("sys");
        settings.dev = root_.path("dev");
        return settings;
    }

    std::string node(const std::string& name) const { return root_.path("dev/" + name); }

    void add_disk(const std::string& name, const std::string& serial = {}) {
        auto directory = root_.path("sys/block/" + name);
        std::filesystem::create_directories(directory + "/queue");
        if (!serial.empty()) write(directory + "/serial", serial);
    }
    void add_partition(const std::string& disk, const std::string& name, int number) {
        auto directory = root_.path("sys/block/" + disk + "/" + name);
        std::filesystem::create_directories(directory);
        write(directory + "/partition", std::to_string(number) + "\n");
    }
    /// Size in sectors of 512 bytes; `name` is `vda`, or `vda/vda1`.
    void set_size(const std::string& name, const std::string& sectors, bool is_read_only = false) {
        write(root_.path("sys/block/" + name + "/size"), sectors + "\n");
        write(root_.path("sys/block/" + name + "/ro"), is_read_only ? "1\n" : "0\n");
    }
    void add_link(const std::string& name, int index, const std::string& address = "00:00:00:00:00:00") {
        auto directory = root_.path("sys/class/net/" + name);
        std::filesystem::create_directories(directory);
        write(directory + "/ifindex", std::to_string(index) + "\n");
        write(directory + "/address", address + "\n");
    }
    void remove_link(const std::string& name) { std::filesystem::remove_all(root_.path("sys/class/net/" + name)); }
    void add_node(const std::string& name) { write(node(name), ""); }

private:
    static void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

    temporary_directory root_;
};

}  // namespace vminit::test
