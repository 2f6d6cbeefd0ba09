#include "container_vm.hpp"

#include <stdlib.h>

#include <boost/json.hpp>

#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/vmm/vm_record.hpp"

namespace vminit::vminitctl {

namespace {

constexpr auto usual_state = "/run/vminit";
constexpr auto usual_config = "/etc/vminit/shim.json";

}  // namespace

std::string shim_config_file() {
    const char* named = ::getenv("VMINIT_SHIM_CONFIG");
    return named == nullptr || *named == '\0' ? usual_config : named;
}

result<std::string> vm_state_directory(const std::string& config) {
    auto text = read_file(config);
    if (!text && syscalls::is_errno(text.error(), ENOENT)) return std::string(usual_state);
    if (!text) return text.error();
    error_code failure;
    auto settings = boost::json::parse(*text, failure);
    if (failure || !settings.is_object()) return error(errc::invalid_argument, config + ": not a JSON object");
    const auto* state = settings.get_object().if_contains("state");
    if (state == nullptr || !state->is_string()) return std::string(usual_state);
    return std::string(std::string_view(state->get_string()));
}

result<void> find_container_vm(global_options& options, const std::string& state) {
    auto records = vmm::read_records(state);
    if (!records) return records.error();
    auto found = vmm::find_record(*records, options.space, options.container);
    if (!found) return found.error();
    options.address = found->rpc;
    options.stream_address = found->streams;
    return {};
}

}  // namespace vminit::vminitctl
