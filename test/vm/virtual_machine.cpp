// SPDX-License-Identifier: Apache-2.0
#include "virtual_machine.hpp"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "support/print_result.hpp"
#include "vm/process_end.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/vmm/vm_record.hpp"

namespace vminit::test {

namespace {

struct command_output {
    int status = -1;
    std::string text;
};

/// A script of ours, arguments quoted for the shell.
command_output run_script(const std::string& name, const std::vector<std::string>& arguments) {
    std::string line = "VMINIT_CLIENT=" VMINIT_CLIENT " " VMINIT_VM_SCRIPTS "/" + name;
    for (const auto& argument : arguments) line += " '" + argument + "'";
    command_output output;
    auto* stream = ::popen(line.c_str(), "r");
    REQUIRE(stream != nullptr);
    std::array<char, 4096> block{};
    while (auto count = ::fread(block.data(), 1, block.size(), stream)) output.text.append(block.data(), count);
    output.status = ::pclose(stream);
    return output;
}

std::string directory_of_shared() {
    const char* directory = ::getenv("VMINIT_VM_DIR");
    if (directory == nullptr) FAIL("VMINIT_VM_DIR is not set: run these tests through ctest, or test/vm/shared first");
    return directory;
}

std::string address_in(const std::string& directory) {
    auto address = read_file(directory + "/address");
    REQUIRE(address);
    return std::string(trimmed(*address));
}

std::string console_in(const std::string& directory) {
    auto text = read_file(directory + "/console.log", 16 << 20);
    if (!text && syscalls::is_errno(text.error(), ENOENT)) return {};  // QEMU has only just been started
    return text.value();
}

std::string line_of(const std::string& text, std::size_t number) {
    std::size_t start = 0;
    for (; number > 0; --number) start = text.find('\n', start) + 1;
    return text.substr(start, text.find('\n', start) - start);
}

}  // namespace

std::string virtual_machine::shared_address() { return address_in(directory_of_shared()); }
std::string virtual_machine::shared_console() { return console_in(directory_of_shared()); }
std::string virtual_machine::equipped_directory() { return directory_of_shared() + "-equipped"; }
std::string virtual_machine::equipped_address() { return address_in(equipped_directory()); }

virtual_machine::virtual_machine(std::vector<std::string> options) {
    auto rootfs = run_vm_script("make-rootfs", {"--add", VMINIT_VM_WORKER ":/bin/worker"});
    std::vector<std::string> all{"--owner", std::to_string(::getpid()), "--disk", rootfs + ":root"};
    all.insert(all.end(), options.begin(), options.end());
    auto booted = run_vm_script("boot", all);
    address_ = line_of(booted, 0);
    directory_ = line_of(booted, 1);
    // Without a record it has ended already, which has_powered_off takes as such.
    auto record = vmm::read_record(directory_);
    if (record) keeper_ = vminitctl::open_process(record->keeper);
}

virtual_machine::~virtual_machine() {
    keeper_.reset();
    if (!directory_.empty()) run_script("stop", {directory_});
}

std::string qmp(const std::string& directory, const std::string& command, const std::string& arguments) {
    return run_vm_script("qmp", {directory, command, arguments});
}

std::string run_vm_script(const std::string& name, const std::vector<std::string>& arguments) {
    auto output = run_script(name, arguments);
    CAPTURE(name, arguments, output.text);
    REQUIRE(output.status == 0);
    return std::string(trimmed(output.text));
}

std::string virtual_machine::console() const { return console_in(directory_); }

bool virtual_machine::shows(const std::string& part) const {
    constexpr int looks = 6000;
    constexpr int pause = 10;  // milliseconds; the end of the VM ends it
    auto has_part = [&] { return console().find(part) != std::string::npos; };
    for (int look = 0; look < looks && !has_part(); ++look) {
        pollfd watched{keeper_.get(), POLLIN, 0};
        auto ended = syscalls::raw("poll", [&] { return ::poll(&watched, 1, pause); });
        if (!keeper_ || (ended && *ended == 1)) return has_part();
    }
    return has_part();
}

void virtual_machine::press_ctrl_alt_del() const {
    REQUIRE(run_script("qmp", {directory_, "ctrl-alt-del"}).status == 0);
}

bool virtual_machine::has_powered_off(std::chrono::seconds limit) const {
    if (!keeper_) return true;
    pollfd watched{keeper_.get(), POLLIN, 0};
    auto milliseconds = static_cast<int>(std::chrono::milliseconds(limit).count());
    auto ended = syscalls::raw("poll", [&] { return ::poll(&watched, 1, milliseconds); });
    return ended && *ended == 1;
}

void virtual_machine::check_no_panic() const {
    auto text = console();
    CAPTURE(text);
    CHECK(text.find("Kernel panic") == std::string::npos);
    CHECK(text.find("Attempted to kill init") == std::string::npos);
}

}  // namespace vminit::test
