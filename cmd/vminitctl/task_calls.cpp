// SPDX-License-Identifier: Apache-2.0
#include "task_calls.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace vminit::vminitctl {

namespace task = containerd::task::v3;
using metrics = io::containerd::cgroups::v2::Metrics;

namespace {

constexpr std::string_view metrics_type = "io.containerd.cgroups.v2.Metrics";
constexpr std::string_view user_names = "user:name";
constexpr std::string_view container_init = "init:container";

task::CreateTaskRequest create_request(const container_request& request, const std::string& bundle,
                                       const stdio_uris& stdio, bool terminal) {
    task::CreateTaskRequest message;
    message.set_id(request.id);
    message.set_bundle(bundle);
    for (const auto& entry : request.rootfs) {
        auto& mount = *message.add_rootfs();
        mount.set_type(entry.type);
        mount.set_source(entry.source);
        mount.set_target(entry.target);
        for (const auto& option : entry.options) mount.add_options(option);
    }
    message.set_terminal(terminal);
    message.set_stdin(stdio.in);
    message.set_stdout(stdio.out);
    message.set_stderr(stdio.err);
    return message;
}

awaitable<result<std::string>> create_bundle(client_session& guest, const container_request& request) {
    containerd::vminitd::services::bundle::v1::CreateRequest message;
    message.set_id(request.id);
    (*message.mutable_files())["config.json"] = request.config_json;
    auto bundles = guest.bundle();
    auto created = co_await bundles.Create(std::move(message), guest.call_limit());
    if (!created) co_return created.error();
    co_return created->bundle();
}

awaitable<result<bool>> has_capability(client_session& guest, std::string_view word) {
    google::protobuf::Empty request;
    auto system = guest.system();
    auto info = co_await system.Info(std::move(request), guest.call_limit());
    if (!info) co_return info.error();
    const auto& can = info->capabilities();
    co_return std::find(can.begin(), can.end(), word) != can.end();
}

awaitable<result<void>> check_init(client_session& guest, bool is_needed) {
    if (!is_needed) co_return result<void>();
    auto can = co_await has_capability(guest, container_init);
    if (!can) co_return can.error();
    if (*can) co_return result<void>();
    co_return error(errc::not_implemented, "this guest has no init for containers: leave --init away");
}

template <class Request>
Request about(const process_key& key) {
    Request message;
    message.set_id(key.id);
    message.set_exec_id(key.exec_id);
    return message;
}

}  // namespace

awaitable<result<void>> check_user_name(client_session& guest, std::string user) {
    if (user.empty()) co_return result<void>();
    auto can = co_await has_capability(guest, user_names);
    if (!can) co_return can.error();
    if (*can) co_return result<void>();
    auto what = fmt::format("this guest does not look up users: give --user UID:GID for \"{}\"", user);
    co_return error(errc::not_implemented, std::move(what));
}

awaitable<result<std::uint32_t>> create_container(client_session& guest, container_request request, stdio_uris stdio,
                                                  bool terminal) {
    auto checked = co_await check_user_name(guest, request.user_name);
    if (checked) checked = co_await check_init(guest, request.needs_init);
    if (!checked) co_return checked.error();
    auto bundle = co_await create_bundle(guest, request);
    if (!bundle) co_return bundle.error();
    auto message = create_request(request, *bundle, stdio, terminal);
    auto tasks = guest.task();
    auto created = co_await tasks.Create(std::move(message), guest.call_limit());
    if (!created) co_return created.error();
    co_return created->pid();
}

awaitable<result<task::StateResponse>> process_state(client_session& guest, process_key key) {
    auto message = about<task::StateRequest>(key);
    auto tasks = guest.task();
    co_return co_await tasks.State(std::move(message), guest.call_limit());
}

awaitable<result<std::uint32_t>> start_process(client_session& guest, process_key key) {
    auto message = about<task::StartRequest>(key);
    auto tasks = guest.task();
    auto started = co_await tasks.Start(std::move(message), guest.call_limit());
    if (!started) co_return started.error();
    co_return started->pid();
}

awaitable<result<void>> kill_process(client_session& guest, process_key key, std::uint32_t signal, kill_target target,
                                     clock::duration limit) {
    auto message = about<task::KillRequest>(key);
    message.set_signal(signal);
    message.set_all(target == kill_target::all);
    auto tasks = guest.task();
    ttrpc::call_options options(std::min(limit, guest.options().call_limit()));
    auto killed = co_await tasks.Kill(std::move(message), std::move(options));
    if (!killed) co_return killed.error();
    co_return result<void>();
}

awaitable<result<task::WaitResponse>> wait_process(client_session& guest, process_key key, ttrpc::call_options limit) {
    auto message = about<task::WaitRequest>(key);
    auto tasks = guest.task();
    co_return co_await tasks.Wait(std::move(message), std::move(limit));
}

awaitable<result<task::DeleteResponse>> delete_process(client_session& guest, process_key key) {
    auto message = about<task::DeleteRequest>(key);
    auto tasks = guest.task();
    co_return co_await tasks.Delete(std::move(message), guest.call_limit());
}

awaitable<result<metrics>> container_metrics(client_session& guest, std::string id) {
    task::StatsRequest message;
    message.set_id(id);
    auto tasks = guest.task();
    auto answer = co_await tasks.Stats(std::move(message), guest.call_limit());
    if (!answer) co_return answer.error();
    metrics decoded;
    const auto& stats = answer->stats();
    bool is_ours = stats.type_url().ends_with(metrics_type) && decoded.ParseFromString(stats.value());
    if (!is_ours) co_return error(errc::not_implemented, "metrics of type " + stats.type_url());
    co_return std::move(decoded);
}

}  // namespace vminit::vminitctl
