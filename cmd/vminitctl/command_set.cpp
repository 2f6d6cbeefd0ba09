#include "command_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "vminit/ttrpc/address.hpp"

namespace vminit::vminitctl {

namespace {

parse_stop usage_error(const CLI::App& command, std::string_view why, status_of status = status_of::command) {
    auto path = command.get_parent() == nullptr ? std::string() : command.get_name() + " ";
    return {status == status_of::process ? exit_ours : exit_usage,
            fmt::format("vminitctl: {}{}{} (see vminitctl {}--help)\n", path.empty() ? "" : command.get_name(),
                        path.empty() ? "" : ": ", printable(why), path)};
}

}  // namespace

clock::duration global_options::call_limit() const {
    return std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(timeout));
}

command_set::command_set() : app_("Asks the guest of a container VM, whose init is vminitd, anything.", "vminitctl") {
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.set_version_flag("--version", "vminitctl " VMINIT_VERSION);
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
    app_.add_flag("--json", options_.json, "answer in JSON");
    app_.add_option("--timeout", options_.timeout, "seconds one call may take")
        ->check(CLI::Range(0.001, 86400.0))
        ->take_last()
        ->capture_default_str();
}

CLI::App& command_set::add(const std::string& name, const std::string& description, action run, command_traits traits) {
    auto* command = app_.add_subcommand(name, description);
    entries_.push_back(std::make_unique<entry>(entry{command, std::move(run), traits, nullptr, {}, {}}));
    return *command;
}

void command_set::takes_arguments(CLI::App& command, std::vector<std::string>& into, std::function<bool()> has_others) {
    entry_of(command).arguments = &into;
    entry_of(command).has_others = std::move(has_others);
    command.footer("The container's command line follows --.");
}

void command_set::checks(CLI::App& command, std::function<result<void>()> check) {
    entry_of(command).checks.push_back(std::move(check));
}

command_set::entry& command_set::entry_of(const CLI::App& command) {
    auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const auto& known) { return known->app == &command; });
    return **found;
}

std::optional<parse_stop> command_set::parse(std::vector<std::string> arguments, invocation& invoked) {
    // What follows `--` is not ours: no option in it may be taken for one of the command's.
    auto separator = std::find(arguments.begin(), arguments.end(), "--");
    bool has_tail = separator != arguments.end();
    std::vector<std::string> tail(has_tail ? separator + 1 : separator, arguments.end());
    arguments.erase(separator, arguments.end());
    std::reverse(arguments.begin(), arguments.end());
    try {
        app_.parse(std::move(arguments));
    } catch (const CLI::CallForVersion& asked) {
        return parse_stop{0, std::string(asked.what()) + "\n"};
    } catch (const CLI::Success&) {
        return parse_stop{0, app_.help()};
    } catch (const CLI::ParseError& failure) {
        auto chosen = app_.get_subcommands();
        if (chosen.empty()) return usage_error(app_, failure.what());
        return usage_error(*chosen.front(), failure.what(), entry_of(*chosen.front()).traits.status);
    }
    auto& chosen = entry_of(*app_.get_subcommands().front());
    if (auto stop = finish(chosen, has_tail, std::move(tail))) return stop;
    invoked.options = options_;
    invoked.run = chosen.run;
    invoked.traits = chosen.traits;
    return std::nullopt;
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
    if (!options_.container.empty()) return std::nullopt;
    if (options_.address.empty()) return wrong("give --address or --container, or set VMINIT_ADDRESS");
    for (const auto& address : {options_.address, options_.stream_address}) {
        if (address.empty()) continue;
        if (auto parsed = ttrpc::address::parse(address); !parsed) return wrong(parsed.error().message());
    }
    return std::nullopt;
}

}  // namespace vminit::vminitctl
