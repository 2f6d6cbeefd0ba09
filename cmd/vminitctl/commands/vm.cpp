// SPDX-License-Identifier: Apache-2.0
#include "commands/commands.hpp"
#include "quantity.hpp"
#include "vm/vm_commands.hpp"

namespace vminit::vminitctl {

namespace {

constexpr std::uint64_t smallest_memory = std::uint64_t{16} << 20;

struct start_options {
    vm_request request;
    int report = -1;
};

constexpr command_traits on_the_host{needs::no_address, status_of::command, false};
constexpr command_traits prints_on{needs::no_address, status_of::command, true};

void add_parts(CLI::App& command, vm_request& request) {
    command.add_option("--kernel", request.kernel, "a bzImage (default: what the shim's settings name)");
    command.add_option("--initrd", request.initrd, "an initrd with vminitd in it (the same)");
    add_parsed_list(command, "--disk", request.disks, parse_disk,
                    "a raw image, FILE:SERIAL[:ro|:rw|:snapshot]; repeatable");
    add_parsed_list(command, "--share", request.shares, parse_share, "a directory for virtiofs, DIR:TAG; repeatable");
    add_parsed_list(command, "--network", request.cards, parse_card,
                    "a card: user or tap:NAME, each [:MAC]; repeatable");
    command.add_option("--append", request.kernel_words, "more words for the kernel")->allow_extra_args(false);
    command.add_option("--args", request.init_arguments, "arguments of PID 1")->allow_extra_args(false);
    command.add_option("--rpc-port", request.rpc_port, "the guest's vsock port; its streams have the next")
        ->check(CLI::Range(1U, 0x7fffffffU))
        ->capture_default_str();
}

void add_machine(CLI::App& command, vm_request& request) {
    add_parsed(command, "--machine", request.machine, parse_machine,
               "q35, microvm, microvm-bare (no ACPI) or virt (64-bit Arm); default: of this machine's kind");
    add_parsed(command, "--accel", request.accel, parse_accelerator,
               "kvm, tcg or auto (default): what a first boot shows");
    command.add_option("--cpus", request.cpus)->check(CLI::Range(1U, 255U))->capture_default_str();
    command.add_option("--max-cpus", request.most_cpus, "what can be plugged in")->check(CLI::Range(1U, 255U));
    add_parsed(command, "--memory", request.memory, parse_bytes, "in bytes, or as 512M (default) or 2G");
    add_parsed(command, "--max-memory", request.most_memory, parse_bytes, "what can be plugged in");
    command.add_option("--qemu", request.qemu, "the program");
    command.add_option("--vsock-device", request.vsock_device, "vhost-device-vsock, or kernel for /dev/vhost-vsock");
    command.add_option("--virtiofsd", request.virtiofsd, "the program that serves shares");
    command.add_option("--qemu-words", request.vmm_words, "more of QEMU's command line")->allow_extra_args(false);
}

void add_start(command_set& commands, CLI::App& family) {
    auto options = std::make_shared<start_options>();
    auto run = [options](client_session& session) {
        return options->report < 0 ? start_vm(session) : keep_vm(session, options->request, options->report);
    };
    auto& request = options->request;
    auto& command = commands.add_to(family, "start", "boot a VM and wait until its guest answers", run, on_the_host);
    command.add_option("NAME", request.name, "for the other commands; with a / in it, the VM's directory")
        ->capture_default_str();
    add_parts(command, request);
    add_machine(command, request);
    command.add_option("--limit", request.limit, "seconds until the guest answers")
        ->check(CLI::Range(1.0, 3600.0))
        ->capture_default_str();
    command.add_flag("--no-wait", request.does_not_wait, "do not wait for the guest");
    command.add_flag("--keep", request.keeps_logs, "leave the directory with its logs when the VM has ended");
    command.add_option("--owner", request.owner, "end the VM when the process of this id ends")
        ->check(CLI::Range(1, 0x7fffffff));
    command.add_option("--report", options->report)->group("");
    // Scripts add to what others begin: the last one counts, where there can be one only.
    for (auto* option :
         command.get_options([](const CLI::Option* each) { return each->get_items_expected_max() == 1; }))
        option->take_last();
    commands.checks(command, [options]() -> result<void> {
        if (options->request.memory >= smallest_memory) return {};
        return error(errc::invalid_argument, "a VM needs 16M of memory at least");
    });
}

void add_stop(command_set& commands, CLI::App& family) {
    auto options = std::make_shared<vm_stop_options>();
    auto run = [options](client_session& session) { return stop_vm(session, *options); };
    auto& command =
        commands.add_to(family, "stop", "power a VM off and clear away what is left of it", run, on_the_host);
    command.add_option("NAME", options->name, "or its directory")->capture_default_str();
    command.add_option("--limit", options->limit, "seconds the guest may take; then the VM is ended")
        ->check(CLI::Range(0.0, 60.0))
        ->capture_default_str();
    command.add_flag("--force", options->is_forced, "end it at once");
}

void add_status(command_set& commands, CLI::App& family) {
    auto name = std::make_shared<std::string>("vm");
    auto run = [name](client_session& session) { return show_vm(session, *name); };
    auto& command = commands.add_to(family, "status", "one VM, and whether its guest answers", run, on_the_host);
    command.add_option("NAME", *name, "or its directory")->capture_default_str();
}

void add_console(command_set& commands, CLI::App& family) {
    struct console_options {
        std::string name = "vm";
        bool is_once = false;
    };
    auto options = std::make_shared<console_options>();
    auto run = [options](client_session& session) { return show_console(session, options->name, options->is_once); };
    auto& command = commands.add_to(family, "console", "what the guest prints, until it ends", run, prints_on);
    command.add_option("NAME", options->name, "or its directory")->capture_default_str();
    command.add_flag("--once", options->is_once, "only what is there");
}

}  // namespace

void add_vm(command_set& commands) {
    auto& family = commands.add_family("vm", "VMs of this machine: start, stop, list, status, console");
    add_start(commands, family);
    add_stop(commands, family);
    commands.add_to(family, "list", "the VMs, the containerd shim's too", list_vms, on_the_host);
    add_status(commands, family);
    add_console(commands, family);
}

}  // namespace vminit::vminitctl
