// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "help_text.hpp"
#include "printer.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"

namespace vminit::vminitctl {

class client_session;

/// What a command does once its options are known; completes with the exit status.
using action = std::function<awaitable<result<int>>(client_session&)>;

/// Exit statuses of commands whose status is their own.
inline constexpr int exit_failure = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_degraded = 3;  ///< of `health` and `doctor`

/// Exit statuses of commands whose status is a process's, when it is ours after all. A wrong command line is one, too.
inline constexpr int exit_ours = 125;
inline constexpr int exit_not_executable = 126;
inline constexpr int exit_not_found = 127;
inline constexpr int exit_unread = 141;  ///< 128 and SIGPIPE: nobody reads our stdout

/// What is there when a command runs.
enum class needs {
    no_address,  ///< it is not about a guest that runs
    nothing,     ///< a guest's address, which the command connects to itself
    guest,       ///< the RPC connection
};

/// Whose exit status a command has: its own, or that of a process in the guest.
enum class status_of { command, process };

/// What of a command matters to who runs it.
struct command_traits {
    needs connection = needs::guest;
    status_of status = status_of::command;
    bool prints_on = false;  ///< until it is ended: so it ends when nobody reads it any more
};

/// Options every command takes, before or after its name.
struct global_options {
    std::string address;            ///< of the guest's RPC server
    std::string stream_address;     ///< of its stdio streams; empty = derived from `address`
    std::string container;          ///< whose VM is the guest, instead of `address`
    std::string space = "default";  ///< containerd's namespace of that container
    std::string vm;                 ///< the VM, as `vm start` named it, whose guest it is, instead of `address`
    output_format format = output_format::text;
    double timeout = 30;  ///< seconds for one call that is not meant to wait

    clock::duration call_limit() const;
};

/// A command line that was understood.
struct invocation {
    global_options options;
    action run;
    command_traits traits;
};

/// A command line that ends here: help or version (status 0, for stdout), or a mistake (status 2 or 125, for stderr).
struct parse_stop {
    int status;
    std::string text;
};

/// The commands: each is added by one function in commands/, with CLI11 for its options.
class command_set {
public:
    command_set();
    command_set(const command_set&) = delete;
    command_set& operator=(const command_set&) = delete;

    /// Commands that are added from here on stand under this heading of the help.
    void begin_group(std::string heading) { group_ = std::move(heading); }

    /// A new command; options are declared on what is returned. What `run` captures must live as long as it does.
    CLI::App& add(const std::string& name, const std::string& description, action run, command_traits traits = {});

    /// A command that is a family: its members are added with `add_to`.
    CLI::App& add_family(const std::string& name, const std::string& description);
    CLI::App& add_to(CLI::App& family, const std::string& name, const std::string& description, action run,
                     command_traits traits = {});

    /// Makes `command` take a container's command line, and need it, unless `has_others` says that there is one. It
    /// stands after `--`; without that, it begins behind the words that `command` takes itself.
    void takes_arguments(CLI::App& command, std::vector<std::string>& into, std::function<bool()> has_others = {});

    /// A further check when all options of `command` are known; any number of them. It returns errors of class
    /// invalid_argument.
    void checks(CLI::App& command, std::function<result<void>()> check);

    /// `arguments` without the program's name. Sets `invoked` or returns why not.
    std::optional<parse_stop> parse(std::vector<std::string> arguments, invocation& invoked);

    /// All that was added, for who describes it.
    const CLI::App& program() const noexcept { return app_; }

private:
    struct entry {
        CLI::App* app;
        action run;
        command_traits traits;
        std::vector<std::string>* arguments = nullptr;
        std::function<bool()> has_others;  ///< than `arguments`
        std::vector<std::function<result<void>()>> checks;
    };
    CLI::App& add_entry(CLI::App& command, action run, command_traits traits);
    entry* find_entry(const CLI::App& command);
    entry& entry_of(const CLI::App& command);
    void separate_own_arguments(std::vector<std::string>& arguments);
    std::string mistyped_command(const CLI::App& among, const std::vector<std::string>& arguments) const;
    std::optional<parse_stop> finish(const entry& chosen, bool has_tail, std::vector<std::string> tail);

    CLI::App app_;
    std::shared_ptr<help_text> help_ = std::make_shared<help_text>();
    global_options options_;
    std::string group_;
    std::vector<std::unique_ptr<entry>> entries_;
};

/// An option whose text goes through `parse`, a function from text to `result<T>`.
template <class T, class Parser>
CLI::Option* add_parsed(CLI::App& command, const std::string& names, T& into, Parser parse, const std::string& help) {
    auto take = [&into, parse](const std::string& text) {
        auto value = parse(text);
        if (!value) throw CLI::ValidationError(value.error().context());
        into = *value;
    };
    return command.add_option_function<std::string>(names, take, help);
}

/// The same, given any number of times, each with one value.
template <class T, class Parser>
CLI::Option* add_parsed_list(CLI::App& command, const std::string& names, std::vector<T>& into, Parser parse,
                             const std::string& help) {
    auto take = [&into, parse](const std::vector<std::string>& texts) {
        for (const auto& text : texts) {
            auto value = parse(text);
            if (!value) throw CLI::ValidationError(value.error().context());
            into.push_back(*value);
        }
    };
    return command.add_option_function<std::vector<std::string>>(names, take, help)->allow_extra_args(false);
}

}  // namespace vminit::vminitctl
