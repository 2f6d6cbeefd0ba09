#include "vminit/api/system_api.hpp"

#include "github.com/spin-stack/spinbox/api/services/system/v1/info.ttrpc.hpp"
#include "vminit/system/system_service.hpp"

namespace vminit::api {

namespace {

namespace proto = containerd::vminitd::services::system::v1;
using google::protobuf::Empty;

result<Empty> empty(const result<void>& outcome) {
    if (!outcome) return outcome.error();
    return Empty();
}

proto::BootStep_Outcome to_outcome(system::step_outcome outcome) {
    switch (outcome) {
        case system::step_outcome::ok: return proto::BootStep_Outcome_OK;
        case system::step_outcome::degraded: return proto::BootStep_Outcome_DEGRADED;
        case system::step_outcome::failed: return proto::BootStep_Outcome_FAILED;
    }
    return proto::BootStep_Outcome_FAILED;
}

std::uint64_t to_count(system::uptime time) { return static_cast<std::uint64_t>(time.count()); }

class system_api final : public proto::SystemService {
public:
    system_api(asio::io_context& context, const system::boot_timeline& timeline)
        : system_(asio::use_service<system::system_service>(context)), timeline_(timeline) {}

    awaitable<result<proto::InfoResponse>> Info(ttrpc::call_context&, Empty) override {
        auto info = co_await system_.info();
        if (!info) co_return info.error();
        proto::InfoResponse response;
        response.set_version(info->version);
        response.set_kernel_version(info->kernel_version);
        co_return response;
    }

    awaitable<result<Empty>> PrepareShutdown(ttrpc::call_context&, Empty) override {
        co_await system_.clean_up();
        co_return Empty();
    }

    awaitable<result<Empty>> OfflineCPU(ttrpc::call_context&, proto::OfflineCPURequest request) override {
        auto outcome = co_await system_.offline_cpu(request.cpu_id());
        co_return empty(outcome);
    }

    awaitable<result<Empty>> OnlineCPU(ttrpc::call_context&, proto::OnlineCPURequest request) override {
        auto outcome = co_await system_.online_cpu(request.cpu_id());
        co_return empty(outcome);
    }

    awaitable<result<Empty>> OfflineMemory(ttrpc::call_context&, proto::OfflineMemoryRequest request) override {
        auto outcome = co_await system_.offline_memory(request.memory_id());
        co_return empty(outcome);
    }

    awaitable<result<Empty>> OnlineMemory(ttrpc::call_context&, proto::OnlineMemoryRequest request) override {
        auto outcome = co_await system_.online_memory(request.memory_id());
        co_return empty(outcome);
    }

    awaitable<result<proto::FreezeFilesystemsResponse>> FreezeFilesystems(ttrpc::call_context&, Empty) override {
        auto frozen = co_await system_.freeze_filesystems();
        if (!frozen) co_return frozen.error();
        proto::FreezeFilesystemsResponse response;
        for (auto& mount_point : *frozen) response.add_frozen(std::move(mount_point));
        co_return response;
    }

    awaitable<result<Empty>> ThawFilesystems(ttrpc::call_context&, Empty) override {
        auto outcome = co_await system_.thaw_filesystems();
        co_return empty(outcome);
    }

    awaitable<result<proto::BootTimelineResponse>> BootTimeline(ttrpc::call_context&, Empty) override {
        proto::BootTimelineResponse response;
        for (const auto& record : timeline_.steps()) {
            auto* step = response.add_steps();
            step->set_name(record.name);
            step->set_started_us(to_count(record.started));
            step->set_ended_us(to_count(record.ended));
            step->set_outcome(to_outcome(record.outcome));
            step->set_text(record.text);
        }
        for (const auto& reached : timeline_.milestones()) {
            auto* milestone = response.add_milestones();
            milestone->set_phase(reached.phase);
            milestone->set_at_us(to_count(reached.at));
        }
        co_return response;
    }

private:
    system::system_service& system_;
    const system::boot_timeline& timeline_;
};

}  // namespace

std::shared_ptr<ttrpc::service_base> make_system_api(asio::io_context& context, const system::boot_timeline& timeline) {
    return std::make_shared<system_api>(context, timeline);
}

}  // namespace vminit::api
