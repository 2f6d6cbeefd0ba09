// SPDX-License-Identifier: Apache-2.0
#include "signal_name.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string>

#include "vminit/core/text.hpp"

namespace vminit::vminitctl {

namespace {

struct named_signal {
    std::string_view name;
    std::uint32_t number;
};

constexpr auto table = std::to_array<named_signal>(
    {{"HUP", SIGHUP},   {"INT", SIGINT},     {"QUIT", SIGQUIT}, {"ILL", SIGILL},   {"TRAP", SIGTRAP},
     {"ABRT", SIGABRT}, {"BUS", SIGBUS},     {"FPE", SIGFPE},   {"KILL", SIGKILL}, {"USR1", SIGUSR1},
     {"SEGV", SIGSEGV}, {"USR2", SIGUSR2},   {"PIPE", SIGPIPE}, {"ALRM", SIGALRM}, {"TERM", SIGTERM},
     {"CHLD", SIGCHLD}, {"CONT", SIGCONT},   {"STOP", SIGSTOP}, {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN},
     {"TTOU", SIGTTOU}, {"URG", SIGURG},     {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ}, {"VTALRM", SIGVTALRM},
     {"PROF", SIGPROF}, {"WINCH", SIGWINCH}, {"IO", SIGIO},     {"PWR", SIGPWR},   {"SYS", SIGSYS}});

// The kernel's numbers, not SIGRTMIN: the signal is for a process of another system, whatever our C library keeps back.
constexpr std::uint32_t first_realtime = 34;
constexpr std::uint32_t last_signal = 64;

std::optional<std::uint32_t> number_in(std::string_view text) {
    auto number = parse_number<std::uint32_t>(text);
    return number && *number <= last_signal ? number : std::nullopt;
}

std::optional<std::uint32_t> signal_named(std::string_view name) {
    auto row = std::find_if(table.begin(), table.end(), [&](const named_signal& entry) { return entry.name == name; });
    if (row != table.end()) return row->number;
    if (name == "RTMIN") return first_realtime;
    if (name == "RTMAX") return last_signal;
    if (!name.starts_with("RTMIN+")) return std::nullopt;
    auto offset = number_in(name.substr(6));
    if (!offset || first_realtime + *offset > last_signal) return std::nullopt;
    return first_realtime + *offset;
}

}  // namespace

result<std::uint32_t> parse_signal(std::string_view text) {
    if (auto number = number_in(text)) return *number;
    std::string name(text);
    for (char& letter : name) letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
    if (name.starts_with("SIG")) name.erase(0, 3);
    if (auto number = signal_named(name)) return *number;
    return error(errc::invalid_argument, fmt::format("\"{}\" is not a signal", text));
}

std::string signal_name(std::uint32_t signal) {
    auto row =
        std::find_if(table.begin(), table.end(), [&](const named_signal& entry) { return entry.number == signal; });
    return row == table.end() ? std::to_string(signal) : std::string(row->name);
}

}  // namespace vminit::vminitctl
