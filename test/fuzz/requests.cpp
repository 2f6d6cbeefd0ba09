#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "api/task_messages.hpp"
#include "fuzz/fuzzed_connection.hpp"
#include "github.com/containerd/containerd/api/runtime/task/v3/shim.pb.h"
#include "support/temporary_directory.hpp"
#include "ttrpc/envelope.hpp"
#include "vminit/api/bundle_api.hpp"
#include "vminit/api/container_api.hpp"
#include "vminit/api/events_api.hpp"
#include "vminit/api/supervisor_api.hpp"
#include "vminit/api/system_api.hpp"
#include "vminit/api/task_api.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/system/boot_timeline.hpp"
#include "vminit/system/system_service.hpp"
#include "vminit/ttrpc/frame_codec.hpp"

using namespace vminit;

namespace {

struct target {
    std::string_view service, method;
};

constexpr auto task_name = "containerd.task.v3.Task";
constexpr auto bundle_name = "containerd.vminitd.services.bundle.v1.Bundle";
constexpr auto system_name = "containerd.vminitd.services.system.v1.System";
constexpr auto supervisor_name = "vminit.supervisor.v1.Supervisor";
constexpr auto container_name = "vminit.process.v1.Container";
constexpr auto events_name = "spinbox.services.vmevents.v1.Events";

constexpr std::array targets{
    target{task_name, "Create"},
    target{task_name, "Start"},
    target{task_name, "Delete"},
    target{task_name, "Exec"},
    target{task_name, "State"},
    target{task_name, "Wait"},
    target{task_name, "Kill"},
    target{task_name, "Pids"},
    target{task_name, "Stats"},
    target{task_name, "Update"},
    target{task_name, "ResizePty"},
    target{task_name, "CloseIO"},
    target{task_name, "Pause"},
    target{task_name, "Resume"},
    target{task_name, "Checkpoint"},
    target{task_name, "Connect"},
    target{task_name, "Shutdown"},
    target{bundle_name, "Create"},
    target{system_name, "Info"},
    target{system_name, "OfflineCPU"},
    target{system_name, "OnlineCPU"},
    target{system_name, "OfflineMemory"},
    target{system_name, "BootTimeline"},
    target{system_name, "FreezeFilesystems"},
    target{system_name, "ThawFilesystems"},
    target{system_name, "OnlineMemory"},
    target{system_name, "SystemInfo"},
    target{system_name, "Health"},
    target{system_name, "Metrics"},
    target{system_name, "SetLogLevel"},
    target{system_name, "Devices"},
    target{system_name, "Containers"},
    target{supervisor_name, "Status"},
    target{supervisor_name, "Restart"},
    target{events_name, "Stream"},
    target{container_name, "Logs"},
};

// Their handlers would touch this machine.
constexpr std::array left_out{target{system_name, "PrepareShutdown"}, target{system_name, "Resume"}};

void read_uri(const std::string& uri, process::stdio_direction direction) {
    auto understood = process::parse_stdio_uri(uri, direction);
    if (understood && !understood->path.empty()) test::require(understood->path[0] == '/', "stdio paths are absolute");
}

// Create is read whole, but asked only for a bundle that does not exist: no file, mount or process is named by a
// fuzzer.
std::string tame_create(std::string_view payload) {
    containerd::task::v3::CreateTaskRequest message;
    if (!message.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) return std::string(payload);
    logger nobody([](log_level, std::string_view) {});
    auto copy = message;
    if (auto request = api::to_create_request(copy, nobody)) {
        read_uri(request->stdio.in, process::stdio_direction::input);
        read_uri(request->stdio.out, process::stdio_direction::output);
        read_uri(request->stdio.err, process::stdio_direction::output);
    }
    if (message.bundle().starts_with('/')) message.set_bundle("/nonexistent/bundle");
    message.clear_stdin();
    message.clear_stdout();
    message.clear_stderr();
    message.clear_rootfs();
    return message.SerializeAsString();
}

void append_frame(std::string& bytes, std::uint32_t stream, ttrpc::message_type type, std::uint8_t flags,
                  std::string_view data) {
    ttrpc::frame_header header;
    header.length = static_cast<std::uint32_t>(data.size());
    header.stream_id = stream;
    header.type = static_cast<std::uint8_t>(type);
    header.flags = flags;
    std::array<char, ttrpc::frame_header_size> encoded;
    ttrpc::encode_frame_header(header, encoded.data());
    bytes.append(encoded.data(), encoded.size()).append(data);
}

// One call; a stream gets `payload` as its first message.
void append_call(std::string& bytes, std::uint32_t stream, const target& asked, std::string_view payload) {
    ttrpc::request_parts parts;
    parts.service = asked.service;
    parts.method = asked.method;
    bool is_stream = asked.service == events_name;
    if (!is_stream) parts.payload = payload;
    auto flags = is_stream ? ttrpc::frame_flag::remote_open : ttrpc::frame_flag::remote_closed;
    append_frame(bytes, stream, ttrpc::message_type::request, flags, ttrpc::write_request(parts));
    if (is_stream) append_frame(bytes, stream, ttrpc::message_type::data, 0, payload);
}

// Registers `service`; a method that is new to it must be asked here, or left out on purpose.
void add_service(test::fuzzed_server& peer, std::shared_ptr<ttrpc::service_base> service) {
    for (const auto& method : service->methods()) {
        auto is_it = [&](const target& known) {
            return known.service == service->full_name() && known.method == method.name;
        };
        bool is_known =
            std::any_of(targets.begin(), targets.end(), is_it) || std::any_of(left_out.begin(), left_out.end(), is_it);
        if (!is_known) fmt::print(stderr, "{} {}\n", service->full_name(), method.name);
        test::require(is_known, "test/fuzz/requests.cpp lists every method");
    }
    peer.server().add(std::move(service));
}

void add_services(test::fuzzed_server& peer, const std::string& scratch, const system::boot_timeline& timeline) {
    system::system_config machine;
    machine.sysfs = scratch + "/sys";
    machine.mount_table = "/dev/null";
    asio::make_service<system::system_service>(peer.context, std::move(machine));
    runc::runc_config runtime;
    runtime.binary = "/nonexistent/runtime";
    asio::make_service<runc::runc_service>(peer.context, std::move(runtime));
    add_service(peer, api::make_task_api(peer.context, {}));
    add_service(peer, api::make_bundle_api(peer.context, scratch + "/bundles"));
    add_service(peer, api::make_system_api(peer.context, timeline));
    add_service(peer, api::make_events_api(peer.context));
    add_service(peer, api::make_supervisor_api(peer.context));
    add_service(peer, api::make_container_api(peer.context));
}

}  // namespace

// Calls of all services on one connection: method, length (two bytes, low first), request, and so on.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const test::temporary_directory scratch;
    static const system::boot_timeline timeline;
    auto input = test::as_text(data, size);
    std::string bytes;
    for (std::uint32_t stream = 1; !input.empty() && stream < 32; stream += 2) {
        const auto& asked = targets[test::take_byte(input) % targets.size()];
        std::size_t length = test::take_byte(input);
        length += std::size_t{test::take_byte(input)} % 16 * 256;
        auto payload = input.substr(0, length);
        input.remove_prefix(payload.size());
        bool is_create = asked.service == task_name && asked.method == "Create";
        append_call(bytes, stream, asked, is_create ? tame_create(payload) : std::string(payload));
    }
    {
        test::fuzzed_server peer;
        add_services(peer, scratch.path(), timeline);
        peer.exchange(bytes, bytes.size());
        auto& processes = asio::use_service<process::process_service>(peer.context);
        // There is no runtime: each Create is undone, also one whose caller has left.
        peer.run_until([&] { return processes.container_count() == 0; });
    }
    auto left = scratch.entries();
    test::require(left.empty() || left == std::vector<std::string>{"bundles"}, "bundles lie where they belong");
    std::filesystem::remove_all(scratch.path("bundles"));
    return 0;
}
