// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/system_api.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <chrono>

#include "github.com/spin-stack/spinbox/api/services/system/v1/info.ttrpc.hpp"
#include "guest_snapshot.hpp"
#include "lasting_info.hpp"
#include "metrics_text.hpp"
#include "system_messages.hpp"
#include "vminit/core/log.hpp"
#include "vminit/devices/device_service.hpp"
#include "vminit/events/exchange_service.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/supervisor/supervisor_service.hpp"
#include "vminit/system/system_service.hpp"

namespace vminit::api {

namespace {

namespace proto = containerd::vminitd::services::system::v1;
namespace wire = vminit::system::v1;
using google::protobuf::Empty;
using ttrpc::call_context;

constexpr auto writer_limit = std::chrono::seconds(1);  // of the five that hosts give the whole call

result<Empty> empty(const result<void>& outcome) {
    if (!outcome) return outcome.error();
    return Empty();
}

std::string_view name_of(log_level level) {
    switch (level) {
        case log_level::debug:
            return "debug";
        case log_level::info:
            return "info";
        case log_level::warn:
            return "warn";
        case log_level::error:
            return "error";
    }
    return "error";
}

class system_api final : public proto::SystemService {
public:
    system_api(asio::io_context& context, const system::boot_timeline& timeline)
        : context_(context),
          system_(asio::use_service<system::system_service>(context)),
          devices_(asio::use_service<devices::device_service>(context)),
          exchange_(asio::use_service<events::exchange_service>(context)),
          log_(log_of(context)),
          timeline_(timeline),
          lasting_(context) {}

    awaitable<result<ttrpc::serialized>> Info(call_context&, Empty) override { return info(); }
    awaitable<result<ttrpc::serialized>> SystemInfo(call_context&, Empty) override { return info(); }

    awaitable<result<Empty>> PrepareShutdown(call_context&, Empty) override {
        co_await stop_writers();
        co_await system_.clean_up();
        co_return Empty();
    }

    awaitable<result<Empty>> OfflineCPU(call_context&, proto::OfflineCPURequest request) override {
        auto outcome = co_await system_.offline_cpu(request.cpu_id());
        co_return empty(outcome);
    }

    awaitable<result<Empty>> OnlineCPU(call_context&, proto::OnlineCPURequest request) override {
        auto outcome = co_await system_.online_cpu(request.cpu_id());
        co_return empty(outcome);
    }

    awaitable<result<Empty>> OfflineMemory(call_context&, proto::OfflineMemoryRequest request) override {
        auto outcome = co_await system_.offline_memory(request.memory_id());
        co_return empty(outcome);
    }

    awaitable<result<Empty>> OnlineMemory(call_context&, proto::OnlineMemoryRequest request) override {
        auto outcome = co_await system_.online_memory(request.memory_id());
        co_return empty(outcome);
    }

    awaitable<result<proto::FreezeFilesystemsResponse>> FreezeFilesystems(call_context&, Empty) override {
        auto frozen = co_await system_.freeze_filesystems();
        if (!frozen) co_return frozen.error();
        proto::FreezeFilesystemsResponse response;
        for (auto& mount_point : *frozen) response.add_frozen(std::move(mount_point));
        co_return response;
    }

    awaitable<result<Empty>> ThawFilesystems(call_context&, Empty) override {
        auto outcome = co_await system_.thaw_filesystems();
        co_return empty(outcome);
    }

    awaitable<result<proto::BootTimelineResponse>> BootTimeline(call_context&, Empty) override {
        co_return to_message(timeline_);
    }

    awaitable<result<wire::HealthResponse>> Health(call_context&, Empty) override {
        auto snapshot = co_await take_snapshot(context_, timeline_);
        co_return to_health(snapshot);
    }

    awaitable<result<wire::MetricsResponse>> Metrics(call_context&, Empty) override {
        auto snapshot = co_await take_snapshot(context_, timeline_);
        wire::MetricsResponse response;
        response.set_text(metrics_text(snapshot));
        co_return response;
    }

    awaitable<result<wire::ResumeResponse>> Resume(call_context&, wire::ResumeRequest request) override {
        auto wanted = from_message(std::move(request));
        if (!wanted) co_return wanted.error();
        auto outcome = co_await system_.resume(std::move(*wanted));
        if (!outcome) co_return outcome.error();
        auto moved = std::chrono::duration_cast<std::chrono::milliseconds>(outcome->after - outcome->before).count();
        log_.info("resumed", {{"clock_moved_ms", moved}, {"entropy_bytes", outcome->entropy_bytes}});
        exchange_.publish(to_event(*outcome));
        co_return to_message(*outcome);
    }

    awaitable<result<wire::SetLogLevelResponse>> SetLogLevel(call_context&, wire::SetLogLevelRequest request) override {
        log_level level{};
        if (!parse_log_level(request.level(), level)) {
            co_return error(errc::invalid_argument, "log level \"" + request.level() + "\"");
        }
        wire::SetLogLevelResponse response;
        response.set_previous(std::string(name_of(log_.level())));
        log_.set_level(level);
        log_.info("log level set", {{"level", request.level()}, {"previous", response.previous()}});
        co_return response;
    }

    awaitable<result<wire::DevicesResponse>> Devices(call_context&, Empty) override {
        auto blocks = co_await devices_.list_blocks();
        if (!blocks) co_return blocks.error();
        co_return to_message(*blocks);
    }

    awaitable<result<wire::ContainersResponse>> Containers(call_context&, Empty) override {
        co_return to_message(asio::use_service<process::process_service>(context_).containers());
    }

private:
    // What goes on writing would be lost: the host takes the answer to mean that all is on the disks.
    awaitable<void> stop_writers() {
        using namespace asio::experimental::awaitable_operators;
        auto& containers = asio::use_service<process::process_service>(context_);
        auto& agents = asio::use_service<supervisor::supervisor_service>(context_);
        co_await (containers.kill_all(writer_limit) && agents.stop());
    }

    awaitable<result<ttrpc::serialized>> info() {
        if (!lasting_.is_current()) {
            auto looked = co_await lasting_.look();
            if (!looked) co_return looked.error();
        }
        proto::InfoResponse changing;
        changing.set_uptime_us(static_cast<std::uint64_t>(timeline_.now().count()));
        for (const auto& step : timeline_.steps()) {
            if (step.outcome != system::step_outcome::ok) set_step(*changing.add_degraded_steps(), step);
        }
        ttrpc::serialized answer;
        answer.bytes.reserve(lasting_.bytes().size() + changing.ByteSizeLong());
        answer.bytes = lasting_.bytes();
        changing.AppendToString(&answer.bytes);
        co_return answer;
    }

    asio::io_context& context_;
    system::system_service& system_;
    devices::device_service& devices_;
    events::exchange_service& exchange_;
    logger& log_;
    const system::boot_timeline& timeline_;
    lasting_info lasting_;
};

}  // namespace

std::shared_ptr<ttrpc::service_base> make_system_api(asio::io_context& context, const system::boot_timeline& timeline) {
    return std::make_shared<system_api>(context, timeline);
}

}  // namespace vminit::api
