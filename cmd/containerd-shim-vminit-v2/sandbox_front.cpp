// SPDX-License-Identifier: Apache-2.0
#include "sandbox_front.hpp"

#include <optional>

#include "github.com/containerd/containerd/api/runtime/sandbox/v1/sandbox.ttrpc.hpp"
#include "timestamps.hpp"
#include "vminit/core/condition.hpp"

namespace vminit::shim {

namespace {

namespace wire = containerd::runtime::sandbox::v1;

constexpr auto spec_type = "types.containerd.io/opencontainers/runtime-spec/1/Spec";

#if defined(__aarch64__)
constexpr auto architecture = "arm64";
#else
constexpr auto architecture = "amd64";
#endif

/// The one pod of a shim.
struct pod {
    explicit pod(pod_setup setup) : setup(std::move(setup)) {}

    pod_setup setup;
    wall_time created_at = wall_now();
    bool is_starting = false;
    std::shared_ptr<shim_process> holder;  // what its namespaces live in; empty: it has not been started
    std::optional<process_exit> stopped;   // before it was ever started

    std::optional<process_exit> end() const { return holder ? holder->exit : stopped; }
    bool is_running() const { return holder && !holder->exit; }
};

class sandbox_front final : public wire::SandboxService {
public:
    sandbox_front(asio::io_context& context, pod_machine& machine, std::function<void()> on_shutdown)
        : machine_(machine), on_shutdown_(std::move(on_shutdown)), changed_(context.get_executor()) {}

    awaitable<result<wire::CreateSandboxResponse>> CreateSandbox(ttrpc::call_context&,
                                                                 wire::CreateSandboxRequest request) override {
        if (pod_) co_return error(errc::already_exists, "sandbox " + pod_->setup.id);
        auto setup = make_pod_setup(request, read_host_identity());
        if (!setup) co_return setup.error();
        pod_ = std::make_shared<pod>(std::move(*setup));
        machine_.expect_pod();
        co_return wire::CreateSandboxResponse();
    }

    awaitable<result<wire::StartSandboxResponse>> StartSandbox(ttrpc::call_context&,
                                                               wire::StartSandboxRequest request) override {
        auto found = find(request.sandbox_id());
        if (!found) co_return found.error();
        auto& starting = **found;
        bool is_new = !starting.is_starting && !starting.holder && !starting.stopped && !is_ending_;
        if (!is_new) co_return error(errc::failed_precondition, "sandbox " + starting.setup.id + ": not a new one");
        // The VM that comes of it belongs to the pod, not to this call: a daemon that gives up stops it.
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        starting.is_starting = true;
        auto setup = starting.setup;
        auto started = co_await machine_.start_pod(std::move(setup));
        starting.is_starting = false;
        auto holder =
            started ? (*started)->find(std::string()) : result<std::shared_ptr<shim_process>>(started.error());
        if (holder) starting.holder = std::move(*holder);
        changed_.notify_all();
        if (!holder) co_return holder.error();
        wire::StartSandboxResponse response;
        response.set_pid(machine_.vmm_pid());
        set_timestamp(*response.mutable_created_at(), starting.created_at);
        response.mutable_spec()->set_type_url(spec_type);
        response.mutable_spec()->set_value(starting.setup.config_json);
        co_return response;
    }

    awaitable<result<wire::PlatformResponse>> Platform(ttrpc::call_context&, wire::PlatformRequest request) override {
        auto found = find(request.sandbox_id());
        if (!found) co_return found.error();
        wire::PlatformResponse response;
        response.mutable_platform()->set_os("linux");
        response.mutable_platform()->set_architecture(architecture);
        co_return response;
    }

    awaitable<result<wire::StopSandboxResponse>> StopSandbox(ttrpc::call_context&,
                                                             wire::StopSandboxRequest request) override {
        auto found = find(request.sandbox_id());
        if (!found) co_return found.error();
        co_await end();
        co_return wire::StopSandboxResponse();
    }

    awaitable<result<wire::WaitSandboxResponse>> WaitSandbox(ttrpc::call_context&,
                                                             wire::WaitSandboxRequest request) override {
        auto found = find(request.sandbox_id());
        if (!found) co_return found.error();
        auto waited = std::move(*found);
        while (!waited->end()) {
            auto& change = waited->holder ? waited->holder->changed : changed_;
            bool goes_on = co_await change.wait();
            if (!goes_on) co_return error(errc::cancelled);
        }
        wire::WaitSandboxResponse response;
        response.set_exit_status(waited->end()->status);
        set_timestamp(*response.mutable_exited_at(), waited->end()->at);
        co_return response;
    }

    awaitable<result<wire::SandboxStatusResponse>> SandboxStatus(ttrpc::call_context&,
                                                                 wire::SandboxStatusRequest request) override {
        auto found = find(request.sandbox_id());
        if (!found) co_return found.error();
        const auto& asked = **found;
        wire::SandboxStatusResponse response;
        response.set_sandbox_id(asked.setup.id);
        response.set_pid(machine_.vmm_pid());
        response.set_state(asked.is_running() ? "SANDBOX_READY" : "SANDBOX_NOTREADY");
        set_timestamp(*response.mutable_created_at(), asked.created_at);
        if (auto end = asked.end()) set_timestamp(*response.mutable_exited_at(), end->at);
        co_return response;
    }

    awaitable<result<wire::PingResponse>> PingSandbox(ttrpc::call_context&, wire::PingRequest request) override {
        auto found = find(request.sandbox_id());
        if (!found) co_return found.error();
        co_return wire::PingResponse();
    }

    awaitable<result<wire::ShutdownSandboxResponse>> ShutdownSandbox(ttrpc::call_context&,
                                                                     wire::ShutdownSandboxRequest request) override {
        // Also after a CreateSandbox that was refused: then there is no pod, and the shim must end all the same.
        if (pod_ && pod_->setup.id != request.sandbox_id()) co_return not_found(request.sandbox_id());
        co_await end();
        if (!std::exchange(is_shut_down_, true)) {
            co_await machine_.forget_containers();
            on_shutdown_();
        }
        co_return wire::ShutdownSandboxResponse();
    }

    awaitable<result<wire::SandboxMetricsResponse>> SandboxMetrics(ttrpc::call_context&,
                                                                   wire::SandboxMetricsRequest request) override {
        auto found = find(request.sandbox_id());
        if (!found) co_return found.error();
        auto metrics = co_await machine_.pod_metrics();
        if (!metrics) co_return metrics.error();
        wire::SandboxMetricsResponse response;
        auto& metric = *response.mutable_metrics();
        metric.set_id(request.sandbox_id());
        set_timestamp(*metric.mutable_timestamp(), wall_now());
        metric.mutable_data()->set_type_url("io.containerd.cgroups.v2.Metrics");
        metric.mutable_data()->set_value(metrics->SerializeAsString());
        co_return response;
    }

private:
    static error not_found(const std::string& id) { return error(errc::not_found, "sandbox " + id); }

    result<std::shared_ptr<pod>> find(const std::string& id) const {
        if (pod_ && pod_->setup.id == id) return pod_;
        return not_found(id);
    }

    // One after the other. What has been begun is done to its end, also when its caller has gone.
    awaitable<void> end() {
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        while (is_ending_ || (pod_ && pod_->is_starting)) co_await changed_.wait();
        is_ending_ = true;
        co_await machine_.end_pod();
        is_ending_ = false;
        if (pod_ && !pod_->end()) pod_->stopped.emplace(0, wall_now());
        changed_.notify_all();
    }

    pod_machine& machine_;
    std::function<void()> on_shutdown_;
    condition changed_;
    std::shared_ptr<pod> pod_;
    bool is_ending_ = false;
    bool is_shut_down_ = false;
};

}  // namespace

std::shared_ptr<ttrpc::service_base> make_sandbox_front(asio::io_context& context, pod_machine& machine,
                                                        std::function<void()> on_shutdown) {
    return std::make_shared<sandbox_front>(context, machine, std::move(on_shutdown));
}

}  // namespace vminit::shim
