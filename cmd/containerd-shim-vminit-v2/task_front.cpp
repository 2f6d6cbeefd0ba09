// SPDX-License-Identifier: Apache-2.0
#include "task_front.hpp"

#include <unistd.h>

#include "github.com/containerd/containerd/api/runtime/task/v3/shim.ttrpc.hpp"
#include "timestamps.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::shim {

namespace {

namespace task = containerd::task::v3;
using google::protobuf::Empty;
using namespace std::chrono_literals;
using containerd::v1::types::Status;

constexpr auto call_limit = 60s;  // of a call to the guest
constexpr auto state_limit = 2s;  // after that State is answered from what is known here
constexpr auto told_limit = 35s;  // for an exit to be told: its output may hold it back 30 s

ttrpc::call_options limit_of(clock::duration limit) { return ttrpc::call_options(limit); }

class task_front final : public task::TaskService {
public:
    task_front(asio::io_context& context, sandbox& vm, std::function<void()> on_shutdown)
        : context_(context), vm_(vm), on_shutdown_(std::move(on_shutdown)) {}

    awaitable<result<task::CreateTaskResponse>> Create(ttrpc::call_context&, task::CreateTaskRequest request) override {
        if (!request.checkpoint().empty()) co_return error(errc::not_implemented, "create from a checkpoint");
        auto container = co_await vm_.create(std::move(request));
        if (!container) co_return container.error();
        task::CreateTaskResponse response;
        response.set_pid((*container)->pid());
        co_return response;
    }

    awaitable<result<task::StartResponse>> Start(ttrpc::call_context&, task::StartRequest request) override {
        auto found = find(request.id(), request.exec_id());
        if (!found) co_return found.error();
        auto guest = vm_.guest();
        if (!guest) co_return guest.error();
        auto tasks = guest->task();
        auto started = co_await tasks.Start(request, limit_of(call_limit));
        if (!started) co_return started.error();
        found->process->is_started = true;
        auto begun = found->process->stdio->begin();
        // The process runs: without its input it is still what was asked for.
        if (!begun) log_of(context_).warn("no input", {{"id", request.id()}, {"error", begun.error()}});
        task::StartResponse response;
        response.set_pid(found->container->pid());
        co_return response;
    }

    awaitable<result<task::DeleteResponse>> Delete(ttrpc::call_context&, task::DeleteRequest request) override {
        auto found = find(request.id(), request.exec_id());
        if (!found) co_return found.error();
        auto& process = *found->process;
        if (auto guest = vm_.guest(); guest && !found->container->is_lost) {
            auto tasks = guest->task();
            auto deleted = co_await tasks.Delete(request, limit_of(call_limit));
            if (!deleted && vm_.has_vm()) co_return deleted.error();
            // An exec that never ran has no exit to tell.
            if (deleted && !process.exit && !request.exec_id().empty() && !process.is_started) {
                process.tell_exit(process_exit(deleted->exit_status(), from_timestamp(deleted->exited_at())));
            }
        }
        auto told = co_await with_timeout(exit_of(found->process), told_limit, "exit of " + request.id());
        if (!told) co_return told.error();
        task::DeleteResponse response;
        response.set_pid(found->container->pid());
        response.set_exit_status(told->status);
        set_timestamp(*response.mutable_exited_at(), told->at);
        if (!request.exec_id().empty()) {
            found->container->remove(request.exec_id());
            co_await process.stdio->end_logger();
        }
        if (request.exec_id().empty()) {
            found->container->tell_deleted(*told);
            co_await vm_.remove(found->container);
        }
        co_return response;
    }

    awaitable<result<task::StateResponse>> State(ttrpc::call_context&, task::StateRequest request) override {
        auto found = find(request.id(), request.exec_id());
        if (!found) co_return found.error();
        task::StateResponse response;
        if (auto guest = vm_.guest()) {
            auto tasks = guest->task();
            auto state = co_await tasks.State(request, limit_of(state_limit));
            if (state) response = std::move(*state);
        }
        const auto& process = *found->process;
        if (response.status() == Status::UNKNOWN)
            response.set_status(process.is_started ? Status::RUNNING : Status::CREATED);
        // A process whose exit has not been told is one that runs: who sees it stopped asks for the exit.
        if (response.status() == Status::STOPPED && !process.exit) response.set_status(Status::RUNNING);
        if (process.exit) {
            response.set_status(Status::STOPPED);
            response.set_exit_status(process.exit->status);
            set_timestamp(*response.mutable_exited_at(), process.exit->at);
        }
        const auto& names = process.stdio->names();
        response.set_id(request.id());
        response.set_exec_id(request.exec_id());
        response.set_bundle(found->container->bundle());
        response.set_pid(found->container->pid());
        response.set_stdin(names.in);
        response.set_stdout(names.out);
        response.set_stderr(names.err);
        response.set_terminal(names.is_terminal);
        co_return response;
    }

    awaitable<result<task::WaitResponse>> Wait(ttrpc::call_context&, task::WaitRequest request) override {
        auto found = find(request.id(), request.exec_id());
        if (!found) co_return found.error();
        auto exit = co_await exit_of(found->process);
        if (!exit) co_return exit.error();
        task::WaitResponse response;
        response.set_exit_status(exit->status);
        set_timestamp(*response.mutable_exited_at(), exit->at);
        co_return response;
    }

    awaitable<result<Empty>> Exec(ttrpc::call_context&, task::ExecProcessRequest request) override {
        auto container = vm_.find(request.id());
        if (!container) co_return container.error();
        auto guest = vm_.guest();
        if (!guest) co_return guest.error();
        stdio_names names{request.stdin(), request.stdout(), request.stderr(), request.terminal()};
        auto stdio = (*container)->make_stdio(std::move(names), request.exec_id());
        auto added = (*container)->add(request.exec_id(), stdio);
        if (!added) co_return added.error();
        auto done = co_await stdio->open(vm_.stream_address(), vm_.next_stream_ids());
        if (done) done = co_await exec_in_guest(std::move(*guest), request, stdio->guest_names());
        if (done) co_return Empty();
        (*container)->remove(request.exec_id());
        co_await stdio->end_logger();
        co_return done.error();
    }

    awaitable<result<Empty>> CloseIO(ttrpc::call_context&, task::CloseIORequest request) override {
        auto found = find(request.id(), request.exec_id());
        if (!found) co_return found.error();
        found->process->stdio->close_input();
        co_return Empty();
    }

    awaitable<result<task::PidsResponse>> Pids(ttrpc::call_context&, task::PidsRequest request) override {
        auto container = vm_.find(request.id());
        if (!container) co_return container.error();
        auto guest = vm_.guest();
        if (!guest) co_return guest.error();
        auto tasks = guest->task();
        co_return co_await tasks.Pids(std::move(request), limit_of(call_limit));
    }

    awaitable<result<task::ConnectResponse>> Connect(ttrpc::call_context&, task::ConnectRequest request) override {
        task::ConnectResponse response;
        response.set_shim_pid(static_cast<std::uint32_t>(::getpid()));
        if (auto container = vm_.find(request.id())) response.set_task_pid((*container)->pid());
        co_return response;
    }

    awaitable<result<Empty>> Shutdown(ttrpc::call_context&, task::ShutdownRequest) override {
        // The daemon asks after the Delete of each container of a pod.
        if (!vm_.is_empty()) co_return Empty();
        co_await vm_.stop();
        on_shutdown_();
        co_return Empty();
    }

    awaitable<result<Empty>> Kill(ttrpc::call_context&, task::KillRequest request) override {
        return forwarded<&task::TaskClient::Kill>(std::move(request));
    }
    awaitable<result<Empty>> Pause(ttrpc::call_context&, task::PauseRequest request) override {
        return forwarded<&task::TaskClient::Pause>(std::move(request));
    }
    awaitable<result<Empty>> Resume(ttrpc::call_context&, task::ResumeRequest request) override {
        return forwarded<&task::TaskClient::Resume>(std::move(request));
    }
    awaitable<result<Empty>> Checkpoint(ttrpc::call_context&, task::CheckpointTaskRequest request) override {
        return forwarded<&task::TaskClient::Checkpoint>(std::move(request));
    }
    awaitable<result<Empty>> ResizePty(ttrpc::call_context&, task::ResizePtyRequest request) override {
        return forwarded<&task::TaskClient::ResizePty>(std::move(request));
    }
    awaitable<result<Empty>> Update(ttrpc::call_context&, task::UpdateTaskRequest request) override {
        auto known = vm_.find(request.id());
        if (!known) co_return known.error();
        auto before = vm_.limits_of(request.id());
        auto limits = updated_limits(before, request.resources().value());
        if (!limits) co_return limits.error();
        // More must be there before it may be used.
        auto grown = co_await vm_.set_limits(request.id(), *limits);
        if (!grown) co_return grown.error();
        auto id = request.id();
        auto updated = co_await forwarded<&task::TaskClient::Update>(std::move(request));
        if (!updated) (void)co_await vm_.set_limits(std::move(id), before);
        co_return updated;
    }
    awaitable<result<task::StatsResponse>> Stats(ttrpc::call_context&, task::StatsRequest request) override {
        return forwarded<&task::TaskClient::Stats>(std::move(request));
    }

private:
    struct found_process {
        std::shared_ptr<shim_container> container;
        std::shared_ptr<shim_process> process;
    };

    result<found_process> find(const std::string& id, const std::string& exec_id) const {
        auto container = vm_.find(id);
        if (!container) return container.error();
        auto process = (*container)->find(exec_id);
        if (!process) return process.error();
        return found_process{std::move(*container), std::move(*process)};
    }

    static awaitable<result<process_exit>> exit_of(std::shared_ptr<shim_process> process) {
        while (!process->exit) {
            auto state = co_await asio::this_coro::cancellation_state;
            if (state.cancelled() != asio::cancellation_type::none) co_return error(errc::cancelled);
            co_await process->changed.wait();
        }
        co_return *process->exit;
    }

    static awaitable<result<void>> exec_in_guest(guest_link::calls guest, task::ExecProcessRequest request,
                                                 stdio_names names) {
        request.set_stdin(names.in);
        request.set_stdout(names.out);
        request.set_stderr(names.err);
        auto tasks = guest.task();
        auto done = co_await tasks.Exec(std::move(request), limit_of(call_limit));
        if (!done) co_return done.error();
        co_return result<void>();
    }

    // Answered by the guest, whose ids are the daemon's.
    template <auto Method, class Request>
    auto forwarded(Request request)
        -> decltype((std::declval<task::TaskClient&>().*Method)(request, ttrpc::call_options())) {
        auto container = vm_.find(request.id());
        if (!container) co_return container.error();
        auto guest = vm_.guest();
        if (!guest) co_return guest.error();
        auto tasks = guest->task();
        co_return co_await (tasks.*Method)(std::move(request), limit_of(call_limit));
    }

    asio::io_context& context_;
    sandbox& vm_;
    std::function<void()> on_shutdown_;
};

}  // namespace

std::shared_ptr<ttrpc::service_base> make_task_front(asio::io_context& context, sandbox& vm,
                                                     std::function<void()> on_shutdown) {
    return std::make_shared<task_front>(context, vm, std::move(on_shutdown));
}

}  // namespace vminit::shim
