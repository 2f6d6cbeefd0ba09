// SPDX-License-Identifier: Apache-2.0
#include "container_calls.hpp"

#include <boost/json.hpp>

namespace vminit::test {

namespace {

template <class Request>
Request request_for(const process_key& key) {
    Request request;
    request.set_id(key.id);
    request.set_exec_id(key.exec_id);
    return request;
}

template <class Response>
result<void> without_value(const result<Response>& answer) {
    if (!answer) return answer.error();
    return {};
}

result<vminitctl::container_request> request_of(const container_wish& wish) {
    vminitctl::container_options options;
    options.id = wish.id;
    options.rootfs = "root";
    options.spec.pids = wish.pids;
    options.spec.process.arguments = wish.arguments;
    options.spec.process.terminal = wish.has_terminal;
    options.spec.resources = wish.resources;
    options.spec.mounts = wish.mounts;
    auto request = vminitctl::make_request(options);
    if (request && !wish.rootfs.empty()) request->rootfs = wish.rootfs;
    if (request && wish.edit) {
        auto spec = boost::json::parse(request->config_json);
        wish.edit(spec.as_object());
        request->config_json = boost::json::serialize(spec);
    }
    return request;
}

task::CreateTaskRequest create_request(const vminitctl::container_request& wanted, const stdio_uris& stdio) {
    task::CreateTaskRequest create;
    create.set_id(wanted.id);
    create.set_stdin(stdio.in);
    create.set_stdout(stdio.out);
    create.set_stderr(stdio.err);
    for (const auto& mount : wanted.rootfs) {
        auto* entry = create.add_rootfs();
        entry->set_type(mount.type);
        entry->set_source(mount.source);
        entry->set_target(mount.target);
        for (const auto& option : mount.options) entry->add_options(option);
    }
    return create;
}

}  // namespace

awaitable<result<task::CreateTaskRequest>> container_calls::prepare(container_wish wish, stdio_uris stdio) {
    auto wanted = request_of(wish);
    if (!wanted) co_return wanted.error();
    containerd::vminitd::services::bundle::v1::CreateRequest bundle;
    bundle.set_id(wish.id);
    (*bundle.mutable_files())["config.json"] = wanted->config_json;
    vminitctl::bundle_client bundles(rpc_);
    auto made = co_await bundles.Create(std::move(bundle), limit);
    if (!made) co_return made.error();
    auto create = create_request(*wanted, stdio);
    create.set_bundle(made->bundle());
    create.set_terminal(wish.has_terminal);
    co_return create;
}

awaitable<result<std::uint32_t>> container_calls::create(container_wish wish, stdio_uris stdio) {
    auto request = co_await prepare(std::move(wish), std::move(stdio));
    if (!request) co_return request.error();
    task::TaskClient tasks(rpc_);
    auto created = co_await tasks.Create(std::move(*request), limit);
    if (!created) co_return created.error();
    co_return created->pid();
}

awaitable<result<void>> container_calls::exec(process_key key, exec_wish wish, stdio_uris stdio) {
    vminitctl::process_options process;
    process.arguments = std::move(wish.arguments);
    process.terminal = wish.has_terminal;
    auto request = request_for<task::ExecProcessRequest>(key);
    request.set_terminal(wish.has_terminal);
    request.set_stdin(stdio.in);
    request.set_stdout(stdio.out);
    request.set_stderr(stdio.err);
    auto spec = vminitctl::make_process(process);
    if (wish.edit) wish.edit(spec);
    request.mutable_spec()->set_value(boost::json::serialize(spec));
    task::TaskClient tasks(rpc_);
    auto added = co_await tasks.Exec(std::move(request), limit);
    co_return without_value(added);
}

awaitable<result<std::uint32_t>> container_calls::start(process_key key) {
    task::TaskClient tasks(rpc_);
    auto started = co_await tasks.Start(request_for<task::StartRequest>(key), limit);
    if (!started) co_return started.error();
    co_return started->pid();
}

awaitable<result<void>> container_calls::kill(process_key key, std::uint32_t signal) {
    auto request = request_for<task::KillRequest>(key);
    request.set_signal(signal);
    task::TaskClient tasks(rpc_);
    auto killed = co_await tasks.Kill(std::move(request), limit);
    co_return without_value(killed);
}

awaitable<result<task::WaitResponse>> container_calls::wait(process_key key) {
    task::TaskClient tasks(rpc_);
    co_return co_await tasks.Wait(request_for<task::WaitRequest>(key), limit);
}

awaitable<result<task::DeleteResponse>> container_calls::remove(process_key key) {
    task::TaskClient tasks(rpc_);
    co_return co_await tasks.Delete(request_for<task::DeleteRequest>(key), limit);
}

awaitable<result<task::StateResponse>> container_calls::state(process_key key) {
    task::TaskClient tasks(rpc_);
    co_return co_await tasks.State(request_for<task::StateRequest>(key), limit);
}

awaitable<result<void>> container_calls::close_input(process_key key) {
    auto request = request_for<task::CloseIORequest>(key);
    request.set_stdin(true);
    task::TaskClient tasks(rpc_);
    auto closed = co_await tasks.CloseIO(std::move(request), limit);
    co_return without_value(closed);
}

awaitable<result<void>> container_calls::resize(process_key key, std::uint32_t width, std::uint32_t height) {
    auto request = request_for<task::ResizePtyRequest>(key);
    request.set_width(width);
    request.set_height(height);
    task::TaskClient tasks(rpc_);
    auto resized = co_await tasks.ResizePty(std::move(request), limit);
    co_return without_value(resized);
}

awaitable<result<void>> container_calls::update(std::string id, vminitctl::resource_options resources) {
    task::UpdateTaskRequest request;
    request.set_id(id);
    request.mutable_resources()->set_value(boost::json::serialize(vminitctl::make_resources(resources)));
    task::TaskClient tasks(rpc_);
    auto updated = co_await tasks.Update(std::move(request), limit);
    co_return without_value(updated);
}

awaitable<result<io::containerd::cgroups::v2::Metrics>> container_calls::stats(std::string id) {
    task::StatsRequest request;
    request.set_id(id);
    task::TaskClient tasks(rpc_);
    auto answer = co_await tasks.Stats(std::move(request), limit);
    if (!answer) co_return answer.error();
    io::containerd::cgroups::v2::Metrics metrics;
    if (!metrics.ParseFromString(answer->stats().value())) co_return error(errc::internal, "the metrics do not parse");
    co_return std::move(metrics);
}

}  // namespace vminit::test
