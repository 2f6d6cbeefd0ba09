// SPDX-License-Identifier: Apache-2.0
#include "command_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "build_commit.hpp"
#include "nearest_word.hpp"
#include "own_arguments.hpp"
#include "vminit/ttrpc/address.hpp"

namespace vminit::vminitctl {

namespace {

// `vm start`: the names on the way to a command.
std::string path_of(const CLI::App& command) {
    const auto* parent = command.get_parent();
    if (parent == nullptr) return {};
    auto above = path_of(*parent);
    return above.empty() ? command.get_name() : above + " " + command.get_name();
}

parse_stop usage_error(const CLI::App& command, std::string_view why, status_of status = status_of::command) {
    auto path = path_of(command);
    return {status == status_of::process ? exit_ours : exit_usage,
            fmt::format("vminitctl: {}{}{} (see vminitctl {}{}--help)\n", path, path.empty() ? "" : ": ",
                        printable(why), path, path.empty() ? "" : " ")};
}

const CLI::App& chosen_command(const CLI::App& app) {
    auto chosen = app.get_subcommands();
    return chosen.empty() ? app : chosen_command(*chosen.front());
}

}  // namespace

clock::duration global_options::call_limit() const {
    return std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(timeout));
}

command_set::command_set() : app_("Runs containers in a VM whose init is vminitd, and tells about both.", "vminitctl") {
    app_.formatter(help_);
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.set_version_flag("--version", "vminitctl " + version_with_commit(VMINIT_VERSION));
    app_.add_option("-a,--address", options_.address,
                    "the guest: hvsock://DIR/vm.sock:1024, vsock://3:1024 or unix:///path")
        ->envname("VMINIT_ADDRESS")
        ->take_last();
    app_.add_option("--stream-address", options_.stream_address, "its stdio streams (default: the next port)")
        ->envname("VMINIT_STREAM_ADDRESS")
        ->take_last();
    app_.add_option("--container", options_.container,
                    "the VM of this container of containerd (its id, or how that begins), instead of --address")
        ->take_last();
    app_.add_option("--namespace", options_.space, "containerd's namespace of that container")
        ->envname("CONTAINERD_NAMESPACE")
        ->take_last()
        ->capture_default_str();
    app_.add_option("--vm", options_.vm, "the VM that vm start started under this name, instead of --address")
        ->take_last();
    auto* format = add_parsed(app_, "--format", options_.format, parse_output_format,
                              "text, json (an array for lists) or jsonl (an object a line)");
    auto take_json = [this](std::int64_t) { options_.format = output_format::json; };
    app_.add_flag_function("--json", take_json, "the same as --format json")->excludes(format->take_last());
    app_.add_option("--timeout", options_.timeout, "seconds one call may take")
        ->check(CLI::Range(0.001, 86400.0))
        ->take_last()
        ->capture_default_str();
}

CLI::App& command_set::add(const std::string& name, const std::string& description, action run, command_traits traits) {
    auto* command = app_.add_subcommand(name, description);
    if (!group_.empty()) command->group(group_);
    return add_entry(*command, std::move(run), traits);
}

CLI::App& command_set::add_family(const std::string& name, const std::string& description) {
    auto* family = app_.add_subcommand(name, description);
    if (!group_.empty()) family->group(group_);
    family->require_subcommand(1);
    return *family;
}

CLI::App& command_set::add_to(CLI::App& family, const std::string& name, const std::string& description, action run,
                              command_traits traits) {
    return add_entry(*family.add_subcommand(name, description), std::move(run), traits);
}

CLI::App& command_set::add_entry(CLI::App& command, action run, command_traits traits) {
    entries_.push_back(std::make_unique<entry>(entry{&command, std::move(run), traits, nullptr, {}, {}}));
    return command;
}

void command_set::takes_arguments(CLI::App& command, std::vector<std::string>& into, std::function<bool()> has_others) {
    entry_of(command).arguments = &into;
    entry_of(command).has_others = std::move(has_others);
    help_->note_command_line(command);
    command.footer("The container's command line follows --, or the words above.");
}

void command_set::checks(CLI::App& command, std::function<result<void>()> check) {
    entry_of(command).checks.push_back(std::move(check));
}

command_set::entry* command_set::find_entry(const CLI::App& command) {
    auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const auto& known) { return known->app == &command; });
    return found == entries_.end() ? nullptr : found->get();
}

command_set::entry& command_set::entry_of(const CLI::App& command) { return *find_entry(command); }

std::optional<parse_stop> command_set::parse(std::vector<std::string> arguments, invocation& invoked) {
    if (!arguments.empty() && arguments.front() == "help") arguments.front() = "--help";
    separate_own_arguments(arguments);
    // What follows `--` is not ours: no option in it may be taken for one of the command's.
    auto separator = std::find(arguments.begin(), arguments.end(), "--");
    bool has_tail = separator != arguments.end();
    std::vector<std::string> tail(has_tail ? separator + 1 : separator, arguments.end());
    arguments.erase(separator, arguments.end());
    const auto given = arguments;
    std::reverse(arguments.begin(), arguments.end());
    try {
        app_.parse(std::move(arguments));
    } catch (const CLI::CallForVersion& asked) {
        return parse_stop{0, std::string(asked.what()) + "\n"};
    } catch (const CLI::Success&) {
        return parse_stop{0, app_.help()};
    } catch (const CLI::ParseError& failure) {
        const auto& chosen = chosen_command(app_);
        const auto* known = find_entry(chosen);
        auto mistyped = known == nullptr ? mistyped_command(chosen, given) : std::string();
        if (!mistyped.empty()) return usage_error(chosen, mistyped);
        return usage_error(chosen, failure.what(), known == nullptr ? status_of::command : known->traits.status);
    }
    auto& chosen = entry_of(chosen_command(app_));
    if (auto stop = finish(chosen, has_tail, std::move(tail))) return stop;
    invoked.options = options_;
    invoked.run = chosen.run;
    invoked.traits = chosen.traits;
    return std::nullopt;
}

void command_set::separate_own_arguments(std::vector<std::string>& arguments) {
    if (std::find(arguments.begin(), arguments.end(), "--") != arguments.end()) return;
    const auto* command = command_in(app_, arguments);
    const auto* known = command == nullptr ? nullptr : find_entry(*command);
    if (known == nullptr || known->arguments == nullptr) return;
    auto begin = own_arguments_begin(app_, *command, arguments);
    if (begin < arguments.size()) arguments.insert(arguments.begin() + static_cast<std::ptrdiff_t>(begin), "--");
}

// Nothing if no word was typed where the command should be.
std::string command_set::mistyped_command(const CLI::App& among, const std::vector<std::string>& arguments) const {
    auto typed = word_after(app_, among, arguments);
    if (typed.empty()) return {};
    std::vector<std::string> names;
    for (const auto* command : among.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(command->get_name());
    auto nearest = nearest_word(typed, names);
    auto hint = nearest.empty() ? std::string() : fmt::format("; did you mean {}?", nearest);
    return fmt::format("there is no command \"{}\"{}", typed, hint);
}

std::optional<parse_stop> command_set::finish(const entry& chosen, bool has_tail, std::vector<std::string> tail) {
    auto wrong = [&](std::string_view why) { return usage_error(*chosen.app, why, chosen.traits.status); };
    if (chosen.arguments != nullptr) {
        bool has_others = chosen.has_others && chosen.has_others();
        if (tail.empty() && !has_others) return wrong("give the container's command line after --");
        *chosen.arguments = std::move(tail);
    } else if (has_tail) {
        return wrong("takes nothing after --");
    }
    for (const auto& check : chosen.checks) {
        if (auto checked = check(); !checked) return wrong(checked.error().context());
    }
    bool is_found_later = !options_.container.empty() || !options_.vm.empty();
    if (is_found_later || chosen.traits.connection == needs::no_address) return std::nullopt;
    if (options_.address.empty()) return wrong("give --address, --vm or --container, or set VMINIT_ADDRESS");
    for (const auto& address : {options_.address, options_.stream_address}) {
        if (address.empty()) continue;
        if (auto parsed = ttrpc::address::parse(address); !parsed) return wrong(parsed.error().message());
    }
    return std::nullopt;
}

}  // namespace vminit::vminitctl
