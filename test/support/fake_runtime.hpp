// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "support/io_fixture.hpp"
#include "support/support_directory.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/runc/runc_service.hpp"

namespace vminit::test {

enum class runtime_dialect { crun, runc };

/// test/support/fake_runc with a directory of its own: bundles, faults, and what was called. See fake_oci/README.md.
/// What is left of its containers is killed at the end.
class fake_runtime {
public:
    explicit fake_runtime(runtime_dialect dialect = runtime_dialect::crun) : dialect_(dialect) {
        for (const char* name : {"fake", "root", "bundles", "tmp"}) {
            REQUIRE(make_directories(directory_.path(name), 0755));
        }
    }
    ~fake_runtime() { kill_leftovers(); }
    fake_runtime(const fake_runtime&) = delete;
    fake_runtime& operator=(const fake_runtime&) = delete;

    static std::string binary() { return std::string(support_directory()) + "/fake_runc"; }
    std::string root() const { return directory_.path("root"); }
    std::string temporary() const { return directory_.path("tmp"); }
    std::string path(const std::string& name) const { return directory_.path("fake/" + name); }
    std::string bundle(const std::string& id) const { return directory_.path("bundles/" + id); }

    /// A configuration that uses this runtime.
    runc::runc_config config() const {
        runc::runc_config made;
        made.binary = binary();
        made.root = root();
        made.temp_directory = temporary();
        made.env = std::vector<std::string>{
            "PATH=/usr/bin:/bin", "FAKE_DIR=" + directory_.path("fake"),
            std::string("FAKE_DIALECT=") + (dialect_ == runtime_dialect::crun ? "crun" : "runc")};
        return made;
    }

    /// Makes `<bundles>/<id>/config.json` with this payload (steps separated by ";") and returns the container.
    runc::runtime_ref make_container(const std::string& id, const std::vector<std::string>& payload,
                                     bool terminal = false) const {
        boost::json::object process{{"args", boost::json::value_from(payload)}, {"terminal", terminal}};
        boost::json::object config{{"ociVersion", "1.0.2"}, {"process", process}};
        REQUIRE(make_directories(bundle(id) + "/rootfs", 0755));
        REQUIRE(replace_file(bundle(id) + "/config.json", boost::json::serialize(config), 0644));
        return runc::runtime_ref(id, bundle(id));
    }

    /// An OCI Process object.
    static std::string process_json(const std::vector<std::string>& payload, bool terminal = false) {
        boost::json::object process{{"args", boost::json::value_from(payload)}, {"terminal", terminal}};
        return boost::json::serialize(process);
    }

    /// What the next call of `subcommand` does wrong: a JSON object or a list of them.
    void set_fault(const std::string& subcommand, const std::string& json) const {
        REQUIRE(replace_file(path(subcommand + ".fault"), json, 0644));
    }
    void clear_fault(const std::string& subcommand) const { ::unlink(path(subcommand + ".fault").c_str()); }

    /// The invocations so far, in order; of `subcommand` only, if given.
    std::vector<boost::json::object> calls(const std::string& subcommand = {}) const {
        std::vector<boost::json::object> found;
        auto text = read_file(path("calls.jsonl"));
        std::istringstream lines(text ? *text : std::string());
        for (std::string line; std::getline(lines, line);) {
            auto call = boost::json::parse(line).as_object();
            if (subcommand.empty() || call["command"] == boost::json::value(subcommand)) found.push_back(call);
        }
        return found;
    }

    /// argv of a call, without argv[0] and the global flags: from the subcommand on.
    static std::vector<std::string> words_of(const boost::json::object& call) {
        std::vector<std::string> words;
        for (const auto& word : call.at("argv").as_array()) {
            if (!words.empty() || word == call.at("command")) words.emplace_back(word.as_string());
        }
        return words;
    }

    /// Turns the loop until a file `name` is in the fake's directory and not empty; returns its content.
    std::string await_file(io_fixture& fixture, const std::string& name) const {
        await(fixture, [&] {
            auto text = read_file(path(name));
            return text && !text->empty();
        });
        return read_file(path(name)).value();
    }

    /// Turns the loop until `subcommand` has been called `count` times.
    void await_calls(io_fixture& fixture, const std::string& subcommand, std::size_t count = 1) const {
        await(fixture, [&] { return calls(subcommand).size() >= count; });
    }

    /// Turns the loop until `is_met`, which looks at the fake's directory (or at anything the loop changes).
    void await(io_fixture& fixture, const std::function<bool()>& is_met) const {
        auto watch = std::make_shared<watched>(fixture.ex(), ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
        REQUIRE(::inotify_add_watch(watch->descriptor.native_handle(), directory_.path("fake").c_str(),
                                    IN_CREATE | IN_MODIFY | IN_MOVED_TO) >= 0);
        watch->listen();
        fixture.pump(is_met);
        watch->descriptor.close();
    }

private:
    struct watched : std::enable_shared_from_this<watched> {
        watched(executor ex, int fd) : descriptor(ex, fd) {}
        void listen() {
            descriptor.async_wait(asio::posix::descriptor_base::wait_read,
                                  [self = shared_from_this()](error_code failed) {
                                      char events[4096];
                                      if (failed || !self->descriptor.is_open()) return;
                                      while (::read(self->descriptor.native_handle(), events, sizeof events) > 0) {
                                      }
                                      self->listen();
                                  });
        }
        asio::posix::basic_stream_descriptor<executor> descriptor;
    };

    // A pid may have been given away since: the command line or the start time tells.
    static void kill_if_ours(pid_t pid) {
        auto command = read_file("/proc/" + std::to_string(pid) + "/cmdline");
        if (command && command->find("fake_runc") != std::string::npos) ::kill(pid, SIGKILL);
    }

    static void kill_process(const boost::json::object& state) {
        auto pid = static_cast<pid_t>(state.at("pid").as_int64());
        auto stat = read_file("/proc/" + std::to_string(pid) + "/stat");
        bool is_same = stat && state.at("start_time").is_string() &&
                       stat->find(" " + std::string(state.at("start_time").as_string()) + " ") != std::string::npos;
        if (is_same) ::kill(pid, SIGKILL);
    }

    void kill_leftovers() const {
        for (const char* name : {"hanging", "helper", "holder"}) {
            auto text = read_file(path(name));
            std::istringstream pids(text ? *text : std::string());
            for (pid_t pid = 0; pids >> pid;) kill_if_ours(pid);
        }
        for (const auto& entry : std::filesystem::recursive_directory_iterator(root())) {
            auto text = entry.is_regular_file() ? read_file(entry.path()) : result<std::string>("");
            error_code failed;
            auto state = boost::json::parse(text ? *text : std::string(), failed);
            if (!failed && state.is_object() && state.as_object().contains("start_time"))
                kill_process(state.as_object());
        }
    }

    runtime_dialect dialect_;
    temporary_directory directory_;
};

}  // namespace vminit::test
