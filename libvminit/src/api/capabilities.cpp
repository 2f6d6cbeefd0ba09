// SPDX-License-Identifier: Apache-2.0
#include "capabilities.hpp"

#include <unistd.h>

#include <array>
#include <string_view>

#include "vminit/core/file.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/system/system_service.hpp"
#include "vminit/ttrpc/server_service.hpp"

namespace vminit::api {

namespace {

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// Whether what hosts mount into a container as its init is this program.
bool is_init() {
    std::array<char, 8> path{};
    auto length = ::readlink("/proc/self/exe", path.data(), path.size());
    return length > 0 && std::string_view(path.data(), static_cast<std::size_t>(length)) == "/init";
}

void add_hotplug(const std::string& sysfs, std::vector<std::string>& all) {
    // The boot processor alone has no switch, or one that is not to be used.
    if (exists(sysfs + "/devices/system/cpu/hotplug")) all.emplace_back("hotplug:cpu");
    if (exists(sysfs + "/devices/system/memory/block_size_bytes")) all.emplace_back("hotplug:memory");
}

// Whether cgroup v2 is there to be asked.
bool add_controllers(const std::string& sysfs, std::vector<std::string>& all) {
    auto text = read_file(sysfs + "/fs/cgroup/cgroup.controllers");
    if (!text) return false;
    auto words = trimmed(*text);
    while (!words.empty()) {
        auto word = words.substr(0, words.find(' '));
        all.push_back("cgroup:" + std::string(word));
        words = trimmed(words.substr(word.size()));
    }
    return true;
}

}  // namespace

const std::vector<std::string>& capabilities::words() {
    if (server_ == nullptr) server_ = &asio::use_service<ttrpc::server_service>(context_);
    if (!is_current()) look(server_->service_names());
    return words_;
}

bool capabilities::is_current() const noexcept { return is_whole_ && server_->service_count() == services_; }

void capabilities::look(std::vector<std::string> services) {
    services_ = services.size();
    words_.clear();
    for (const auto& name : services) words_.push_back("rpc:" + name);
    if (asio::has_service<process::process_service>(context_)) {
        const auto& dialect = asio::use_service<process::process_service>(context_).dialect();
        if (dialect.pause != pause_support::refused) words_.emplace_back("task:pause");
        for (const char* scheme : {"stream", "fifo", "file", "binary", "log"})
            words_.push_back(std::string("stdio:") + scheme);
        for (const char* form : {"format", "mkdir", "serial", "loop"}) words_.push_back(std::string("mount:") + form);
        words_.emplace_back("user:name");
    }
    for (const char* form : {"sequence", "acknowledge"}) words_.push_back(std::string("events:") + form);
    words_.emplace_back("freeze:ext4");
    const auto& machine = asio::use_service<system::system_service>(context_).config();
    if (machine.has_container_init && is_init()) words_.emplace_back("init:container");
    add_hotplug(machine.sysfs, words_);
    is_whole_ = add_controllers(machine.sysfs, words_);
}

}  // namespace vminit::api
