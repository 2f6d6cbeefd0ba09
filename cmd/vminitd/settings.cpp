#include "settings.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <optional>

#include "vminit/core/file.hpp"

namespace vminit::vminitd {

namespace json = boost::json;

namespace {

constexpr auto table = std::to_array<setting>({
    {"config", "", "FILE", "JSON file with the settings below by their key", &settings::config},
    {"debug", "debug", "", "log at level debug", &settings::debug},
    {"log-level", "log_level", "LEVEL", "debug, info, warn or error", &settings::log_level, "debug|info|warn|error"},
    {"log-format", "log_format", "FORMAT", "json (one object a line) or text", &settings::log_format, "json|text"},
    {"vsock-rpc-port", "rpc_port", "PORT", "vsock port of the ttrpc server", &settings::rpc_port},
    {"vsock-stream-port", "stream_port", "PORT", "vsock port of the stdio streams", &settings::stream_port},
    {"vsock-cid", "vsock_context_id", "CID", "our context id as the host names it (for logs)", &settings::cid},
    {"vsock-allow-cid", "vsock_allow_cid", "CID,...", "peers beside the host (2) that may connect",
     &settings::allowed_cids},
    {"rpc-address", "rpc_address", "ADDRESS", "listen there instead: vsock://any:PORT or unix:///PATH",
     &settings::rpc_address},
    {"stream-address", "stream_address", "ADDRESS", "the same for the stdio streams", &settings::stream_address},
    {"runtime", "runtime", "FILE", "OCI runtime (default $SPINBOX_OCI_RUNTIME, else /sbin/crun)", &settings::runtime},
    {"runtime-root", "runtime_root", "DIR", "the runtime's state directory", &settings::runtime_root},
    {"bundle-root", "bundle_root", "DIR", "where bundles are made", &settings::bundle_root},
    {"no-pivot", "no_pivot", "", "pass --no-pivot to the runtime", &settings::no_pivot},
    {"host-dialect", "host_dialect", "HOST", "the host to be understood by: spinbox or nerdbox",
     &settings::host_dialect, "spinbox|nerdbox"},
    {"supervisor.start", "supervisor.start", "TRIGGER",
     "start the supervisor agent after the extras disk, or with the first rootfs", &settings::supervisor_start,
     "extras|rootfs"},
    {"version", "", "", "print the version and exit", &settings::show_version},
    {"v", "", "", "the same", &settings::show_version},
    {"help", "", "", "print this and exit", &settings::show_help},
});

std::optional<std::uint32_t> parse_number(std::string_view text) {
    std::uint32_t number = 0;
    auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

// Go's strconv.ParseBool.
std::optional<bool> parse_bool(std::string_view text) {
    for (std::string_view word : {"1", "t", "T", "true", "TRUE", "True"}) {
        if (text == word) return true;
    }
    for (std::string_view word : {"0", "f", "F", "false", "FALSE", "False"}) {
        if (text == word) return false;
    }
    return std::nullopt;
}

bool is_choice(std::string_view choices, std::string_view text) {
    if (choices.empty()) return true;
    while (!choices.empty()) {
        auto word = choices.substr(0, choices.find('|'));
        if (word == text) return true;
        choices.remove_prefix(std::min(choices.size(), word.size() + 1));
    }
    return false;
}

std::optional<std::vector<std::uint32_t>> parse_numbers(std::string_view text) {
    std::vector<std::uint32_t> numbers;
    while (!text.empty()) {
        auto word = text.substr(0, text.find(','));
        auto number = parse_number(word);
        if (!number) return std::nullopt;
        numbers.push_back(*number);
        text.remove_prefix(std::min(text.size(), word.size() + 1));
    }
    return numbers;
}

/// Stores `text` in the row's member; otherwise says what was expected.
std::optional<std::string> assign(settings& values, const setting& row, std::string_view text) {
    auto store = [&](auto member, auto parsed, const char* expected) -> std::optional<std::string> {
        if (!parsed) return fmt::format("\"{}\" is not {}", text, expected);
        values.*member = std::move(*parsed);
        return std::nullopt;
    };
    if (auto* flag = std::get_if<bool settings::*>(&row.member)) return store(*flag, parse_bool(text), "a boolean");
    if (auto* number = std::get_if<std::uint32_t settings::*>(&row.member)) {
        return store(*number, parse_number(text), "a number from 0 to 4294967295");
    }
    if (auto* list = std::get_if<std::vector<std::uint32_t> settings::*>(&row.member)) {
        return store(*list, parse_numbers(text), "a list of numbers");
    }
    if (!is_choice(row.choices, text)) return fmt::format("\"{}\" is not one of {}", text, row.choices);
    values.*std::get<std::string settings::*>(row.member) = std::string(text);
    return std::nullopt;
}

const setting* find_flag(std::string_view name) {
    for (const auto& row : table) {
        if (row.flag == name) return &row;
    }
    return nullptr;
}

const setting* find_key(std::string_view name) {
    for (const auto& row : table) {
        if (!row.key.empty() && row.key == name) return &row;
    }
    return nullptr;
}

struct given_flag {
    const setting* row;
    std::string_view value;
};

class reader {
public:
    loaded_settings take() && { return std::move(loaded_); }

    std::vector<given_flag> parse_flags(std::span<const std::string> arguments) {
        std::vector<given_flag> given;
        for (std::size_t i = 0; i < arguments.size(); ++i) {
            std::string_view word = arguments[i];
            // Words of the kernel command line that the kernel does not know (nokaslr) are handed to init before ours.
            if (!word.starts_with('-') || word == "-" || word == "--") continue;
            word.remove_prefix(word.starts_with("--") ? 2 : 1);
            auto equals = word.find('=');
            const auto* row = find_flag(word.substr(0, equals));
            if (row == nullptr) {
                problem("flag", word.substr(0, equals), "unknown, ignored");
            } else if (equals != std::string_view::npos) {
                given.push_back({row, word.substr(equals + 1)});
            } else if (row->value.empty()) {
                given.push_back({row, "true"});
            } else if (i + 1 < arguments.size()) {
                given.push_back({row, arguments[++i]});
            } else {
                problem("flag", row->flag, "needs a value, ignored");
            }
        }
        return given;
    }

    void apply(std::string_view source, const setting& row, std::string_view text) {
        if (auto reason = assign(loaded_.values, row, text)) problem(source, row.flag, *reason);
    }

    void apply_cmdline(const kernel_cmdline& cmdline) {
        for (const auto& row : table) {
            if (row.key.empty()) continue;
            std::string name = "vminit." + std::string(row.flag);
            if (auto value = cmdline.value(name)) {
                apply("kernel command line", row, *value);
            } else if (row.value.empty() && cmdline.has_flag(name)) {
                apply("kernel command line", row, "true");
            }
        }
    }

    void apply_file(const std::string& path) {
        auto text = read_file(path);
        if (!text) return problem("config file", path, text.error().message());
        boost::system::error_code failure;
        auto document = json::parse(*text, failure);
        if (failure) return problem("config file", path, failure.message());
        if (!document.is_object()) return problem("config file", path, "not a JSON object");
        for (const auto& [key, value] : document.as_object()) {
            // Unknown keys are ignored, as today's configuration files carry some that are not ours.
            if (const auto* row = find_key(key)) apply_json(*row, value);
        }
    }

private:
    void apply_json(const setting& row, const json::value& value) {
        if (value.is_string()) return apply("config file", row, value.as_string());
        if (value.is_bool() || value.is_number()) return apply("config file", row, json::serialize(value));
        if (value.is_array()) {
            std::string list;
            for (const auto& item : value.as_array()) list += (list.empty() ? "" : ",") + json::serialize(item);
            return apply("config file", row, list);
        }
        problem("config file", row.key, "wrong type");
    }

    void problem(std::string_view source, std::string_view name, std::string_view reason) {
        loaded_.problems.push_back({std::string(source), std::string(name), std::string(reason)});
    }

    loaded_settings loaded_;
};

}  // namespace

std::span<const setting> setting_table() { return table; }

loaded_settings load_settings(std::span<const std::string> arguments, const kernel_cmdline& cmdline) {
    reader sources;
    auto flags = sources.parse_flags(arguments);
    sources.apply_cmdline(cmdline);
    std::string file;
    for (const auto& given : flags) {
        if (given.row->flag == "config") file = given.value;
    }
    if (!file.empty()) sources.apply_file(file);
    for (const auto& given : flags) sources.apply("flag", *given.row, given.value);
    return std::move(sources).take();
}

std::string help_text() {
    std::string text = "vminitd: guest init for container microVMs\n\n";
    for (const auto& row : table) {
        std::string name = fmt::format("-{}{}{}", row.flag, row.value.empty() ? "" : "=", row.value);
        text += fmt::format("  {:<28} {}\n", name, row.help);
    }
    return text;
}

}  // namespace vminit::vminitd
