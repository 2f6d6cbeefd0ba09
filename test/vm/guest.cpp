// SPDX-License-Identifier: Apache-2.0
#include "guest.hpp"

#include <unistd.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <csignal>
#include <random>

#include "endpoints.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::test {

namespace {

using namespace asio::experimental::awaitable_operators;

awaitable<finished> read_both(ttrpc::stream_socket& out, ttrpc::stream_socket& err) {
    auto [text, error_text] = co_await (read_to_end(out) && read_to_end(err));
    finished outcome;
    outcome.out = std::move(text);
    outcome.err = std::move(error_text);
    co_return outcome;
}

}  // namespace

void hang_up(ttrpc::stream_socket& stream) {
    error_code failure;
    stream.shutdown(asio::socket_base::shutdown_send, failure);
    CHECK_FALSE(failure);
}

std::uint64_t sample_of(const std::string& metrics, const std::string& series) {
    auto at = metrics.find("\n" + series + " ");
    INFO(series);
    REQUIRE(at != std::string::npos);
    return std::stoull(metrics.substr(at + series.size() + 2));
}

awaitable<std::string> read_to_end(ttrpc::stream_socket& stream) {
    std::string text;
    std::string block(256 * 1024, '\0');
    for (;;) {
        auto [failure, count] = co_await stream.async_read_some(asio::buffer(block), as_tuple_awaitable);
        text.append(block, 0, count);
        if (failure) co_return text;
    }
}

guest::guest(std::string address) : address_(std::move(address)) {
    rpc_.emplace(connect());
    calls_.emplace(*rpc_);
}

guest::~guest() {
    rpc_->close();
    run(rpc_->join());
}

ttrpc::address guest::rpc_address() const { return ttrpc::address::parse(address_).value(); }

ttrpc::address guest::stream_address() const {
    return ttrpc::address::parse(vminitctl::default_stream_address(address_).value()).value();
}

ttrpc::client guest::connect() { return ttrpc::client(connect_raw(), log()); }

ttrpc::stream_socket guest::connect_raw() { return run(ttrpc::connect(rpc_address(), limit)).value(); }

ttrpc::stream_socket guest::connect_stream_port() { return run(ttrpc::connect(stream_address(), limit)).value(); }

std::uint32_t guest::fresh_number() {
    static std::mt19937 source{std::random_device{}()};
    return static_cast<std::uint32_t>(source()) | 1u;
}

ttrpc::stream_socket guest::open_stream(std::uint32_t id) {
    return run(vminitctl::open_stdio_stream(stream_address(), id, limit)).value();
}

result<task::CreateTaskRequest> guest::prepare(const container_wish& wish, stdio_uris stdio) {
    return run(calls_->prepare(wish, std::move(stdio)));
}

result<std::uint32_t> guest::create(const container_wish& wish, stdio_uris stdio) {
    return run(calls_->create(wish, std::move(stdio)));
}

result<void> guest::exec(const std::string& id, const std::string& exec_id, const exec_wish& wish, stdio_uris stdio) {
    return run(calls_->exec(process_key(id, exec_id), wish, std::move(stdio)));
}

result<std::uint32_t> guest::start(const std::string& id, const std::string& exec_id) {
    return run(calls_->start(process_key(id, exec_id)));
}

result<void> guest::kill(const std::string& id, std::uint32_t signal) {
    return run(calls_->kill(process_key(id, ""), signal));
}

result<task::WaitResponse> guest::wait(const std::string& id, const std::string& exec_id) {
    return run(calls_->wait(process_key(id, exec_id)));
}

result<task::DeleteResponse> guest::remove(const std::string& id, const std::string& exec_id) {
    return run(calls_->remove(process_key(id, exec_id)));
}

result<task::StateResponse> guest::state(const std::string& id, const std::string& exec_id) {
    return run(calls_->state(process_key(id, exec_id)));
}

std::string guest::run_sleeper() {
    container_wish wish("exec sleep 100000");
    wish.id = fresh_id();
    REQUIRE(create(wish));
    REQUIRE(start(wish.id));
    return wish.id;
}

void guest::kill_and_remove(const std::string& id) {
    REQUIRE(kill(id, SIGKILL));
    CHECK(wait(id)->exit_status() == 128 + SIGKILL);
    CHECK(remove(id));
}

finished guest::run_exec(const std::string& id, const exec_wish& wish) {
    auto exec_id = fresh_id();
    named_stream out(*this);
    named_stream err(*this);
    REQUIRE(exec(id, exec_id, wish, stdio_uris("", out.uri, err.uri)));
    REQUIRE(start(id, exec_id));
    auto outcome = run(read_both(out.socket, err.socket));
    auto exit = wait(id, exec_id);
    REQUIRE(exit);
    outcome.status = exit->exit_status();
    REQUIRE(remove(id, exec_id));
    return outcome;
}

finished guest::run_container(container_wish wish) {
    if (wish.id.empty()) wish.id = fresh_id();
    named_stream out(*this);
    named_stream err(*this);
    REQUIRE(create(wish, stdio_uris("", out.uri, err.uri)));
    REQUIRE(start(wish.id));
    auto outcome = run(read_both(out.socket, err.socket));
    auto exit = wait(wish.id);
    REQUIRE(exit);
    outcome.status = exit->exit_status();
    auto deleted = remove(wish.id);
    REQUIRE(deleted);
    CHECK(deleted->exit_status() == outcome.status);
    return outcome;
}

containerd::vminitd::services::system::v1::BootStep guest::boot_step(const std::string& name) {
    auto watchdog = clock::now() + limit;
    while (clock::now() < watchdog) {
        auto timeline = run(system().BootTimeline({}, limit));
        REQUIRE(timeline);
        for (const auto& step : timeline->steps()) {
            if (step.name() == name) return step;
        }
    }
    FAIL("no boot step " << name);
    return {};
}

std::string guest::metrics() {
    auto metrics = run(system().Metrics({}, limit));
    REQUIRE(metrics);
    return metrics->text();
}

vminit::supervisor::v1::ServiceStatus guest::agent_status() {
    auto status = run(supervisor().Status({}, limit));
    REQUIRE(status);
    REQUIRE(status->services_size() == 1);
    CHECK(status->services(0).name() == "spin-supervisor");
    return status->services(0);
}

vminit::supervisor::v1::ServiceStatus guest::settled_agent() {
    auto status = agent_status();
    while (status.state() == vminit::supervisor::v1::ServiceStatus::WAITING) status = agent_status();
    return status;
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
