// SPDX-License-Identifier: Apache-2.0
#include "settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <optional>

#include "vminit/core/file.hpp"
#include "vminit/core/text.hpp"

namespace vminit::vminitd {

namespace json = boost::json;

namespace {

constexpr std::uint32_t last_port = 0xFFFFFFFE;  // the one above is VMADDR_PORT_ANY
constexpr std::uint32_t day = 24 * 60 * 60;

constexpr auto table = std::to_array<setting>({
    {"config", "", "FILE", "JSON file with settings by their key", &settings::config},
    {"debug", "debug", "", "log at level debug, mounts and processes after the boot too", &settings::debug},
    {"log-level", "log_level", "LEVEL", "debug, info, warn or error", &settings::log_level, "debug|info|warn|error"},
    {"log-format", "log_format", "FORMAT", "json (one object a line) or text", &settings::log_format, "json|text"},
    {.flag = "vsock-rpc-port", .key = "rpc_port", .value = "PORT", .help = "vsock port of the ttrpc server",
     .member = &settings::rpc_port, .min = 1, .max = last_port},
    {.flag = "vsock-stream-port", .key = "stream_port", .value = "PORT", .help = "vsock port of the stdio streams",
     .member = &settings::stream_port, .min = 1, .max = last_port},
    {"vsock-cid", "vsock_context_id", "CID", "our context id as the host names it (for logs; any is bound)",
     &settings::cid},
    {"vsock-allow-cid", "vsock_allow_cid", "CID,...", "peers beside the host (2) that may connect",
     &settings::allowed_cids},
    {"rpc-address", "rpc_address", "ADDRESS", "listen there instead: vsock://any:PORT or unix:///PATH",
     &settings::rpc_address},
    {"stream-address", "stream_address", "ADDRESS", "the same for the stdio streams", &settings::stream_address},
    {"runtime", "runtime", "FILE", "OCI runtime (without it $SPINBOX_OCI_RUNTIME, else /sbin/crun)", &settings::runtime,
     "", text_rule::path},
    {"runtime-root", "runtime_root", "DIR", "the runtime's state directory", &settings::runtime_root, "",
     text_rule::path},
    {"bundle-root", "bundle_root", "DIR", "where bundles are made; emptied at power-off", &settings::bundle_root, "",
     text_rule::deep_directory},
    {"no-pivot", "no_pivot", "", "pass --no-pivot to the runtime", &settings::no_pivot},
    {"host-dialect", "host_dialect", "HOST", "the host to be understood by: spinbox or nerdbox",
     &settings::host_dialect, "spinbox|nerdbox"},
    {"spec", "spec", "POLICY", "OCI specs: relax (a privileged one gets all of the VM) or keep (default: by the dialect)",
     &settings::spec, "relax|keep"},
    {.flag = "net", .key = "net", .value = "LINK", .help = "a network device's addresses, routes, MTU and DNS (repeatable)",
     .member = &settings::network, .separator = 0},
    {.flag = "thaw-limit", .key = "thaw_limit", .value = "SECONDS",
     .help = "frozen filesystems are thawed after this, asked or not", .member = &settings::thaw_limit, .min = 1, .max = day},
    {"power-off", "power_off", "HOW", "how the VM ends; auto: a restart where there is no power-off (x86 without ACPI S5)",
     &settings::power_off, "auto|off|restart|halt"},
    {"supervisor.start", "supervisor.start", "TRIGGER",
     "start the supervisor agent after the extras disk, or with the first rootfs", &settings::supervisor_start,
     "extras|rootfs"},
    {.flag = "supervisor.memory", .key = "supervisor.memory", .value = "MIB", .help = "memory limit of the supervisor agent; 0: none",
     .member = &settings::supervisor_memory, .max = 1 << 20},
    {.flag = "supervisor.uid", .key = "supervisor.uid", .value = "UID", .help = "user and group of the supervisor agent",
     .member = &settings::supervisor_uid, .max = 0xFFFFFFFE},
    {"disabled-plugins", "disabled_plugins", "ID,...", "services that are not offered", &settings::disabled_plugins},
    {"version", "", "", "print the version and exit", &settings::show_version},
    {"v", "", "", "the same", &settings::show_version},
    {"help", "", "", "print this and exit", &settings::show_help},
});

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

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> words;
    while (!text.empty()) {
        auto word = text.substr(0, separator == 0 ? text.size() : text.find(separator));
        words.emplace_back(word);
        text.remove_prefix(std::min(text.size(), word.size() + 1));
    }
    return words;
}

bool is_deep_directory(std::string_view path) {
    if (!path.starts_with('/') || path.ends_with('/')) return false;
    auto names = split(path.substr(1), '/');
    auto is_odd = [](const auto& name) { return name.empty() || name == "." || name == ".."; };
    return names.size() >= 2 && std::none_of(names.begin(), names.end(), is_odd);
}

// What is wrong with a value, in words; nothing: it has been stored.
using complaint = std::optional<std::string>;

class assignment {
public:
    assignment(settings& values, const setting& row, const std::vector<std::string>& texts)
        : values_(values), row_(row), texts_(texts) {}

    complaint run() {
        return std::visit([this](auto member) { return store(member); }, row_.member);
    }

private:
    const std::string& last() const { return texts_.back(); }

    complaint store(bool settings::*member) {
        auto flag = parse_bool(last());
        if (!flag) return fmt::format("\"{}\" is not a boolean", last());
        values_.*member = *flag;
        return std::nullopt;
    }

    complaint store(std::uint32_t settings::*member) {
        auto number = parse_number<std::uint32_t>(last());
        if (!number || *number < row_.min || *number > row_.max) return not_in_range(last());
        values_.*member = *number;
        return std::nullopt;
    }

    complaint store(std::string settings::*member) {
        if (!is_choice(row_.choices, last())) return fmt::format("\"{}\" is not one of {}", last(), row_.choices);
        if (row_.rule == text_rule::path && !last().starts_with('/')) {
            return fmt::format("\"{}\" is not an absolute path", last());
        }
        if (row_.rule == text_rule::deep_directory && !is_deep_directory(last())) {
            return fmt::format("\"{}\" is not a directory of its own, two levels deep or more", last());
        }
        values_.*member = last();
        return std::nullopt;
    }

    complaint store(std::vector<std::uint32_t> settings::*member) {
        std::vector<std::uint32_t> numbers;
        for (const auto& word : words()) {
            auto number = parse_number<std::uint32_t>(word);
            if (!number || *number < row_.min || *number > row_.max) return not_in_range(word);
            numbers.push_back(*number);
        }
        values_.*member = std::move(numbers);
        return std::nullopt;
    }

    complaint store(std::vector<std::string> settings::*member) {
        values_.*member = words();
        return std::nullopt;
    }

    std::vector<std::string> words() const {
        std::vector<std::string> all;
        for (const auto& text : texts_) {
            for (auto& word : split(text, row_.separator)) all.push_back(std::move(word));
        }
        return all;
    }

    complaint not_in_range(std::string_view text) const {
        return fmt::format("\"{}\" is not a number from {} to {}", text, row_.min, row_.max);
    }

    settings& values_;
    const setting& row_;
    const std::vector<std::string>& texts_;
};

bool is_list(const setting& row) {
    return std::holds_alternative<std::vector<std::string> settings::*>(row.member) ||
           std::holds_alternative<std::vector<std::uint32_t> settings::*>(row.member);
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

// All values that one source gives to a setting, in order.
struct given_setting {
    const setting* row;
    std::vector<std::string> texts;
};

class reader {
public:
    loaded_settings take() && { return std::move(loaded_); }

    std::vector<given_setting> parse_flags(std::span<const std::string> arguments) {
        std::vector<given_setting> given;
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
                add(given, *row, word.substr(equals + 1));
            } else if (row->value.empty()) {
                add(given, *row, "true");
            } else if (i + 1 < arguments.size()) {
                add(given, *row, arguments[++i]);
            } else {
                problem("flag", row->flag, "needs a value, ignored");
            }
        }
        return given;
    }

    void apply(std::string_view source, const setting& row, const std::vector<std::string>& texts) {
        if (texts.empty()) return;
        if (auto reason = assignment(loaded_.values, row, texts).run()) problem(source, row.flag, *reason);
    }

    void apply_cmdline(const kernel_cmdline& cmdline) {
        if (!cmdline.has_prefix("vminit.")) return;
        for (const auto& row : table) {
            if (row.key.empty()) continue;
            std::string name = "vminit." + std::string(row.flag);
            std::vector<std::string> texts;
            for (auto value : cmdline.values(name)) texts.emplace_back(value);
            // As with the kernel's own words, the first one counts.
            if (!is_list(row) && texts.size() > 1) texts.resize(1);
            if (texts.empty() && row.value.empty() && cmdline.has_flag(name)) texts.emplace_back("true");
            apply("kernel command line", row, texts);
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
    static void add(std::vector<given_setting>& given, const setting& row, std::string_view text) {
        auto known = std::find_if(given.begin(), given.end(), [&](const auto& one) { return one.row == &row; });
        if (known == given.end()) known = given.insert(given.end(), given_setting{&row, {}});
        known->texts.emplace_back(text);
    }

    static std::optional<std::string> text_of(const json::value& value) {
        if (value.is_string()) return std::string(value.as_string());
        if (value.is_bool() || value.is_number()) return json::serialize(value);
        return std::nullopt;
    }

    void apply_json(const setting& row, const json::value& value) {
        auto wrong = [&] { problem("config file", row.key, "wrong type"); };
        if (!value.is_array()) {
            auto text = text_of(value);
            return text ? apply("config file", row, {*text}) : wrong();
        }
        if (!is_list(row)) return wrong();
        std::vector<std::string> texts;
        for (const auto& item : value.as_array()) {
            auto text = text_of(item);
            if (!text) return wrong();
            texts.push_back(std::move(*text));
        }
        apply("config file", row, texts);
    }

    void problem(std::string_view source, std::string_view name, std::string_view reason) {
        loaded_.problems.push_back({std::string(source), std::string(name), std::string(reason)});
    }

    loaded_settings loaded_;
};

}  // namespace

std::span<const setting> setting_table() { return table; }

std::string default_text(const setting& row) {
    static const settings defaults;
    if (auto* number = std::get_if<std::uint32_t settings::*>(&row.member)) return fmt::to_string(defaults.*(*number));
    if (auto* text = std::get_if<std::string settings::*>(&row.member)) return defaults.*(*text);
    return {};
}

loaded_settings load_settings(std::span<const std::string> arguments, const kernel_cmdline& cmdline) {
    reader sources;
    auto flags = sources.parse_flags(arguments);
    sources.apply_cmdline(cmdline);
    for (const auto& given : flags) {
        if (given.row->flag == "config" && !given.texts.back().empty()) sources.apply_file(given.texts.back());
    }
    for (const auto& given : flags) sources.apply("flag", *given.row, given.texts);
    return std::move(sources).take();
}

std::string help_text() {
    std::string text = "vminitd: guest init for container microVMs\n\n";
    for (const auto& row : table) {
        std::string name = fmt::format("-{}{}{}", row.flag, row.value.empty() ? "" : "=", row.value);
        auto value = default_text(row);
        text += fmt::format("  {:<26} {}{}\n", name, row.help, value.empty() ? "" : " (" + value + ")");
    }
    return text;
}

}  // namespace vminit::vminitd
