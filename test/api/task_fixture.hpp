// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "api/api_fixture.hpp"
#include "github.com/containerd/containerd/api/runtime/task/v3/shim.ttrpc.hpp"
#include "support/fake_runtime.hpp"
#include "vminit/api/task_api.hpp"
#include "vminit/api/when_booted.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/reaper/reaper_service.hpp"
#include "vminit/streams/stream_service.hpp"
#include "vminit/system/awaited_steps.hpp"

namespace vminit::test {

namespace task = containerd::task::v3;

/// The Task service over a fake runtime, called as a host does: through ttrpc.
class task_fixture : public api_fixture {
public:
    explicit task_fixture(const host_dialect& dialect = {})
        : processes(make_processes(dialect)), calls(std::make_unique<task_group>(ex(), log())) {
        api::task_api_options options;
        options.on_shutdown = [this] { ++shutdowns; };
        auto service = api::when_booted(api::make_task_api(ctx, std::move(options)), boot, log(), {{"Create", {}}});
        server().add(service, "containerd.task.v2.Task");
        server().add(std::move(service));
    }
    ~task_fixture() {
        calls->stop();
        run(calls->join());
    }

    task::TaskClient client() { return task::TaskClient(rpc()); }

    /// `<code> <text>` of a refusal as it was on the wire, or `ok`.
    template <class Response>
    static std::string verdict(const result<Response>& answer) {
        if (answer) return "ok";
        return std::to_string(static_cast<int>(answer.error().kind())) + " " + answer.error().message();
    }

    template <class Request>
    static Request named(const std::string& id, const std::string& exec_id = {}) {
        Request request;
        request.set_id(id);
        if constexpr (requires { request.set_exec_id(exec_id); }) request.set_exec_id(exec_id);
        return request;
    }

    task::CreateTaskRequest create_request(const std::string& id, const std::vector<std::string>& payload) {
        auto container = runtime.make_container(id, payload);
        auto request = named<task::CreateTaskRequest>(id);
        request.set_bundle(container.bundle);
        return request;
    }
    std::uint32_t create(const std::string& id, const std::vector<std::string>& payload) {
        auto created = run(client().Create(create_request(id, payload)));
        REQUIRE(created);
        return created->pid();
    }
    std::uint32_t start(const std::string& id, const std::string& exec_id = {}) {
        auto started = run(client().Start(named<task::StartRequest>(id, exec_id)));
        REQUIRE(started);
        return started->pid();
    }
    void run_container(const std::string& id, const std::vector<std::string>& payload) {
        create(id, payload);
        start(id);
    }
    static task::ExecProcessRequest exec_request(const std::string& id, const std::string& exec_id,
                                                 const std::vector<std::string>& payload) {
        auto request = named<task::ExecProcessRequest>(id, exec_id);
        request.mutable_spec()->set_type_url("types.containerd.io/opencontainers/runtime-spec/1/Process");
        request.mutable_spec()->set_value(fake_runtime::process_json(payload));
        return request;
    }
    void add_exec(const std::string& id, const std::string& exec_id, const std::vector<std::string>& payload) {
        REQUIRE(run(client().Exec(exec_request(id, exec_id, payload))));
    }
    task::WaitResponse wait(const std::string& id, const std::string& exec_id = {}) {
        auto exit = run(client().Wait(named<task::WaitRequest>(id, exec_id)));
        REQUIRE(exit);
        return *exit;
    }

    /// A call that is left to itself. Its verdict appears in what is returned, which lives as long as the fixture.
    template <class Response>
    const std::string& leave(awaitable<result<Response>> call) {
        auto& into = verdicts_.emplace_back();
        calls->spawn("call", note(std::move(call), into));
        return into;
    }

    fake_runtime runtime;
    int shutdowns = 0;
    system::awaited_steps boot{ex()};             // what Create waits for
    process::process_service& processes;
    std::unique_ptr<task_group> calls;

private:
    template <class Response>
    static awaitable<void> note(awaitable<result<Response>> call, std::string& into) {
        auto answer = co_await std::move(call);
        into = verdict(answer);
    }

    process::process_service& make_processes(const host_dialect& dialect) {
        REQUIRE(asio::use_service<reaper::reaper_service>(ctx).become_subreaper());
        asio::make_service<runc::runc_service>(ctx, runtime.config());
        process::process_config config;
        config.dialect = dialect;
        // The fake knows nothing of namespaces, mounts and cgroups; the cgroup its processes are in is ours. A test may
        // write these files.
        config.fits_spec = false;
        config.proc = runtime.path("proc");
        config.cgroup_root = runtime.path("cgroup");
        return asio::make_service<process::process_service>(ctx, std::move(config));
    }

    std::deque<std::string> verdicts_;
};

}  // namespace vminit::test
