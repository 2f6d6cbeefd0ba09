// SPDX-License-Identifier: Apache-2.0
#include "vm/vm_settings.hpp"

#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>

#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::vminitctl {

namespace {

constexpr auto usual_config = "/etc/vminit/shim.json";

std::string from_environment(const char* name) {
    const char* value = ::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
}

void take_text(std::string& into, const boost::json::object& settings, std::string_view name) {
    const auto* value = settings.if_contains(name);
    if (value != nullptr && value->is_string()) into = std::string(std::string_view(value->get_string()));
}

}  // namespace

std::string shim_config_file() {
    auto named = from_environment("VMINIT_SHIM_CONFIG");
    return named.empty() ? usual_config : named;
}

std::string usual_state() {
    if (::geteuid() == 0) return "/run/vminit";
    auto runtime = from_environment("XDG_RUNTIME_DIR");
    return runtime.empty() ? fmt::format("/tmp/vminit-{}", ::geteuid()) : runtime + "/vminit";
}

result<vm_settings> read_vm_settings(const std::string& config) {
    vm_settings settings;
    settings.state = usual_state();
    auto text = read_file(config);
    if (!text && syscalls::is_errno(text.error(), ENOENT)) return settings;
    if (!text) return text.error();
    error_code failure;
    auto document = boost::json::parse(*text, failure);
    if (failure || !document.is_object()) return error(errc::invalid_argument, config + ": not a JSON object");
    const auto& object = document.get_object();
    take_text(settings.kernel, object, "kernel");
    take_text(settings.initrd, object, "initrd");
    take_text(settings.qemu, object, "qemu");
    take_text(settings.vsock_device, object, "vsock_device");
    take_text(settings.virtiofsd, object, "virtiofsd");
    take_text(settings.state, object, "state");
    return settings;
}

result<vm_settings> machine_settings() {
    auto settings = read_vm_settings(shim_config_file());
    auto state = from_environment("VMINIT_STATE");
    if (settings && !state.empty()) settings->state = state;
    return settings;
}

result<std::string> vm_path(const vm_settings& settings, const std::string& name) {
    if (name.empty() || name == "." || name == "..")
        return error(errc::invalid_argument, "\"" + name + "\" is no name of a VM");
    if (name.find('/') == std::string::npos) return settings.state + "/" + name;
    std::error_code failure;
    auto path = std::filesystem::absolute(name, failure).lexically_normal().string();
    if (failure) return error(error_code(failure.value(), boost::system::system_category()), name);
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return path;
}

}  // namespace vminit::vminitctl
