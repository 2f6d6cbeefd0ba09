#include "guest.hpp"

#include <unistd.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <random>

#include "endpoints.hpp"
#include "stdio_streams.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::test {

namespace {

using namespace asio::experimental::awaitable_operators;

ttrpc::address stream_port_of(const std::string& rpc) {
    return ttrpc::address::parse(vminitctl::default_stream_address(rpc).value()).value();
}

awaitable<finished> read_both(ttrpc::stream_socket& out, ttrpc::stream_socket& err) {
    auto [text, error_text] = co_await (read_to_end(out) && read_to_end(err));
    finished outcome;
    outcome.out = std::move(text);
    outcome.err = std::move(error_text);
    co_return outcome;
}

}  // namespace

awaitable<std::string> read_to_end(ttrpc::stream_socket& stream) {
    std::string text;
    std::string block(256 * 1024, '\0');
    for (;;) {
        auto [failure, count] = co_await stream.async_read_some(asio::buffer(block), as_tuple_awaitable);
        text.append(block, 0, count);
        if (failure) co_return text;
    }
}

guest::guest(std::string address) : address_(std::move(address)) { rpc_.emplace(connect()); }

guest::~guest() {
    rpc_->close();
    run(rpc_->join());
}

ttrpc::client guest::connect() { return ttrpc::client(connect_raw(), log()); }

ttrpc::stream_socket guest::connect_raw() {
    return run(ttrpc::connect(ttrpc::address::parse(address_).value(), limit)).value();
}

ttrpc::stream_socket guest::connect_stream_port() {
    return run(ttrpc::connect(stream_port_of(address_), limit)).value();
}

std::uint32_t guest::fresh_number() {
    static std::mt19937 source{std::random_device{}()};
    return static_cast<std::uint32_t>(source()) | 1u;
}

ttrpc::stream_socket guest::open_stream(std::uint32_t id) {
    auto where = stream_port_of(address_);
    return run(vminitctl::open_stdio_stream(where, id, limit)).value();
}

result<task::CreateTaskRequest> guest::prepare(const container_wish& wish, vminitctl::stdio_uris stdio) {
    vminitctl::container_options options;
    options.id = wish.id;
    options.rootfs = "root";
    options.spec.pids = wish.pids;
    options.spec.process.arguments = wish.arguments;
    auto request = vminitctl::make_request(options);
    if (!request) return request.error();
    if (wish.rootfs) request->rootfs.assign(1, *wish.rootfs);
    containerd::vminitd::services::bundle::v1::CreateRequest bundle;
    bundle.set_id(wish.id);
    (*bundle.mutable_files())["config.json"] = request->config_json;
    auto made = run(bundles().Create(bundle, limit));
    if (!made) return made.error();
    task::CreateTaskRequest create;
    create.set_id(wish.id);
    create.set_bundle(made->bundle());
    create.set_stdin(stdio.in);
    create.set_stdout(stdio.out);
    create.set_stderr(stdio.err);
    for (const auto& mount : request->rootfs) {
        auto* entry = create.add_rootfs();
        entry->set_type(mount.type);
        entry->set_source(mount.source);
        entry->set_target(mount.target);
        for (const auto& option : mount.options) entry->add_options(option);
    }
    return create;
}

result<std::uint32_t> guest::create(const container_wish& wish, vminitctl::stdio_uris stdio) {
    auto request = prepare(wish, std::move(stdio));
    if (!request) return request.error();
    auto created = run(tasks().Create(*request, limit));
    if (!created) return created.error();
    return created->pid();
}

result<std::uint32_t> guest::start(const std::string& id) {
    task::StartRequest request;
    request.set_id(id);
    auto started = run(tasks().Start(request, limit));
    if (!started) return started.error();
    return started->pid();
}

result<void> guest::kill(const std::string& id, std::uint32_t signal) {
    task::KillRequest request;
    request.set_id(id);
    request.set_signal(signal);
    auto killed = run(tasks().Kill(request, limit));
    if (!killed) return killed.error();
    return {};
}

result<task::WaitResponse> guest::wait(const std::string& id) {
    task::WaitRequest request;
    request.set_id(id);
    return run(tasks().Wait(request, limit));
}

result<task::DeleteResponse> guest::remove(const std::string& id) {
    task::DeleteRequest request;
    request.set_id(id);
    return run(tasks().Delete(request, limit));
}

result<task::StateResponse> guest::state(const std::string& id) {
    task::StateRequest request;
    request.set_id(id);
    return run(tasks().State(request, limit));
}

finished guest::run_container(container_wish wish) {
    if (wish.id.empty()) wish.id = fresh_id();
    auto out_id = fresh_number();
    auto err_id = fresh_number();
    auto out = open_stream(out_id);
    auto err = open_stream(err_id);
    vminitctl::stdio_uris stdio("", vminitctl::stream_uri(out_id), vminitctl::stream_uri(err_id));
    REQUIRE(create(wish, stdio));
    REQUIRE(start(wish.id));
    auto outcome = run(read_both(out, err));
    auto exit = wait(wish.id);
    REQUIRE(exit);
    outcome.status = exit->exit_status();
    auto deleted = remove(wish.id);
    REQUIRE(deleted);
    CHECK(deleted->exit_status() == outcome.status);
    return outcome;
}

std::string guest::look_inside(const std::string& script) {
    container_wish wish(script.c_str());
    wish.pids = vminitctl::pid_namespace::host;
    auto outcome = run_container(std::move(wish));
    CAPTURE(script, outcome.err);
    REQUIRE(outcome.status == 0);
    return outcome.out;
}

}  // namespace vminit::test
