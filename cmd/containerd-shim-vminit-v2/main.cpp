// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <string>
#include <vector>

#include "build_commit.hpp"
#include "commands.hpp"
#include "vminit/core/syscalls.hpp"

namespace {

using namespace vminit;
using namespace vminit::shim;

constexpr std::size_t largest_input = std::size_t{10} << 20;  // containerd's own bound

result<std::string> read_input() {
    std::string input;
    std::string block(4096, '\0');
    for (;;) {
        auto count =
            syscalls::check("read", "standard input", [&] { return ::read(STDIN_FILENO, block.data(), block.size()); });
        if (!count) return count.error();
        if (*count == 0) return input;
        input.append(block, 0, static_cast<std::size_t>(*count));
        if (input.size() > largest_input) return error(errc::invalid_argument, "standard input: more than 10 MiB");
    }
}

result<std::string> perform(const shim_request& request, const shim_config& config) {
    if (request.action == shim_action::info) return runtime_info();
    if (request.action == shim_action::remove) return clear_up(request, config);
    auto input = read_input();
    if (!input) return input.error();
    return start_server(read_bootstrap(request, *input), config);
}

int finish(const result<std::string>& outcome) {
    auto text = outcome ? *outcome : "containerd-shim-vminit-v2: " + outcome.error().message() + "\n";
    int descriptor = outcome ? STDOUT_FILENO : STDERR_FILENO;
    auto written = syscalls::write_all(descriptor, text, "output");
    return outcome && written ? 0 : 1;
}

std::string config_file(const environment& variables) {
    auto named = variables.find("VMINIT_SHIM_CONFIG");
    return named == variables.end() ? std::string(default_config_file) : named->second;
}

}  // namespace

int main(int argc, char** argv) {
    auto variables = current_environment();
    auto request = read_command_line(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc), variables);
    if (!request) return finish(request.error());
    if (request->action == shim_action::version) return finish("containerd-shim-vminit-v2 " + version_with_commit(VMINIT_VERSION) + "\n");
    auto config = read_config(config_file(variables));
    if (!config) return finish(config.error());
    if (request->action == shim_action::serve) return serve(*request, *config);
    return finish(perform(*request, *config));
}
