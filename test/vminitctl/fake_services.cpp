// SPDX-License-Identifier: Apache-2.0
#include "fake_services.hpp"

#include <fmt/format.h>

#include "github.com/containerd/cgroups/cgroup2/stats/metrics.pb.h"
#include "github.com/containerd/containerd/api/runtime/task/v3/shim.ttrpc.hpp"
#include "github.com/spin-stack/spinbox/api/services/bundle/v1/bundle.ttrpc.hpp"
#include "github.com/spin-stack/spinbox/api/services/system/v1/info.ttrpc.hpp"
#include "github.com/spin-stack/spinbox/api/services/vmevents/v1/events.ttrpc.hpp"
#include "vminit/process/v1/container.ttrpc.hpp"
#include "vminit/supervisor/v1/supervisor.ttrpc.hpp"

namespace vminit::test {

namespace {

namespace task = containerd::task::v3;
namespace bundle = containerd::vminitd::services::bundle::v1;
namespace system_api = containerd::vminitd::services::system::v1;
namespace vmevents = spinbox::services::vmevents::v1;
namespace own = vminit::system::v1;
namespace containers = vminit::process::v1;
namespace supervised = vminit::supervisor::v1;
using google::protobuf::Empty;
using ttrpc::call_context;

constexpr std::uint32_t fake_pid = 42;
constexpr std::int64_t exit_time = 1772352930;

template <class Request>
std::string name_of(const Request& request) {
    return request.exec_id().empty() ? request.id() : request.id() + "/" + request.exec_id();
}

class fake_task : public task::TaskService {
public:
    explicit fake_task(fake_guest& guest) : guest_(guest) {}

    awaitable<result<task::StateResponse>> State(call_context&, task::StateRequest request) override {
        if (auto failure = guest_.note("State", name_of(request))) co_return *failure;
        task::StateResponse response;
        response.set_id(request.id());
        response.set_pid(fake_pid);
        response.set_status(containerd::v1::types::RUNNING);
        response.set_terminal(guest_.has_terminal);
        co_return response;
    }

    awaitable<result<task::CreateTaskResponse>> Create(call_context&, task::CreateTaskRequest request) override {
        guest_.created = request;
        if (auto failure = guest_.note("Create", request.id())) co_return *failure;
        co_await guest_.answer_time("Create");
        auto added = guest_.add_process(request.id(), "", request.stdin(), request.stdout(), request.stderr());
        if (!added) co_return added.error();
        task::CreateTaskResponse response;
        response.set_pid(fake_pid);
        co_return response;
    }

    awaitable<result<task::StartResponse>> Start(call_context&, task::StartRequest request) override {
        if (auto failure = guest_.note("Start", name_of(request))) co_return *failure;
        co_await guest_.answer_time("Start");
        guest_.start_process(request.id(), request.exec_id());
        task::StartResponse response;
        response.set_pid(fake_pid);
        co_return response;
    }

    awaitable<result<task::DeleteResponse>> Delete(call_context&, task::DeleteRequest request) override {
        if (auto failure = guest_.note("Delete", name_of(request))) co_return *failure;
        co_await guest_.answer_time("Delete");
        task::DeleteResponse response;
        response.set_pid(fake_pid);
        response.set_exit_status(137);
        response.mutable_exited_at()->set_seconds(exit_time);
        co_return response;
    }

    awaitable<result<task::PidsResponse>> Pids(call_context&, task::PidsRequest request) override {
        if (auto failure = guest_.note("Pids", request.id())) co_return *failure;
        task::PidsResponse response;
        response.add_processes()->set_pid(fake_pid);
        co_return response;
    }

    awaitable<result<Empty>> Pause(call_context&, task::PauseRequest request) override {
        co_return empty("Pause", request.id());
    }
    awaitable<result<Empty>> Resume(call_context&, task::ResumeRequest request) override {
        co_return empty("Resume", request.id());
    }
    awaitable<result<Empty>> Checkpoint(call_context&, task::CheckpointTaskRequest request) override {
        co_return empty("Checkpoint", request.id());
    }

    awaitable<result<Empty>> Kill(call_context&, task::KillRequest request) override {
        auto what = fmt::format("{} {}{}", name_of(request), request.signal(), request.all() ? " all" : "");
        if (auto failure = guest_.note("Kill", what)) co_return *failure;
        co_await guest_.answer_time("Kill");
        auto& process = guest_.process_of(request.id(), request.exec_id());
        process.signals.push_back(request.signal());
        process.changed.notify_all();
        co_return Empty();
    }

    awaitable<result<Empty>> Exec(call_context&, task::ExecProcessRequest request) override {
        guest_.executed = request;
        if (auto failure = guest_.note("Exec", name_of(request))) co_return *failure;
        auto added =
            guest_.add_process(request.id(), request.exec_id(), request.stdin(), request.stdout(), request.stderr());
        if (!added) co_return added.error();
        co_return Empty();
    }

    awaitable<result<Empty>> ResizePty(call_context&, task::ResizePtyRequest request) override {
        co_return empty("ResizePty", fmt::format("{} {}x{}", name_of(request), request.width(), request.height()));
    }

    awaitable<result<Empty>> CloseIO(call_context&, task::CloseIORequest request) override {
        if (auto failure = guest_.note("CloseIO", name_of(request) + (request.stdin() ? " stdin" : "")))
            co_return *failure;
        auto& process = guest_.process_of(request.id(), request.exec_id());
        process.is_stdin_closed = true;
        process.changed.notify_all();
        co_return Empty();
    }

    awaitable<result<Empty>> Update(call_context&, task::UpdateTaskRequest request) override {
        guest_.updated = request;
        co_return empty("Update", request.id());
    }

    awaitable<result<task::WaitResponse>> Wait(call_context&, task::WaitRequest request) override {
        if (auto failure = guest_.note("Wait", name_of(request))) co_return *failure;
        auto& process = guest_.process_of(request.id(), request.exec_id());
        while (!process.exit_status) co_await process.changed.wait();
        task::WaitResponse response;
        response.set_exit_status(*process.exit_status);
        response.mutable_exited_at()->set_seconds(exit_time);
        co_return response;
    }

    awaitable<result<task::StatsResponse>> Stats(call_context&, task::StatsRequest request) override {
        if (auto failure = guest_.note("Stats", request.id())) co_return *failure;
        co_await guest_.answer_time("Stats");
        io::containerd::cgroups::v2::Metrics metrics;
        metrics.mutable_cpu()->set_usage_usec(1000);
        metrics.mutable_memory()->set_usage(2048);
        metrics.mutable_pids()->set_current(1);
        task::StatsResponse response;
        response.mutable_stats()->set_type_url("io.containerd.cgroups.v2.Metrics");
        response.mutable_stats()->set_value(metrics.SerializeAsString());
        co_return response;
    }

    awaitable<result<task::ConnectResponse>> Connect(call_context&, task::ConnectRequest request) override {
        if (auto failure = guest_.note("Connect", request.id())) co_return *failure;
        co_return task::ConnectResponse();
    }

    awaitable<result<Empty>> Shutdown(call_context&, task::ShutdownRequest) override {
        auto answer = empty("Shutdown", "");
        if (guest_.is_powered_off_by_shutdown) guest_.power_off();
        co_return answer;
    }

private:
    result<Empty> empty(const std::string& method, const std::string& what) {
        if (auto failure = guest_.note(method, what)) return *failure;
        return Empty();
    }

    fake_guest& guest_;
};

class fake_bundle : public bundle::BundleService {
public:
    explicit fake_bundle(fake_guest& guest) : guest_(guest) {}

    awaitable<result<bundle::CreateResponse>> Create(call_context&, bundle::CreateRequest request) override {
        if (auto failure = guest_.note("Bundle", request.id())) co_return *failure;
        co_await guest_.answer_time("Bundle");
        for (const auto& [name, content] : request.files()) guest_.bundle_files[name] = content;
        bundle::CreateResponse response;
        response.set_bundle("/run/bundles/" + request.id());
        co_return response;
    }

private:
    fake_guest& guest_;
};

class fake_system : public system_api::SystemService {
public:
    explicit fake_system(fake_guest& guest) : guest_(guest) {}

    awaitable<result<ttrpc::serialized>> Info(call_context&, Empty) override { co_return info("Info"); }
    awaitable<result<ttrpc::serialized>> SystemInfo(call_context&, Empty) override { co_return info("SystemInfo"); }
    awaitable<result<Empty>> PrepareShutdown(call_context&, Empty) override { co_return empty("PrepareShutdown"); }
    awaitable<result<Empty>> OfflineCPU(call_context&, system_api::OfflineCPURequest request) override {
        co_return empty("OfflineCPU", std::to_string(request.cpu_id()));
    }
    awaitable<result<Empty>> OnlineCPU(call_context&, system_api::OnlineCPURequest request) override {
        co_return empty("OnlineCPU", std::to_string(request.cpu_id()));
    }
    awaitable<result<Empty>> OfflineMemory(call_context&, system_api::OfflineMemoryRequest request) override {
        co_return empty("OfflineMemory", std::to_string(request.memory_id()));
    }
    awaitable<result<Empty>> OnlineMemory(call_context&, system_api::OnlineMemoryRequest request) override {
        co_return empty("OnlineMemory", std::to_string(request.memory_id()));
    }
    awaitable<result<system_api::FreezeFilesystemsResponse>> FreezeFilesystems(call_context&, Empty) override {
        if (auto failure = guest_.note("FreezeFilesystems", "")) co_return *failure;
        system_api::FreezeFilesystemsResponse response;
        for (const auto& mount_point : guest_.frozen) response.add_frozen(mount_point);
        co_return response;
    }
    awaitable<result<Empty>> ThawFilesystems(call_context&, Empty) override { co_return empty("ThawFilesystems"); }
    awaitable<result<system_api::BootTimelineResponse>> BootTimeline(call_context&, Empty) override {
        if (auto failure = guest_.note("BootTimeline", "")) co_return *failure;
        system_api::BootTimelineResponse response;
        auto& step = *response.add_steps();
        step.set_name("mount-filesystems");
        step.set_started_us(1000);
        step.set_ended_us(3000);
        co_return response;
    }
    awaitable<result<own::HealthResponse>> Health(call_context&, Empty) override {
        if (auto failure = guest_.note("Health", "")) co_return *failure;
        co_return guest_.health;
    }
    awaitable<result<own::MetricsResponse>> Metrics(call_context&, Empty) override {
        if (auto failure = guest_.note("Metrics", "")) co_return *failure;
        own::MetricsResponse response;
        response.set_text(guest_.metrics);
        co_return response;
    }
    awaitable<result<own::ResumeResponse>> Resume(call_context&, own::ResumeRequest request) override {
        guest_.resumed = request;
        if (auto failure = guest_.note("Resume machine", "")) co_return *failure;
        own::ResumeResponse response;
        response.mutable_before()->set_seconds(exit_time);
        response.mutable_after()->set_seconds(exit_time + 60);
        response.set_entropy_bytes(static_cast<std::uint32_t>(request.entropy().size()));
        co_return response;
    }
    awaitable<result<own::SetLogLevelResponse>> SetLogLevel(call_context&, own::SetLogLevelRequest request) override {
        if (auto failure = guest_.note("SetLogLevel", request.level())) co_return *failure;
        own::SetLogLevelResponse response;
        response.set_previous("info");
        co_return response;
    }
    awaitable<result<own::DevicesResponse>> Devices(call_context&, Empty) override {
        if (auto failure = guest_.note("Devices", "")) co_return *failure;
        co_return guest_.devices;
    }
    awaitable<result<own::ContainersResponse>> Containers(call_context&, Empty) override {
        if (auto failure = guest_.note("Containers", "")) co_return *failure;
        co_return guest_.containers;
    }

private:
    result<system_api::InfoResponse> info(const std::string& method) {
        if (auto failure = guest_.note(method, "")) return *failure;
        return guest_.info;
    }
    result<Empty> empty(const std::string& method, const std::string& what = {}) {
        if (auto failure = guest_.note(method, what)) return *failure;
        return Empty();
    }

    fake_guest& guest_;
};

class fake_supervisor : public supervised::SupervisorService {
public:
    explicit fake_supervisor(fake_guest& guest) : guest_(guest) {}

    awaitable<result<supervised::StatusResponse>> Status(call_context&, supervised::StatusRequest request) override {
        if (auto failure = guest_.note("Status", request.name())) co_return *failure;
        supervised::StatusResponse response;
        for (const auto& service : guest_.services.services()) {
            if (request.name().empty() || request.name() == service.name()) *response.add_services() = service;
        }
        co_return response;
    }
    awaitable<result<Empty>> Restart(call_context&, supervised::RestartRequest request) override {
        if (auto failure = guest_.note("Restart", request.name())) co_return *failure;
        co_return Empty();
    }

private:
    fake_guest& guest_;
};

class fake_container : public containers::ContainerService {
public:
    explicit fake_container(fake_guest& guest) : guest_(guest) {}

    awaitable<result<void>> Logs(call_context&, containers::LogsRequest request,
                                 ttrpc::writer<containers::LogsResponse>& output) override {
        guest_.logs_asked = request;
        if (auto failure = guest_.note("Logs", name_of(request))) co_return *failure;
        for (const auto& piece : guest_.log) {
            auto written = co_await output.write(piece);
            if (!written) co_return written.error();
        }
        co_return result<void>();
    }

    awaitable<result<Empty>> AttachInput(call_context&, containers::AttachInputRequest request) override {
        if (auto failure = guest_.note("AttachInput", name_of(request))) co_return *failure;
        auto attached = guest_.attach_input(request.id(), request.exec_id(), request.stdin());
        if (!attached) co_return attached.error();
        co_return Empty();
    }

    awaitable<result<void>> ReadFiles(call_context&, containers::CopyPlace request,
                                      ttrpc::writer<containers::FilePiece>& output) override {
        guest_.files_asked = request;
        if (auto failure = guest_.note("ReadFiles", request.id())) co_return *failure;
        for (const auto& piece : guest_.files) {
            auto written = co_await output.write(piece);
            if (!written) co_return written.error();
        }
        co_return result<void>();
    }

    awaitable<result<Empty>> WriteFiles(call_context&, ttrpc::reader<containers::FilePiece>& input) override {
        for (;;) {
            auto request = co_await input.read();
            if (!request) co_return request.error();
            if (!*request) break;
            guest_.files_put.push_back(**request);
            auto failure =
                guest_.files_put.size() == 1 ? guest_.note("WriteFiles", (*request)->place().id()) : std::nullopt;
            if (failure) co_return *failure;
        }
        co_return Empty();
    }

private:
    fake_guest& guest_;
};

class fake_events : public vmevents::EventsService {
public:
    explicit fake_events(fake_guest& guest) : guest_(guest) {}

    awaitable<result<void>> Stream(call_context&, ttrpc::reader<vmevents::StreamRequest>& input,
                                   ttrpc::writer<containerd::types::Envelope>& output) override {
        if (auto failure = guest_.note("Stream", "")) co_return *failure;
        co_await guest_.answer_time("Stream");
        auto first = co_await input.read();
        if (!first || !*first) co_return error(errc::invalid_argument, "no request");
        guest_.events_after = (*first)->after_sequence();
        for (const auto& event : guest_.events) {
            auto written = co_await output.write(event);
            if (!written) co_return written.error();
        }
        co_return result<void>();
    }

private:
    fake_guest& guest_;
};

}  // namespace

void add_fake_services(ttrpc::server_service& server, fake_guest& guest) {
    server.add(std::make_shared<fake_task>(guest));
    server.add(std::make_shared<fake_bundle>(guest));
    server.add(std::make_shared<fake_system>(guest));
    server.add(std::make_shared<fake_events>(guest));
    server.add(std::make_shared<fake_supervisor>(guest));
    server.add(std::make_shared<fake_container>(guest));
    add_fake_machine(server, guest);
}

}  // namespace vminit::test
