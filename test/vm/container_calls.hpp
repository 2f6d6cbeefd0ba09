// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "container_options.hpp"
#include "github.com/containerd/containerd/api/runtime/task/v3/shim.ttrpc.hpp"
#include "github.com/spin-stack/spinbox/api/services/bundle/v1/bundle.ttrpc.hpp"
#include "task_calls.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/ttrpc/client.hpp"

namespace vminit::test {

namespace task = containerd::task::v3;
using vminitctl::process_key;
using vminitctl::stdio_uris;

/// What `container_calls::create` makes.
struct container_wish {
    container_wish() = default;
    explicit container_wish(std::vector<std::string> arguments) : arguments(std::move(arguments)) {}
    explicit container_wish(const char* script) : arguments{"/bin/sh", "-c", script} {}

    std::vector<std::string> arguments;
    vminitctl::pid_namespace pids = vminitctl::pid_namespace::own;
    vminitctl::resource_options resources;
    std::vector<system::mount_entry> mounts;  ///< of its config.json
    std::vector<system::mount_entry> rootfs;  ///< empty: the disk `root` with a tmpfs over it
    bool has_terminal = false;
    std::function<void(boost::json::object&)> edit;  ///< of the whole config.json, at last
    std::string id;  ///< empty: made up by those who run it to its end
};

/// What `container_calls::exec` adds.
struct exec_wish {
    exec_wish() = default;
    explicit exec_wish(std::vector<std::string> arguments) : arguments(std::move(arguments)) {}
    explicit exec_wish(const char* script) : arguments{"/bin/sh", "-c", script} {}

    std::vector<std::string> arguments;
    bool has_terminal = false;
    std::function<void(boost::json::object&)> edit;  ///< of the Process, at last
};

/// The calls that tests make on containers, as coroutines on one connection; each has a limit, so that no failure
/// hangs.
class container_calls {
public:
    static constexpr clock::duration limit = std::chrono::seconds(240);

    /// `rpc` outlives it.
    explicit container_calls(ttrpc::client& rpc) : rpc_(rpc) {}

    /// Bundle.Create; the result is what to ask of Task.Create.
    awaitable<result<task::CreateTaskRequest>> prepare(container_wish wish, stdio_uris stdio);
    /// Bundle.Create and Task.Create; the result is the pid.
    awaitable<result<std::uint32_t>> create(container_wish wish, stdio_uris stdio);
    awaitable<result<void>> exec(process_key key, exec_wish wish, stdio_uris stdio);
    awaitable<result<std::uint32_t>> start(process_key key);
    awaitable<result<void>> kill(process_key key, std::uint32_t signal);
    awaitable<result<task::WaitResponse>> wait(process_key key);
    awaitable<result<task::DeleteResponse>> remove(process_key key);
    awaitable<result<task::StateResponse>> state(process_key key);
    awaitable<result<void>> close_input(process_key key);
    awaitable<result<void>> resize(process_key key, std::uint32_t width, std::uint32_t height);
    awaitable<result<void>> update(std::string id, vminitctl::resource_options resources);
    awaitable<result<io::containerd::cgroups::v2::Metrics>> stats(std::string id);

private:
    ttrpc::client& rpc_;
};

}  // namespace vminit::test
