// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/descriptor_guard.hpp"
#include "support/fake_runtime.hpp"
#include "support/io_fixture.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/events/exchange_service.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/reaper/reaper_service.hpp"
#include "vminit/streams/stream_service.hpp"

namespace vminit::test {

/// The host's end of one stream: reads when told to, and keeps what it read.
class host_stream {
public:
    host_stream(executor ex, unique_fd fd) : descriptor(ex, fd.release()) {}

    /// Reads until the end; to be spawned.
    static awaitable<void> read_all(std::shared_ptr<host_stream> self) {
        std::vector<char> buffer(65536);
        for (;;) {
            auto [failure, count] = co_await self->descriptor.async_read_some(asio::buffer(buffer), as_tuple_awaitable);
            if (failure) break;
            self->text.append(buffer.data(), count);
        }
        self->has_ended = true;
    }

    void write(std::string_view bytes) {
        descriptor.non_blocking(false);
        REQUIRE(asio::write(descriptor, asio::buffer(bytes)) == bytes.size());
    }

    void close() {
        error_code ignored;
        descriptor.close(ignored);
    }

    asio::posix::basic_stream_descriptor<executor> descriptor;
    std::string text;
    bool has_ended = false;
};

/// What a fixture's process_service is made with.
struct process_options {
    runtime_dialect runtime = runtime_dialect::crun;
    process::process_config config;
    bool bundles_are_ours = false;  ///< those of the fake runtime go with their containers
    bool bundles_are_in_memory = false;
};

/// A process_service over a fake runtime, with a subscriber that notes every event as one line.
class process_fixture : public descriptor_guard, public io_fixture {
public:
    explicit process_fixture(process_options options = {})
        : fake(options.runtime),
          reaper(asio::use_service<reaper::reaper_service>(ctx)),
          runtime(asio::make_service<runc::runc_service>(ctx, runtime_configured(options))),
          exchange(asio::use_service<events::exchange_service>(ctx)),
          streams(asio::use_service<streams::stream_service>(ctx)),
          processes(asio::make_service<process::process_service>(ctx, configured(std::move(options)))),
          tasks(std::make_unique<task_group>(ctx.get_executor(), log())) {
        REQUIRE(reaper.become_subreaper());
        tasks->spawn("events", listen(exchange.subscribe(), heard));
        poll();
    }

    ~process_fixture() { tasks.reset(); }

    std::string bundle_root() const { return std::filesystem::path(fake.bundle("x")).parent_path(); }

    runc::runc_config runtime_configured(const process_options& options) const {
        auto config = fake.config();
        if (options.bundles_are_in_memory) config.bundles_in_memory = bundle_root();
        return config;
    }

    process::process_config configured(process_options options) const {
        auto config = std::move(options.config);
        if (options.bundles_are_ours) config.bundles = bundle_root();
        // The fake knows nothing of namespaces, mounts and cgroups; the cgroup its processes are in is ours.
        config.fits_spec = false;
        if (config.proc == process::process_config().proc) config.proc = "/nonexistent";
        return config;
    }

    static std::string describe(const events::payload& event) {
        auto text = std::string(events::topic_of(event));
        if (const auto* exit = std::get_if<events::task_exit>(&event)) {
            return text + " " + exit->id + " " + std::to_string(exit->exit_status);
        }
        if (const auto* create = std::get_if<events::task_create>(&event)) return text + " " + create->container_id;
        if (const auto* start = std::get_if<events::task_start>(&event)) return text + " " + start->container_id;
        if (const auto* added = std::get_if<events::task_exec_added>(&event)) return text + " " + added->exec_id;
        if (const auto* started = std::get_if<events::task_exec_started>(&event)) return text + " " + started->exec_id;
        if (const auto* gone = std::get_if<events::task_delete>(&event)) {
            return text + " " + gone->container_id + " " + std::to_string(gone->exit_status);
        }
        return text;
    }

    static awaitable<void> listen(events::subscription subscription, std::vector<std::string>& lines) {
        for (;;) {
            auto event = co_await subscription.next();
            if (!event) co_return;
            lines.push_back(describe((*event)->event));
        }
    }

    /// A stream the host has opened; the host does not read before `read`.
    std::shared_ptr<host_stream> open_stream(std::uint32_t id) {
        auto pair = ttrpc::connected_pair(ex()).value();
        REQUIRE(streams.add(std::to_string(id), std::move(pair.first)));
        return std::make_shared<host_stream>(ex(), std::move(pair.second));
    }
    std::shared_ptr<host_stream> read(std::shared_ptr<host_stream> stream) {
        tasks->spawn("host", host_stream::read_all(stream));
        return stream;
    }

    process::create_request request(const std::string& id, const std::vector<std::string>& payload,
                                    process::stdio_uris stdio = {}) {
        fake.make_container(id, payload, stdio.terminal);
        process::create_request made;
        made.id = id;
        made.bundle = fake.bundle(id);
        made.stdio = std::move(stdio);
        return made;
    }
    result<std::uint32_t> create(const std::string& id, const std::vector<std::string>& payload,
                                 process::stdio_uris stdio = {}) {
        return run(processes.create(request(id, payload, std::move(stdio))));
    }
    result<std::uint32_t> start(const std::string& id, const std::string& exec_id = {}) {
        return run(processes.start(id, exec_id));
    }
    /// A created and started container.
    void run_container(const std::string& id, const std::vector<std::string>& payload, process::stdio_uris stdio = {}) {
        REQUIRE(create(id, payload, std::move(stdio)));
        REQUIRE(start(id));
    }
    result<void> add_exec(const std::string& id, const std::string& exec_id, const std::vector<std::string>& payload,
                          process::stdio_uris stdio = {}) {
        process::exec_request made;
        made.id = id;
        made.exec_id = exec_id;
        made.spec_json = fake.process_json(payload, stdio.terminal);
        made.stdio = std::move(stdio);
        return run(processes.exec(std::move(made)));
    }
    result<process::process_exit> wait(const std::string& id, const std::string& exec_id = {}) {
        return run(processes.wait(id, exec_id));
    }
    result<process::process_exit> remove(const std::string& id, const std::string& exec_id = {}) {
        return run(processes.remove(id, exec_id));
    }
    result<void> kill(const std::string& id, const std::string& exec_id, std::uint32_t signal,
                      runc::kill_scope scope = runc::kill_scope::one) {
        return run(processes.kill(id, exec_id, signal, scope));
    }
    process::process_status status(const std::string& id, const std::string& exec_id = {}) {
        return processes.state(id, exec_id).value().status;
    }

    /// Turns the loop until this line has been heard.
    void await_event(const std::string& line) {
        pump([&] { return std::find(heard.begin(), heard.end(), line) != heard.end(); });
    }

    static std::string uri(std::uint32_t stream) { return "stream://" + std::to_string(stream); }

    fake_runtime fake;
    reaper::reaper_service& reaper;
    runc::runc_service& runtime;
    events::exchange_service& exchange;
    streams::stream_service& streams;
    process::process_service& processes;
    std::vector<std::string> heard;
    std::unique_ptr<task_group> tasks;
};

using lines = std::vector<std::string>;

}  // namespace vminit::test
