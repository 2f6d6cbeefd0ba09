// SPDX-License-Identifier: Apache-2.0
#include "shim_config.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::shim {

namespace json = boost::json;

namespace {

result<void> take_text(std::string& into, const json::value& value) {
    if (!value.is_string()) return error(errc::invalid_argument, "a string is expected");
    into = std::string(value.get_string());
    return {};
}

result<void> take_switch(bool& into, const json::value& value) {
    if (!value.is_bool()) return error(errc::invalid_argument, "true or false is expected");
    into = value.get_bool();
    return {};
}

template <class Number>
result<void> take_number(Number& into, const json::value& value, Number smallest, Number largest) {
    error_code failure;
    auto number = value.to_number<std::uint64_t>(failure);
    if (failure || number < smallest || number > largest) {
        return error(errc::invalid_argument, fmt::format("a number from {} to {} is expected", smallest, largest));
    }
    into = static_cast<Number>(number);
    return {};
}

result<void> take_accelerator(vmm::accelerator& into, const json::value& value) {
    std::string_view word = value.is_string() ? std::string_view(value.get_string()) : std::string_view();
    if (word == "auto")
        into = vmm::accelerator::automatic;
    else if (word == "kvm")
        into = vmm::accelerator::kvm;
    else if (word == "tcg")
        into = vmm::accelerator::tcg;
    else
        return error(errc::invalid_argument, "auto, kvm or tcg is expected");
    return {};
}

result<void> take_rootfs(rootfs_choice& into, const json::value& value) {
    std::string_view word = value.is_string() ? std::string_view(value.get_string()) : std::string_view();
    if (word == "image")
        into = rootfs_choice::image;
    else if (word == "virtiofs")
        into = rootfs_choice::virtiofs;
    else
        return error(errc::invalid_argument, "image or virtiofs is expected");
    return {};
}

result<void> take_network(network_mode& into, const json::value& value) {
    auto mode = parse_network_mode(value.is_string() ? std::string_view(value.get_string()) : std::string_view());
    if (!mode) return mode.error();
    into = *mode;
    return {};
}

result<void> take(shim_config& config, std::string_view name, const json::value& value) {
    if (name == "kernel") return take_text(config.kernel, value);
    if (name == "initrd") return take_text(config.initrd, value);
    if (name == "qemu") return take_text(config.qemu, value);
    if (name == "vsock_device") return take_text(config.vsock_device, value);
    if (name == "mkfs_erofs") return take_text(config.mkfs_erofs, value);
    if (name == "virtiofsd") return take_text(config.virtiofsd, value);
    if (name == "rootfs") return take_rootfs(config.rootfs, value);
    if (name == "state") return take_text(config.state, value);
    if (name == "kernel_words") return take_text(config.kernel_words, value);
    if (name == "accelerator") return take_accelerator(config.accel, value);
    if (name == "network") return take_network(config.network, value);
    if (name == "cpus") return take_number<unsigned>(config.cpus, value, 1, 255);
    if (name == "memory_mib") return take_number<std::uint64_t>(config.memory_mib, value, 64, 1 << 20);
    if (name == "max_cpus") return take_number<unsigned>(config.max_cpus, value, 0, 255);
    if (name == "max_memory_mib") return take_number<std::uint64_t>(config.max_memory_mib, value, 0, 1 << 20);
    if (name == "scratch_mib") return take_number<unsigned>(config.scratch_mib, value, 0, 1 << 20);
    if (name == "boot_seconds") return take_number<unsigned>(config.boot_seconds, value, 1, 3600);
    if (name == "host_cgroup") return take_switch(config.has_host_cgroup, value);
    if (name == "host_memory_overhead_mib")
        return take_number<unsigned>(config.host_memory_overhead_mib, value, 0, 1 << 20);
    return error(errc::invalid_argument, "there is no such setting");
}

}  // namespace

result<shim_config> parse_config(std::string_view text) {
    error_code failure;
    auto document = json::parse(json::string_view(text.data(), text.size()), failure);
    if (failure || !document.is_object()) return error(errc::invalid_argument, "not a JSON object");
    shim_config config;
    for (const auto& [name, value] : document.get_object()) {
        auto taken = take(config, std::string_view(name.data(), name.size()), value);
        if (!taken) return taken.error().within("\"" + std::string(name) + "\"");
    }
    return config;
}

result<shim_config> read_config(const std::string& path) {
    auto text = read_file(path);
    if (!text && syscalls::is_errno(text.error(), ENOENT)) return shim_config();
    if (!text) return text.error();
    auto config = parse_config(*text);
    if (!config) return config.error().within(path);
    return config;
}

}  // namespace vminit::shim
