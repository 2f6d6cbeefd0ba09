// SPDX-License-Identifier: Apache-2.0
#include "vm/vm_request.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <random>
#include <sstream>

#include "vm/vm_directory.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/reaper/spawn.hpp"

namespace vminit::vminitctl {

namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20;
constexpr std::uint32_t first_cid = 1000;  // lower ones are what people take by hand

// QEMU's user network has no DHCP that the kernel or vminitd need: its addresses are always these.
constexpr auto user_network = "ip=10.0.2.15::10.0.2.2:255.255.255.0::eth0:none:10.0.2.3";

std::uint32_t random_number(std::uint32_t smallest, std::uint32_t largest) {
    std::random_device source;
    return std::uniform_int_distribution<std::uint32_t>(smallest, largest)(source);
}

std::string random_mac() {
    auto number = random_number(0, 0xffffff);
    return fmt::format("52:54:00:{:02x}:{:02x}:{:02x}", number >> 16, number >> 8 & 0xff, number & 0xff);
}

std::vector<std::string> words_of(const std::vector<std::string>& texts) {
    std::vector<std::string> words;
    for (const auto& text : texts) {
        std::istringstream stream(text);
        for (std::string word; stream >> word;) words.push_back(word);
    }
    return words;
}

bool has_kernel_vsock() { return static_cast<bool>(syscalls::open("/dev/vhost-vsock", O_RDWR)); }

std::string or_else(const std::string& wanted, const std::string& usual) { return wanted.empty() ? usual : wanted; }

result<std::string> file_for(const std::string& wanted, const std::string& usual, std::string_view option) {
    auto path = or_else(wanted, usual);
    std::error_code failure;
    auto absolute = std::filesystem::absolute(path, failure).string();
    if (!failure && std::filesystem::is_regular_file(absolute, failure)) return absolute;
    return error(errc::not_found, fmt::format("{} (--{} names another)", path, option));
}

result<std::string> vsock_device_for(const std::string& wanted, const std::string& usual) {
    auto device = or_else(wanted, usual);
    if (device == "kernel") return std::string();
    if (!device.empty()) return reaper::find_program(device);
    if (has_kernel_vsock()) return std::string();
    auto found = reaper::find_program("vhost-device-vsock");
    if (found) return found;
    return error(errc::not_found,
                 "vsock: /dev/vhost-vsock does not open and there is no vhost-device-vsock (--vsock-device names one)");
}

result<std::string> virtiofsd_for(const std::string& wanted, const std::string& usual) {
    auto program = or_else(wanted, usual);
    if (!program.empty()) return reaper::find_program(program);
    for (const auto* place : {"/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd", "virtiofsd"}) {
        if (auto found = reaper::find_program(place); found && ::access(found->c_str(), X_OK) == 0) return found;
    }
    return error(errc::not_found, "shares: there is no virtiofsd (--virtiofsd names one)");
}

std::optional<vmm::disk_access> access_word(std::string_view word) {
    if (word == "ro") return vmm::disk_access::read_only;
    if (word == "rw") return vmm::disk_access::read_write;
    if (word == "snapshot") return vmm::disk_access::snapshot;
    return std::nullopt;
}

bool says_network(const std::vector<std::string>& words) {
    for (const auto& word : words) {
        if (word.starts_with("ip=") || word.starts_with("vminit.net=")) return true;
    }
    return false;
}

void add_words(vmm::vm_plan& plan, const vm_request& request) {
    plan.kernel_words = words_of(request.kernel_words);
    bool is_user = !plan.cards.empty() && plan.cards.front().tap.empty();
    if (is_user && !says_network(plan.kernel_words)) plan.kernel_words.emplace_back(user_network);
    // So that a guest which hangs can be asked what it is at, with the keyboard that only the host has.
    plan.kernel_words.emplace_back("sysrq_always_enabled");
    plan.init_arguments = words_of(request.init_arguments);
    plan.vmm_arguments = words_of(request.vmm_words);
}

result<void> check_disks(const vm_request& request) {
    for (const auto& each : request.disks) {
        if (::access(each.file.c_str(), R_OK) != 0) return error(errc::not_found, "disk " + each.file);
    }
    for (const auto& each : request.shares) {
        std::error_code failure;
        if (!std::filesystem::is_directory(each.directory, failure))
            return error(errc::not_found, "shared directory " + each.directory);
    }
    return {};
}

}  // namespace

clock::duration vm_request::boot_limit() const {
    return std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(limit));
}

result<vmm::disk> parse_disk(std::string_view text) {
    auto named = text;
    auto access = access_word(text.substr(text.rfind(':') + 1));
    if (access) named = text.substr(0, text.rfind(':'));
    auto split = named.rfind(':');
    if (split == std::string_view::npos || split == 0 || split + 1 == named.size())
        return error(errc::invalid_argument, fmt::format("disk {}: FILE:SERIAL[:ro|:rw|:snapshot]", text));
    std::string file(named.substr(0, split));
    bool is_image = file.ends_with(".erofs") || file.ends_with(".squashfs");
    auto usual = is_image ? vmm::disk_access::read_only : vmm::disk_access::read_write;
    std::error_code failure;
    return vmm::disk(std::filesystem::absolute(file, failure).string(), std::string(named.substr(split + 1)),
                     access.value_or(usual));
}

result<vmm::share> parse_share(std::string_view text) {
    auto split = text.rfind(':');
    if (split == std::string_view::npos || split == 0 || split + 1 == text.size())
        return error(errc::invalid_argument, fmt::format("share {}: DIR:TAG", text));
    std::error_code failure;
    auto directory = std::filesystem::absolute(std::string(text.substr(0, split)), failure).lexically_normal().string();
    return vmm::share(std::move(directory), std::string(text.substr(split + 1)));
}

result<vmm::network_card> parse_card(std::string_view text) {
    auto kind = text.substr(0, text.find(':'));
    auto rest = kind.size() == text.size() ? std::string_view() : text.substr(kind.size() + 1);
    std::string tap;
    if (kind == "tap") {
        tap = std::string(rest.substr(0, rest.find(':')));
        rest = tap.size() == rest.size() ? std::string_view() : rest.substr(tap.size() + 1);
    }
    bool is_known = kind == "user" || (kind == "tap" && !tap.empty());
    if (!is_known) return error(errc::invalid_argument, fmt::format("network {}: user or tap:NAME, each [:MAC]", text));
    return vmm::network_card(std::move(tap), rest.empty() ? random_mac() : std::string(rest), 0);
}

result<vmm::machine_type> parse_machine(std::string_view text) {
    if (text == "q35") return vmm::machine_type::q35;
    if (text == "microvm") return vmm::machine_type::microvm_acpi;
    if (text == "microvm-bare") return vmm::machine_type::microvm;
    if (text == "virt") return vmm::machine_type::virt;
    return error(errc::invalid_argument, fmt::format("machine {}: q35, microvm, microvm-bare or virt", text));
}

result<vmm::accelerator> parse_accelerator(std::string_view text) {
    if (text == "auto") return vmm::accelerator::automatic;
    if (text == "kvm") return vmm::accelerator::kvm;
    if (text == "tcg") return vmm::accelerator::tcg;
    return error(errc::invalid_argument, fmt::format("accelerator {}: auto, kvm or tcg", text));
}

result<vmm::vm_plan> plan_of(const vm_request& request, const vm_settings& settings, const std::string& directory) {
    vmm::vm_plan plan;
    plan.directory = directory;
    auto kernel = file_for(request.kernel, settings.kernel, "kernel");
    if (!kernel) return kernel.error().within("kernel");
    auto initrd = file_for(request.initrd, settings.initrd, "initrd");
    if (!initrd) return initrd.error().within("initrd");
    auto device = vsock_device_for(request.vsock_device, settings.vsock_device);
    if (!device) return device.error();
    if (auto there = check_disks(request); !there) return there.error();
    if (!request.shares.empty()) {
        auto program = virtiofsd_for(request.virtiofsd, settings.virtiofsd);
        if (!program) return program.error();
        plan.virtiofsd = std::move(*program);
    }
    plan.kernel = std::move(*kernel);
    plan.initrd = std::move(*initrd);
    plan.vsock_device = std::move(*device);
    plan.qemu = or_else(request.qemu, settings.qemu);
    plan.machine = request.machine;
    plan.accel = request.accel;
    plan.cpus = request.cpus;
    plan.memory_mib = request.memory / mib;
    plan.most = {request.most_cpus, request.most_memory / mib};
    plan.disks = request.disks;
    plan.shares = request.shares;
    plan.cards = request.cards;
    plan.console_log = directory + "/" + std::string(console_file);
    plan.control_socket = directory + "/qmp.sock";
    plan.guest_cid = random_number(first_cid, 0x7fffffff);
    plan.rpc_port = request.rpc_port;
    plan.stream_port = request.rpc_port + 1;
    add_words(plan, request);
    return plan;
}

}  // namespace vminit::vminitctl
