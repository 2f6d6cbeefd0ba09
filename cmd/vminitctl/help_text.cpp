// SPDX-License-Identifier: Apache-2.0
#include "help_text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

namespace vminit::vminitctl {

namespace {

using word = std::pair<std::string_view, std::string_view>;

// An option that is not here has its own name, in capitals: --topic TOPIC.
constexpr std::array words{
    word{"after", "NUMBER"},
    word{"annotation", "NAME=VALUE"},
    word{"append", "WORDS"},
    word{"args", "WORDS"},
    word{"by", "SECONDS"},
    word{"cap-add", "CAPABILITY"},
    word{"cap-drop", "CAPABILITY"},
    word{"container", "ID"},
    word{"count", "NUMBER"},
    word{"cpus", "NUMBER"},
    word{"cwd", "DIRECTORY"},
    word{"detach-keys", "KEYS"},
    word{"entropy", "BYTES"},
    word{"env", "NAME[=VALUE]"},
    word{"env-file", "FILE"},
    word{"exec", "EXEC_ID"},
    word{"exec-id", "ID"},
    word{"exit-after", "NUMBER"},
    word{"format", "FORMAT"},
    word{"from", "CLOCK"},
    word{"hostname", "NAME"},
    word{"image-config", "FILE"},
    word{"initrd", "FILE"},
    word{"interval", "SECONDS"},
    word{"kernel", "FILE"},
    word{"limit", "SECONDS"},
    word{"max-cpus", "NUMBER"},
    word{"max-memory", "BYTES"},
    word{"memory", "BYTES"},
    word{"namespace", "NAME"},
    word{"owner", "PID"},
    word{"pid", "NAMESPACE"},
    word{"pids", "NUMBER"},
    word{"qemu", "PROGRAM"},
    word{"qemu-words", "WORDS"},
    word{"rootfs", "DISK"},
    word{"rootfs-type", "TYPE"},
    word{"rounds", "NUMBER"},
    word{"rpc-port", "PORT"},
    word{"search", "DOMAIN"},
    word{"since", "NUMBER"},
    word{"spec", "FILE"},
    word{"stderr", "URI"},
    word{"stdout", "URI"},
    word{"step", "SECONDS"},
    word{"stream", "NUMBER"},
    word{"stream-address", "ADDRESS"},
    word{"svg", "FILE"},
    word{"time", "SECONDS"},
    word{"timeout", "SECONDS"},
    word{"tmpfs", "TARGET[:OPTIONS]"},
    word{"ulimit", "NAME=SOFT[:HARD]"},
    word{"until", "TOPIC"},
    word{"user", "USER[:GROUP]"},
    word{"virtiofsd", "PROGRAM"},
    word{"vm", "NAME"},
    word{"volume", "SOURCE:TARGET[:ro]"},
    word{"vsock-device", "PROGRAM"},
    word{"wait", "SECONDS"},
};

std::string value_of(const CLI::Option& option) {
    auto name = option.get_single_name();
    auto known = std::find_if(words.begin(), words.end(), [&](const word& one) { return one.first == name; });
    if (known != words.end()) return std::string(known->second);
    auto to_capital = [](char letter) {
        return letter == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
    };
    std::transform(name.begin(), name.end(), name.begin(), to_capital);
    return name;
}

}  // namespace

// `--rm,--keep{false}` are a flag and its opposite.
std::string help_text::make_option_name(const CLI::Option* option, bool is_positional) const {
    constexpr std::string_view opposite = "{false}";
    auto name = Formatter::make_option_name(option, is_positional);
    if (auto at = name.find(opposite); at != std::string::npos) name.erase(at, opposite.size());
    return name;
}

std::string help_text::make_option_opts(const CLI::Option* option) const {
    std::string text;
    bool takes_value = option->get_items_expected_max() != 0;  // a flag has none
    if (takes_value && !option->get_positional()) text += " " + value_of(*option);
    if (takes_value && option->get_expected_max() == CLI::detail::expected_max_vector_size) text += " ...";
    if (takes_value && option->get_required()) text += " (required)";
    if (takes_value && !option->get_default_str().empty()) text += " (default " + option->get_default_str() + ")";
    if (!option->get_envname().empty()) text += " ($" + option->get_envname() + ")";
    return text;
}

std::string help_text::make_usage(const CLI::App* app, std::string name) const {
    auto text = Formatter::make_usage(app, std::move(name));
    if (with_command_line_.contains(app)) text.insert(text.find_last_not_of('\n') + 1, " [--] COMMAND [ARGUMENT]...");
    return text;
}

}  // namespace vminit::vminitctl
