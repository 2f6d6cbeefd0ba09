// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "api/task_messages.hpp"
#include "fuzz/fuzzed_connection.hpp"
#include "fuzz/request_targets.hpp"
#include "github.com/containerd/containerd/api/runtime/task/v3/shim.pb.h"
#include "support/temporary_directory.hpp"
#include "ttrpc/envelope.hpp"
#include "vminit/api/bundle_api.hpp"
#include "vminit/api/container_api.hpp"
#include "vminit/api/events_api.hpp"
#include "vminit/api/forward_api.hpp"
#include "vminit/api/machine_api.hpp"
#include "vminit/api/socket_forward_api.hpp"
#include "vminit/api/supervisor_api.hpp"
#include "vminit/api/system_api.hpp"
#include "vminit/api/task_api.hpp"
#include "vminit/api/transfer_api.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/system/boot_timeline.hpp"
#include "vminit/system/system_service.hpp"
#include "vminit/ttrpc/frame_codec.hpp"

using namespace vminit;

namespace {

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
void append_call(std::string& bytes, std::uint32_t stream, const test::request_target& asked,
                 std::string_view payload) {
    ttrpc::request_parts parts;
    parts.service = asked.service;
    parts.method = asked.method;
    bool is_stream = asked.service == test::events_name || asked.method == "WriteFiles" ||
                     (asked.service == test::forward_name && asked.method == "Connect") ||
                     asked.service == test::socket_forward_name;
    if (!is_stream) parts.payload = payload;
    auto flags = is_stream ? ttrpc::frame_flag::remote_open : ttrpc::frame_flag::remote_closed;
    append_frame(bytes, stream, ttrpc::message_type::request, flags, ttrpc::write_request(parts));
    if (is_stream) append_frame(bytes, stream, ttrpc::message_type::data, 0, payload);
}

void add_services(test::fuzzed_server& peer, const std::string& scratch, const system::boot_timeline& timeline) {
    system::system_config machine;
    machine.sysfs = scratch + "/sys";
    machine.mount_table = "/dev/null";
    machine.kernel_log = "/dev/null";
    asio::make_service<system::system_service>(peer.context, std::move(machine));
    runc::runc_config runtime;
    runtime.binary = "/nonexistent/runtime";
    asio::make_service<runc::runc_service>(peer.context, std::move(runtime));
    peer.server().add(api::make_task_api(peer.context, {}));
    peer.server().add(api::make_bundle_api(peer.context, scratch + "/bundles"));
    peer.server().add(api::make_system_api(peer.context, timeline));
    peer.server().add(api::make_events_api(peer.context));
    peer.server().add(api::make_supervisor_api(peer.context));
    peer.server().add(api::make_container_api(peer.context));
    peer.server().add(api::make_machine_api(peer.context));
    peer.server().add(api::make_forward_api(peer.context));
    peer.server().add(api::make_socket_forward_api(peer.context));
    peer.server().add(api::make_transfer_api(peer.context));
}

}  // namespace

// Calls of all services on one connection: method, length (two bytes, low first), request, and so on.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const test::temporary_directory scratch;
    static const system::boot_timeline timeline;
    auto input = test::as_text(data, size);
    std::string bytes;
    for (std::uint32_t stream = 1; !input.empty() && stream < 32; stream += 2) {
        const auto& asked = test::request_targets[test::take_byte(input) % test::request_targets.size()];
        std::size_t length = test::take_byte(input);
        length += std::size_t{test::take_byte(input)} % 16 * 256;
        auto payload = input.substr(0, length);
        input.remove_prefix(payload.size());
        bool is_create = asked.service == test::task_name && asked.method == "Create";
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
