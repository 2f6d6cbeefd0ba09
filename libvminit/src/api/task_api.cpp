// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/task_api.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "github.com/containerd/containerd/api/types/runc/options/oci.pb.h"
#include "github.com/containerd/containerd/api/runtime/task/v3/shim.ttrpc.hpp"
#include "message_fields.hpp"
#include "metrics_messages.hpp"
#include "task_messages.hpp"
#include "vminit/core/log.hpp"
#include "vminit/process/process_service.hpp"

namespace vminit::api {

namespace {

namespace task = containerd::task::v3;
using google::protobuf::Empty;

class task_api final : public task::TaskService {
public:
    task_api(asio::io_context& context, task_api_options options)
        : processes_(asio::use_service<process::process_service>(context)),
          log_(log_of(context)),
          options_(std::move(options)) {}

    awaitable<result<task::StateResponse>> State(ttrpc::call_context&, task::StateRequest request) override {
        auto snapshot = processes_.state(request.id(), request.exec_id());
        if (!snapshot) co_return snapshot.error();
        task::StateResponse response;
        fill(response, *snapshot);
        co_return response;
    }

    awaitable<result<task::CreateTaskResponse>> Create(ttrpc::call_context&, task::CreateTaskRequest request) override {
        auto bundle = request.bundle();
        auto wanted = to_create_request(request, log_);
        if (!wanted) {
            co_await processes_.drop_bundle(std::move(bundle));
            co_return wanted.error();
        }
        auto pid = co_await processes_.create(std::move(*wanted));
        if (!pid) co_return pid.error();
        task::CreateTaskResponse response;
        response.set_pid(*pid);
        co_return response;
    }

    awaitable<result<task::StartResponse>> Start(ttrpc::call_context&, task::StartRequest request) override {
        auto pid = co_await processes_.start(request.id(), request.exec_id());
        if (!pid) co_return pid.error();
        task::StartResponse response;
        response.set_pid(*pid);
        co_return response;
    }

    awaitable<result<task::DeleteResponse>> Delete(ttrpc::call_context& call, task::DeleteRequest request) override {
        auto exit = co_await processes_.remove(request.id(), request.exec_id(), call.deadline());
        if (!exit) co_return exit.error();
        task::DeleteResponse response;
        response.set_pid(exit->pid);
        response.set_exit_status(exit->status);
        set_timestamp(*response.mutable_exited_at(), exit->exited_at);
        co_return response;
    }

    awaitable<result<task::PidsResponse>> Pids(ttrpc::call_context&, task::PidsRequest request) override {
        auto pids = co_await processes_.pids(request.id());
        if (!pids) co_return pids.error();
        task::PidsResponse response;
        for (const auto& process : *pids) {
            auto* info = response.add_processes();
            info->set_pid(process.pid);
            if (process.exec_id.empty()) continue;
            containerd::runc::v1::ProcessDetails details;
            details.set_exec_id(process.exec_id);
            pack(*info->mutable_info(), details);
        }
        co_return response;
    }

    awaitable<result<Empty>> Pause(ttrpc::call_context&, task::PauseRequest request) override {
        auto outcome = co_await processes_.pause(request.id());
        co_return empty(outcome);
    }

    awaitable<result<Empty>> Resume(ttrpc::call_context&, task::ResumeRequest request) override {
        auto outcome = co_await processes_.resume(request.id());
        co_return empty(outcome);
    }

    awaitable<result<Empty>> Checkpoint(ttrpc::call_context&, task::CheckpointTaskRequest request) override {
        auto wanted = to_checkpoint_request(request);
        if (!wanted) co_return wanted.error();
        auto outcome = co_await processes_.checkpoint(std::move(*wanted));
        co_return empty(outcome);
    }

    awaitable<result<Empty>> Kill(ttrpc::call_context&, task::KillRequest request) override {
        auto scope = request.all() ? runc::kill_scope::all : runc::kill_scope::one;
        auto outcome = co_await processes_.kill(request.id(), request.exec_id(), request.signal(), scope);
        co_return empty(outcome);
    }

    awaitable<result<Empty>> Exec(ttrpc::call_context&, task::ExecProcessRequest request) override {
        if (!request.has_spec()) co_return error(errc::invalid_argument, "exec process spec is missing");
        auto outcome = co_await processes_.exec(to_exec_request(request));
        co_return empty(outcome);
    }

    awaitable<result<Empty>> ResizePty(ttrpc::call_context&, task::ResizePtyRequest request) override {
        auto outcome = co_await processes_.resize(request.id(), request.exec_id(), request.width(), request.height());
        co_return empty(outcome);
    }

    awaitable<result<Empty>> CloseIO(ttrpc::call_context&, task::CloseIORequest request) override {
        if (!request.stdin() && processes_.dialect().close_io == close_io_meaning::nothing) {
            auto known = processes_.state(request.id(), request.exec_id());
            if (!known) co_return known.error();
            co_return Empty();
        }
        auto outcome = co_await processes_.close_io(request.id(), request.exec_id());
        co_return empty(outcome);
    }

    awaitable<result<Empty>> Update(ttrpc::call_context&, task::UpdateTaskRequest request) override {
        if (!request.has_resources()) co_return error(errc::invalid_argument, "resources are missing");
        auto outcome = co_await processes_.update(request.id(), request.resources().value());
        co_return empty(outcome);
    }

    awaitable<result<task::WaitResponse>> Wait(ttrpc::call_context&, task::WaitRequest request) override {
        auto exit = co_await processes_.wait(request.id(), request.exec_id());
        if (!exit) co_return exit.error();
        task::WaitResponse response;
        response.set_exit_status(exit->status);
        set_timestamp(*response.mutable_exited_at(), exit->exited_at);
        co_return response;
    }

    awaitable<result<task::StatsResponse>> Stats(ttrpc::call_context&, task::StatsRequest request) override {
        auto metrics = co_await processes_.stats(request.id());
        if (!metrics) co_return metrics.error();
        task::StatsResponse response;
        pack(*response.mutable_stats(), to_message(*metrics));
        co_return response;
    }

    awaitable<result<task::ConnectResponse>> Connect(ttrpc::call_context&, task::ConnectRequest request) override {
        task::ConnectResponse response;
        response.set_shim_pid(static_cast<std::uint32_t>(::getpid()));
        response.set_task_pid(processes_.init_pid(request.id()).value_or(0));
        co_return response;
    }

    awaitable<result<Empty>> Shutdown(ttrpc::call_context&, task::ShutdownRequest) override {
        if (processes_.container_count() == 0 && options_.on_shutdown) options_.on_shutdown();
        co_return Empty();
    }

private:
    static result<Empty> empty(const result<void>& outcome) {
        if (!outcome) return outcome.error();
        return Empty();
    }

    process::process_service& processes_;
    logger& log_;
    task_api_options options_;
};

}  // namespace

std::shared_ptr<ttrpc::service_base> make_task_api(asio::io_context& context, task_api_options options) {
    return std::make_shared<task_api>(context, std::move(options));
}

}  // namespace vminit::api
