// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <sys/stat.h>

#include <string>
#include <variant>
#include <vector>

#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/supervisor/supervisor_service.hpp"

namespace vminit::test {

/// A supervisor under an injected clock, in a directory that is its root. Its services are real shell scripts; whatever
/// they do is awaited by turning the loop.
class supervised_fixture : public io_fixture {
public:
    supervised_fixture() : services(make()) {}

    // The scripts of a test that failed must not stay behind.
    ~supervised_fixture() {
        for (const auto& each : services.list()) {
            if (each.pid > 0) ::kill(each.pid, SIGKILL);
        }
    }

    /// Writes an executable script, or one that only the supervisor's chmod makes executable.
    void script(const std::string& path, const std::string& body, mode_t mode = 0644) {
        write(path, "#!/bin/sh\n" + body + "\n", mode);
    }

    void write(const std::string& path, const std::string& text, mode_t mode = 0644) {
        auto file = root.path() + path;
        REQUIRE(make_directories(file.substr(0, file.rfind('/')), 0755));
        REQUIRE(replace_file(file, text, mode));
    }

    /// A service `name` that runs `body` at once. Its log is `/<name>.log`.
    supervisor::service_spec service(const std::string& name, const std::string& body) {
        script("/bin/" + name, body);
        supervisor::service_spec spec;
        spec.name = name;
        spec.binaries = {"/bin/" + name};
        spec.binary_mode = 0755;
        spec.log_file = "/" + name + ".log";
        return spec;
    }

    void add(supervisor::service_spec spec) { REQUIRE(services.add(std::move(spec))); }

    supervisor::supervised_status status(const std::string& name = "agent") { return services.status(name).value(); }

    void await(supervisor::supervised_state state, const std::string& name = "agent") {
        pump([&] { return status(name).state == state; });
    }

    void await_starts(std::uint64_t starts, const std::string& name = "agent") {
        pump([&] { return status(name).starts == starts; });
    }

    void await_file(const std::string& path, const std::string& text) {
        pump([&] { return exists(path) && contents(path) == text; });
    }

    void advance(clock::duration step) {
        time.advance(step);
        poll();
    }

    void stop() { run(services.stop()); }

    bool exists(const std::string& path) { return mode_of(path) != 0; }
    std::string contents(const std::string& path) { return read_file(root.path() + path).value(); }

    /// The permission bits of a file; 0 if there is none.
    mode_t mode_of(const std::string& path) {
        struct stat status{};
        if (::stat((root.path() + path).c_str(), &status) != 0) return 0;
        return status.st_mode & 07777;
    }

    manual_time time;
    temporary_directory root;
    std::vector<std::string> events;
    supervisor::supervisor_service& services;

private:
    supervisor::supervisor_service& make() {
        supervisor::supervisor_config config;
        config.root = root.path();
        config.on_event = [this](const supervisor::supervised_event& event) {
            events.push_back(std::visit([](const auto& what) { return text_of(what); }, event));
        };
        return asio::make_service<supervisor::supervisor_service>(ctx, std::move(config));
    }

    static std::string text_of(const supervisor::supervised_started& event) { return event.name + " started"; }
    static std::string text_of(const supervisor::supervised_exited& event) {
        return event.name + " exited " + std::to_string(event.status.value);
    }
    static std::string text_of(const supervisor::supervised_start_failed& event) {
        return event.name + " start failed: " + event.reason;
    }
    static std::string text_of(const supervisor::supervised_restarting& event) {
        auto delay = std::chrono::duration_cast<std::chrono::milliseconds>(event.delay).count();
        return event.name + " restart " + std::to_string(event.restarts_in_window) + " in " + std::to_string(delay) +
               " ms";
    }
    static std::string text_of(const supervisor::supervised_gave_up& event) {
        return event.name + " gave up after " + std::to_string(event.restarts_in_window);
    }
};

}  // namespace vminit::test
