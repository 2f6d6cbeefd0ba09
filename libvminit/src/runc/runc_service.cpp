// SPDX-License-Identifier: Apache-2.0
#include "vminit/runc/runc_service.hpp"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <functional>
#include <string_view>

#include "runc/arguments.hpp"
#include "runc/driver.hpp"
#include "runc/runtime_error.hpp"
#include "runc/runtime_files.hpp"
#include "runc/runtime_output.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/reaper/reaper_service.hpp"

namespace vminit::runc {

namespace {

std::string variable(const char* name) {
    const char* value = ::getenv(name);
    return value != nullptr ? value : "";
}

std::vector<std::string> own_environment() {
    std::vector<std::string> all;
    for (char** entry = ::environ; *entry != nullptr; ++entry) {
        if (!std::string_view(*entry).starts_with("NOTIFY_SOCKET=")) all.emplace_back(*entry);
    }
    return all;
}

command make_command(const runc_config& config, arguments argv, clock::duration limit) {
    command made(std::move(argv), limit);
    made.env = config.env ? *config.env : own_environment();
    return made;
}

// Without a terminal the container inherits what the runtime has; with one the runtime's own words can be captured.
void attach(command& what, const stdio_fds& stdio, const std::string& console_socket) {
    if (!console_socket.empty()) return;
    what.output = output_mode::attached;
    what.stdio = stdio;
}

result<void> outcome_of(const report& done, std::string_view what) {
    if (done.is_success()) return {};
    return done.failed(what);
}

result<void> base_outcome_of(const report& done) {
    if (done.is_success()) return {};
    return error(done.kind, done.base);
}

bool is_in_memory(const runc_config& config, const std::string& bundle) {
    const auto& root = config.bundles_in_memory;
    return !root.empty() && bundle.starts_with(root + "/") && bundle.find("/../") == std::string::npos;
}

template <class T>
awaitable<result<T>> touch(asio::execution_context& context, const runc_config& config, std::string bundle,
                           std::function<result<T>()> job) {
    if (is_in_memory(config, bundle)) co_return job();
    auto what = "files of " + bundle;
    auto& pool = asio::use_service<blocking_service>(context);
    auto touching = pool.run(blocking_lane::files, std::move(job), what);
    co_return co_await with_timeout(std::move(touching), config.limits.bundle, std::move(what));
}

}  // namespace

runc_config::runc_config() : binary(variable("SPINBOX_OCI_RUNTIME")), temp_directory(variable("XDG_RUNTIME_DIR")) {
    if (binary.empty()) binary = "/sbin/crun";
    if (temp_directory.empty()) temp_directory = variable("TMPDIR");
    if (temp_directory.empty()) temp_directory = "/tmp";
}

runc_service::runc_service(asio::execution_context& context) : runc_service(context, runc_config()) {}

runc_service::runc_service(asio::execution_context& context, runc_config config)
    : asio::execution_context::service(context), config_(std::move(config)) {
    asio::use_service<reaper::reaper_service>(context);
    driver_ = std::make_unique<driver>(static_cast<asio::io_context&>(context));
}

runc_service::~runc_service() = default;

void runc_service::shutdown() noexcept {}

std::size_t runc_service::running() const noexcept { return driver_->running(); }

awaitable<result<void>> runc_service::in_bundle(std::string bundle, std::function<result<void>()> job) {
    co_return co_await touch(context(), config_, std::move(bundle), std::move(job));
}

awaitable<result<pid_t>> runc_service::read_pid(std::string bundle, std::string path) {
    std::function<result<pid_t>()> job = [path = std::move(path)] { return read_pid_file(path); };
    co_return co_await touch(context(), config_, std::move(bundle), std::move(job));
}

awaitable<result<void>> runc_service::forget_pid_file(std::string bundle, std::string path) {
    auto job = [path = std::move(path)] { return remove_stale_pid_file(path); };
    co_return co_await in_bundle(std::move(bundle), std::move(job));
}

awaitable<result<void>> runc_service::create(create_options options) {
    constexpr std::string_view what = "OCI runtime create failed";
    auto pid_file = init_pid_file(options.container.bundle);
    auto removed = co_await forget_pid_file(options.container.bundle, std::move(pid_file));
    if (!removed) co_return error(errc::unknown, os_text(removed.error())).within(what);
    auto run = make_command(config_, create_arguments(config_, options), config_.limits.create);
    attach(run, options.stdio, options.console_socket);
    auto done = co_await driver_->run(std::move(run));
    co_return outcome_of(done, what);
}

awaitable<result<void>> runc_service::start(runtime_ref container) {
    auto run = make_command(config_, simple_arguments(config_, container, "start"), config_.limits.start);
    auto done = co_await driver_->run(std::move(run));
    co_return outcome_of(done, "OCI runtime start failed");
}

awaitable<result<void>> runc_service::exec(exec_options options) {
    constexpr std::string_view what = "OCI runtime exec failed";
    auto pid_file = exec_pid_file(options.container.bundle, options.exec_id);
    auto removed = co_await forget_pid_file(options.container.bundle, std::move(pid_file));
    if (!removed) co_return error(errc::unknown, os_text(removed.error())).within(what);
    auto process = process_file::create(config_.temp_directory, options.process_json + "\n");
    if (!process) co_return error(errc::unknown, os_text(process.error())).within(what);
    auto run = make_command(config_, exec_arguments(config_, options, process->path()), config_.limits.exec);
    attach(run, options.stdio, options.console_socket);
    auto done = co_await driver_->run(std::move(run));
    co_return outcome_of(done, what);
}

awaitable<result<void>> runc_service::kill(runtime_ref container, int signal, kill_scope scope) {
    auto run = make_command(config_, kill_arguments(config_, container, signal, scope), config_.limits.kill);
    auto done = co_await driver_->run(std::move(run));
    if (done.is_success()) co_return result<void>();
    auto text = done.everything();
    if (says_dead(text)) co_return error(errc::not_found, "process already finished");
    if (says_gone(text, root_of(config_, container), container.id))
        co_return error(errc::not_found, "no such container");
    co_return error(done.kind, "unknown error after kill: " + done.base);
}

awaitable<result<void>> runc_service::kill_all(runtime_ref container) {
    auto run = make_command(config_, kill_arguments(config_, container, SIGKILL, kill_scope::all), config_.limits.kill);
    auto done = co_await driver_->run(std::move(run));
    auto text = done.everything();
    bool is_empty = says_dead(text) || says_gone(text, root_of(config_, container), container.id);
    if (is_empty) co_return result<void>();
    co_return outcome_of(done, "OCI runtime killall failed");
}

awaitable<result<void>> runc_service::remove(runtime_ref container, remove_mode mode) {
    auto run = make_command(config_, delete_arguments(config_, container, mode), config_.limits.remove);
    auto done = co_await driver_->run(std::move(run));
    if (says_gone(done.everything(), root_of(config_, container), container.id)) co_return result<void>();
    co_return outcome_of(done, "failed to delete task");
}

awaitable<result<std::vector<pid_t>>> runc_service::ps(runtime_ref container) {
    auto run = make_command(config_, ps_arguments(config_, container), config_.limits.query);
    run.output = output_mode::separate;
    auto done = co_await driver_->run(std::move(run));
    if (!done.is_success()) co_return error(done.kind, done.base);
    co_return parse_pids(done.outcome.output);
}

awaitable<result<runtime_state>> runc_service::state(runtime_ref container) {
    auto run = make_command(config_, simple_arguments(config_, container, "state"), config_.limits.query);
    run.output = output_mode::separate;
    auto done = co_await driver_->run(std::move(run));
    if (!done.is_success()) co_return error(done.kind, done.base);
    co_return parse_state(done.outcome.output);
}

awaitable<result<void>> runc_service::update(runtime_ref container, std::string resources_json) {
    auto input = memory_file(resources_json + "\n");
    if (!input) co_return error(errc::unknown, os_text(input.error()));
    auto run = make_command(config_, update_arguments(config_, container), config_.limits.query);
    run.input = std::move(*input);
    auto done = co_await driver_->run(std::move(run));
    co_return base_outcome_of(done);
}

awaitable<result<void>> runc_service::pause(runtime_ref container) {
    auto run = make_command(config_, simple_arguments(config_, container, "pause"), config_.limits.query);
    auto done = co_await driver_->run(std::move(run));
    co_return outcome_of(done, "OCI runtime pause failed");
}

awaitable<result<void>> runc_service::resume(runtime_ref container) {
    auto run = make_command(config_, simple_arguments(config_, container, "resume"), config_.limits.query);
    auto done = co_await driver_->run(std::move(run));
    co_return outcome_of(done, "OCI runtime resume failed");
}

awaitable<result<void>> runc_service::checkpoint(checkpoint_options options) {
    auto run = make_command(config_, checkpoint_arguments(config_, options), config_.limits.checkpoint);
    auto done = co_await driver_->run(std::move(run));
    co_return outcome_of(done, "OCI runtime checkpoint failed");
}

awaitable<result<std::string>> runc_service::version() {
    arguments argv = {config_.binary, "--version"};
    auto run = make_command(config_, std::move(argv), config_.limits.query);
    run.output = output_mode::separate;
    auto done = co_await driver_->run_unlogged(std::move(run));
    if (!done.is_success()) co_return error(done.kind, done.base);
    const auto& output = done.outcome.output;
    co_return output.substr(0, output.find('\n'));
}

awaitable<result<std::string>> runc_service::features() {
    arguments argv = {config_.binary, "features"};
    auto run = make_command(config_, std::move(argv), config_.limits.query);
    run.output = output_mode::separate;
    auto done = co_await driver_->run_unlogged(std::move(run));
    if (done.outcome.end == command_end::exited && done.outcome.status != 0) {
        co_return error(errc::not_implemented, "the OCI runtime has no command features");
    }
    if (!done.is_success()) co_return error(done.kind, done.base);
    const auto& output = done.outcome.output;
    boost::system::error_code malformed;
    auto value = boost::json::parse(output, malformed);
    bool is_usable = !malformed && value.is_object() && output.size() <= max_features;
    if (!is_usable) co_return error(errc::internal, "features of the OCI runtime");
    co_return std::string(trimmed(output));
}

}  // namespace vminit::runc
