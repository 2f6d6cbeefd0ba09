// SPDX-License-Identifier: Apache-2.0
#include "qemu_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "share_daemon.hpp"

namespace vminit::vmm {

namespace json = boost::json;

namespace {

constexpr std::size_t longest_directory = 90;
constexpr std::size_t longest_serial = 20;  // VIRTIO_BLK_ID_BYTES
constexpr std::size_t longest_tag = 36;     // struct virtio_fs_config
constexpr unsigned most_spare_slots = 16;   // PCIe ports cost guest memory and boot time; more has not been tried
constexpr std::size_t most_disks = 24;      // with the most cards QEMU itself refuses the last of them
constexpr unsigned ports_per_device = 8;    // functions of one PCI device
constexpr unsigned first_port_device = 28;  // below q35's own (31): the lower numbers are for disks
constexpr std::size_t most_cards = 8;       // each takes a PCI slot of the root bus, as do the spare ports
constexpr std::size_t longest_device = 15;  // IFNAMSIZ
constexpr std::uint32_t default_rpc_port = 1024;
constexpr std::uint32_t default_stream_port = 1025;
constexpr std::size_t longest_words = 2047;  // COMMAND_LINE_SIZE of both: the kernel would cut off what is longer

// A comma ends a value in QEMU's option lists; two are one.
std::string escaped(const std::string& value) {
    std::string out;
    for (char byte : value) out.append(byte == ',' ? 2 : 1, byte);
    return out;
}

bool is_mac(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdefABCDEF";
    if (text.size() != 17) return false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (at % 3 == 2 ? text[at] != ':' : digits.find(text[at]) == std::string_view::npos) return false;
    }
    return true;
}

std::vector<std::string> init_words(const vm_plan& plan) {
    std::vector<std::string> words;
    // Said only where they are not vminitd's own: QEMU puts the devices of a microvm without ACPI behind all of it,
    // where the kernel would not look for them.
    if (plan.rpc_port != default_rpc_port) words.push_back(fmt::format("-vsock-rpc-port={}", plan.rpc_port));
    if (plan.stream_port != default_stream_port)
        words.push_back(fmt::format("-vsock-stream-port={}", plan.stream_port));
    words.insert(words.end(), plan.init_arguments.begin(), plan.init_arguments.end());
    return words;
}

result<void> check_cards(const vm_plan& plan) {
    if (plan.cards.size() > most_cards) {
        return error(errc::invalid_argument,
                     fmt::format("{} network cards: at most {}", plan.cards.size(), most_cards));
    }
    for (const auto& card : plan.cards) {
        if (!is_mac(card.mac)) return error(errc::invalid_argument, "network card with address \"" + card.mac + "\"");
        if (card.tap.size() > longest_device) return error(errc::invalid_argument, "network device " + card.tap);
    }
    return {};
}

result<void> check(const vm_plan& plan) {
    if (plan.directory.empty() || plan.directory.size() > longest_directory) {
        return error(errc::invalid_argument,
                     fmt::format("VM directory \"{}\": 1 to {} bytes", plan.directory, longest_directory));
    }
    if (plan.kernel.empty() || plan.initrd.empty())
        return error(errc::invalid_argument, "a VM needs a kernel and an initrd");
    if (plan.guest_cid < 3)
        return error(errc::invalid_argument, fmt::format("guest CID {}: the first is 3", plan.guest_cid));
    if (plan.cpus == 0 || plan.memory_mib == 0)
        return error(errc::invalid_argument, "a VM needs a processor and memory");
    if (plan.spare_disk_slots > most_spare_slots) {
        return error(errc::invalid_argument,
                     fmt::format("{} spare disk slots: at most {}", plan.spare_disk_slots, most_spare_slots));
    }
    for (const auto& each : plan.shares) {
        if (auto fits = check_share(each); !fits) return fits;
    }
    if (plan.disks.size() > most_disks) {
        return error(errc::invalid_argument, fmt::format("{} disks: at most {}", plan.disks.size(), most_disks));
    }
    for (const auto& each : plan.disks) {
        if (!each.serial.empty() && each.serial.size() <= longest_serial) continue;
        return error(errc::invalid_argument,
                     fmt::format("disk serial \"{}\": 1 to {} bytes", each.serial, longest_serial));
    }
    if (plan.machine == machine_type::microvm && !init_words(plan).empty())
        return error(errc::invalid_argument, "a microvm without ACPI takes no arguments of init");
    auto words = kernel_command_line(plan).size();
    if (words > longest_words) {
        return error(errc::invalid_argument,
                     fmt::format("a kernel command line of {} bytes: at most {}", words, longest_words));
    }
    return check_cards(plan);
}

// Else its virtio devices are memory-mapped.
bool has_pci(const vm_plan& plan) { return plan.machine == machine_type::q35 || plan.machine == machine_type::virt; }

// Without ACPI nothing tells the guest.
bool can_grow(const vm_plan& plan) { return plan.machine == machine_type::q35; }

std::string_view program(const vm_plan& plan) {
    if (!plan.qemu.empty()) return plan.qemu;
    return plan.machine == machine_type::virt ? "qemu-system-aarch64" : "qemu-system-x86_64";
}

std::string_view board(machine_type machine) {
    switch (machine) {
        case machine_type::virt:
            return "virt,gic-version=max";
        case machine_type::q35:
            return "q35,smm=off,vmport=off";
        case machine_type::microvm_acpi:
            return "microvm,acpi=on,rtc=on";
        // Without ACPI a distribution's kernel finds its timer and its interrupts nowhere else.
        case machine_type::microvm:
            break;
    }
    return "microvm,acpi=off,pit=on,pic=on,rtc=on";
}

// The pointer authentication that Arm describes is slow to emulate; QEMU has one of its own.
std::string_view processor(const vm_plan& plan, accelerator accel) {
    return plan.machine == machine_type::virt && accel == accelerator::tcg ? "max,pauth-impdef=on" : "max";
}

std::string device_name(const vm_plan& plan, std::string_view name) {
    return fmt::format("{}-{}", name, has_pci(plan) ? "pci" : "device");
}

std::string machine_option(const vm_plan& plan, accelerator accel) {
    return fmt::format("{},accel={},memory-backend=mem", board(plan.machine),
                       accel == accelerator::kvm ? "kvm" : "tcg");
}

bool can_get_memory(const vm_plan& plan) { return can_grow(plan) && plan.most.memory_mib > plan.memory_mib; }

std::string processors(const vm_plan& plan) {
    if (!can_grow(plan) || plan.most.cpus <= plan.cpus) return std::to_string(plan.cpus);
    return fmt::format("{},maxcpus={}", plan.cpus, plan.most.cpus);
}

std::string memory(const vm_plan& plan) {
    if (!can_get_memory(plan)) return fmt::format("{}M", plan.memory_mib);
    return fmt::format("{}M,slots={},maxmem={}M", plan.memory_mib, memory_slots, plan.most.memory_mib);
}

void add_vsock(std::vector<std::string>& command, const vm_plan& plan) {
    if (plan.vsock_device.empty()) {
        command.insert(command.end(),
                       {"-device", fmt::format("{},guest-cid={}", device_name(plan, "vhost-vsock"), plan.guest_cid)});
        return;
    }
    command.insert(command.end(), {"-chardev", fmt::format("socket,id=vsock,path={}", escaped(vhost_socket(plan))),
                                   "-device", device_name(plan, "vhost-user-vsock") + ",chardev=vsock"});
}

std::string_view drive_option(disk_access access) {
    switch (access) {
        case disk_access::read_only:
            return ",readonly=on";
        case disk_access::snapshot:
            return ",snapshot=on";
        case disk_access::read_write:
            break;
    }
    return "";
}

void add_disks(std::vector<std::string>& command, const vm_plan& plan) {
    std::size_t index = 0;
    for (const auto& each : plan.disks) {
        auto id = fmt::format("disk{}", index++);
        command.insert(
            command.end(),
            {"-drive",
             fmt::format("if=none,id={},format=raw,file={}{}", id, escaped(each.file), drive_option(each.access)),
             "-device",
             fmt::format("{},drive={},serial={}", device_name(plan, "virtio-blk"), id, escaped(each.serial))});
    }
}

void add_shares(std::vector<std::string>& command, const vm_plan& plan) {
    for (const auto& each : plan.shares) {
        command.insert(
            command.end(),
            {"-chardev", fmt::format("socket,id=fs-{},path={}", each.tag, escaped(share_socket(plan.directory, each))),
             "-device", fmt::format("{0},chardev=fs-{1},tag={1}", device_name(plan, "vhost-user-fs"), each.tag)});
    }
}

// Several ports are the functions of one device: 31 device numbers are all that there are.
void add_ports(std::vector<std::string>& command, const vm_plan& plan) {
    for (unsigned slot = 0; slot < plan.spare_disk_slots; ++slot) {
        command.insert(
            command.end(),
            {"-device", fmt::format("pcie-root-port,id=slot{0},chassis={1},slot={1},addr={2:#x}.{3:#x}{4}", slot,
                                    slot + 1, first_port_device + slot / ports_per_device, slot % ports_per_device,
                                    slot % ports_per_device == 0 ? ",multifunction=on" : "")});
    }
}

void add_cards(std::vector<std::string>& command, const vm_plan& plan) {
    std::size_t index = 0;
    for (const auto& card : plan.cards) {
        auto id = fmt::format("net{}", index++);
        auto backend = card.tap.empty()
                           ? fmt::format("user,id={},ipv6=off", id)
                           : fmt::format("tap,id={},ifname={},script=no,downscript=no", id, escaped(card.tap));
        auto device = fmt::format("{},netdev={},mac={}", device_name(plan, "virtio-net"), id, card.mac);
        if (card.mtu != 0) device += fmt::format(",host_mtu={}", card.mtu);
        // Nothing is booted from it, and Debian has its ROM in a package of its own.
        if (has_pci(plan)) device += ",romfile=";
        command.insert(command.end(), {"-netdev", std::move(backend), "-device", std::move(device)});
    }
}

}  // namespace

machine_type usual_machine() {
#if defined(__aarch64__)
    return machine_type::virt;
#else
    return machine_type::q35;
#endif
}

result<void> check_share(const share& shared) {
    bool is_name =
        !shared.tag.empty() && shared.tag.size() <= longest_tag && shared.tag.find_first_of("/,") == std::string::npos;
    if (!is_name) {
        return error(errc::invalid_argument,
                     fmt::format("share tag \"{}\": a file name of 1 to {} bytes", shared.tag, longest_tag));
    }
    if (!shared.directory.starts_with('/') || shared.directory.find(',') != std::string::npos) {
        return error(errc::invalid_argument,
                     fmt::format("shared directory \"{}\": an absolute path without commas", shared.directory));
    }
    return {};
}

std::string vhost_socket(const vm_plan& plan) { return plan.directory + "/vhost.sock"; }
std::string vsock_socket(const vm_plan& plan) { return plan.directory + "/vm.sock"; }

std::string kernel_command_line(const vm_plan& plan) {
    const auto* console = plan.machine == machine_type::virt ? "console=ttyAMA0" : "console=ttyS0";
    std::vector<std::string> words{console, "quiet", "loglevel=3", "panic=1"};
    // Memory that may come above 4 GiB would make the kernel set 64 MiB aside for devices of 32 bits; there are none.
    if (can_get_memory(plan)) words.push_back("swiotlb=noforce");
    words.insert(words.end(), plan.kernel_words.begin(), plan.kernel_words.end());
    auto arguments = init_words(plan);
    if (!arguments.empty()) words.push_back("--");
    words.insert(words.end(), arguments.begin(), arguments.end());
    return fmt::format("{}", fmt::join(words, " "));
}

result<std::vector<std::string>> qemu_command(const vm_plan& plan, accelerator accel) {
    if (auto fits = check(plan); !fits) return fits.error();
    std::vector<std::string> command{
        std::string(program(plan)), "-M", machine_option(plan, accel), "-cpu", std::string(processor(plan, accel)),
        "-smp", processors(plan), "-m", memory(plan),
        // vhost-user needs memory that another process can map.
        "-object", fmt::format("memory-backend-memfd,id=mem,size={}M,share=on", plan.memory_mib), "-kernel",
        plan.kernel, "-initrd", plan.initrd, "-append", kernel_command_line(plan), "-display", "none", "-nodefaults",
        "-no-user-config",
        // The guest's reset is its end, and so is its panic (panic=1).
        "-no-reboot", "-chardev", fmt::format("socket,id=monitor,fd={}", monitor_descriptor), "-mon",
        "chardev=monitor,mode=control", "-chardev", fmt::format("socket,id=console,fd={}", console_descriptor),
        "-serial", "chardev:console"};
    add_vsock(command, plan);
    add_disks(command, plan);
    add_shares(command, plan);
    add_cards(command, plan);
    if (has_pci(plan)) add_ports(command, plan);
    if (!plan.control_socket.empty())
        command.insert(command.end(),
                       {"-qmp", fmt::format("unix:{},server=on,wait=off", escaped(plan.control_socket))});
    command.insert(command.end(), plan.vmm_arguments.begin(), plan.vmm_arguments.end());
    return command;
}

std::string blockdev_arguments(const disk& added) {
    json::object arguments{{"driver", "raw"},
                           {"node-name", "node-" + added.serial},
                           {"read-only", added.access == disk_access::read_only},
                           {"file", json::object{{"driver", "file"}, {"filename", added.file}}}};
    return json::serialize(arguments);
}

std::string device_arguments(const disk& added, unsigned slot) {
    json::object arguments{{"driver", "virtio-blk-pci"},
                           {"id", "disk-" + added.serial},
                           {"drive", "node-" + added.serial},
                           {"serial", added.serial},
                           {"bus", fmt::format("slot{}", slot)}};
    return json::serialize(arguments);
}

std::string chardev_arguments(const vm_plan& plan, const share& added) {
    json::object address{{"type", "unix"}, {"data", json::object{{"path", share_socket(plan.directory, added)}}}};
    json::object data{{"addr", std::move(address)}, {"server", false}};
    json::object arguments{{"id", "fs-" + added.tag},
                           {"backend", json::object{{"type", "socket"}, {"data", std::move(data)}}}};
    return json::serialize(arguments);
}

std::string device_arguments(const share& added, unsigned slot) {
    json::object arguments{{"driver", "vhost-user-fs-pci"},
                           {"id", "share-" + added.tag},
                           {"chardev", "fs-" + added.tag},
                           {"tag", added.tag},
                           {"bus", fmt::format("slot{}", slot)}};
    return json::serialize(arguments);
}

}  // namespace vminit::vmm
