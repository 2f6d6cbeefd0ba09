// SPDX-License-Identifier: Apache-2.0
#include "sandbox_front.hpp"

#include <catch2/catch.hpp>

#include "github.com/containerd/containerd/api/runtime/sandbox/v1/sandbox.ttrpc.hpp"
#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "timestamps.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/ttrpc/client.hpp"
#include "vminit/ttrpc/server_service.hpp"
#include "vminit/ttrpc/transport.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace vminit::shim;
namespace wire = containerd::runtime::sandbox::v1;

namespace {

/// A VM that is told to boot, to wait, or to fail.
class fake_machine final : public pod_machine {
public:
    fake_machine(asio::io_context& context, event_publisher& publisher)
        : context_(context), publisher_(publisher), gate(context.get_executor()) {}

    void expect_pod() override { story.push_back("expect"); }

    awaitable<result<std::shared_ptr<shim_container>>> start_pod(pod_setup pod) override {
        story.push_back("start " + pod.id);
        while (is_slow) co_await gate.wait();
        if (fails) co_return error(errc::unavailable, "no VM today");
        holder = std::make_shared<shim_container>(context_, pod.id, pod.bundle, publisher_);
        holder->is_untold = true;
        auto stdio = std::make_shared<host_stdio>(context_, stdio_names(), logged_process());
        auto init = holder->add(std::string(), std::move(stdio));
        (*init)->is_started = true;
        story.push_back("started");
        co_return holder;
    }
    awaitable<void> end_pod() override {
        story.push_back("end");
        while (is_slow) co_await gate.wait();
        if (holder) holder->lose();
        story.push_back("ended");
    }
    awaitable<void> forget_containers() override {
        story.push_back("forget");
        co_return;
    }
    awaitable<result<io::containerd::cgroups::v2::Metrics>> pod_metrics() override {
        if (!holder) co_return error(errc::unavailable, "the VM does not run");
        io::containerd::cgroups::v2::Metrics metrics;
        metrics.mutable_memory()->set_usage(4711);
        co_return metrics;
    }
    std::uint32_t vmm_pid() const noexcept override { return 900; }

    void release() {
        is_slow = false;
        gate.notify_all();
    }

    std::vector<std::string> story;
    bool is_slow = false;
    bool fails = false;
    std::shared_ptr<shim_container> holder;

private:
    asio::io_context& context_;
    event_publisher& publisher_;

public:
    condition gate;
};

using story = std::vector<std::string>;

/// The daemon's side of one shim.
struct shim_of_pod : io_fixture {
    shim_of_pod() : publisher(ctx, directory.path("none"), "k8s.io"), machine(ctx, publisher), calls(ex(), log()) {
        auto& server = asio::use_service<ttrpc::server_service>(ctx);
        server.add(make_sandbox_front(ctx, machine, [this] { machine.story.push_back("shut down"); }));
        auto where = ttrpc::address::unix_socket(directory.path("s"));
        REQUIRE(server.listen(where));
        auto socket = run(ttrpc::connect(where, std::chrono::seconds(60)));
        REQUIRE(socket);
        client = std::make_shared<ttrpc::client>(std::move(*socket), log());
    }
    ~shim_of_pod() {
        calls.stop();
        run(calls.join());
    }

    /// Calls a method of the sandbox `id` and returns its answer.
    template <class Request, class Method>
    auto call(Method method, const std::string& id) {
        wire::SandboxClient sandbox(*client);
        Request request;
        request.set_sandbox_id(id);
        return run((sandbox.*method)(std::move(request), ttrpc::call_options()));
    }
    auto create(const std::string& id = "pod") {
        return call<wire::CreateSandboxRequest>(&wire::SandboxClient::CreateSandbox, id);
    }
    auto start(const std::string& id = "pod") {
        return call<wire::StartSandboxRequest>(&wire::SandboxClient::StartSandbox, id);
    }
    auto stop(const std::string& id = "pod") {
        return call<wire::StopSandboxRequest>(&wire::SandboxClient::StopSandbox, id);
    }
    auto shut_down(const std::string& id = "pod") {
        return call<wire::ShutdownSandboxRequest>(&wire::SandboxClient::ShutdownSandbox, id);
    }
    auto status(const std::string& id = "pod") {
        return call<wire::SandboxStatusRequest>(&wire::SandboxClient::SandboxStatus, id);
    }

    /// The same beside others; `name` goes into the story when it is answered.
    template <class Request, class Method>
    void begin(Method method, const char* name) {
        auto call = [](shim_of_pod& self, Method made, std::string word) -> awaitable<void> {
            wire::SandboxClient sandbox(*self.client);
            Request request;
            request.set_sandbox_id("pod");
            auto answer = co_await (sandbox.*made)(std::move(request), ttrpc::call_options());
            if constexpr (std::is_same_v<Request, wire::WaitSandboxRequest>) {
                if (answer) word += " " + std::to_string(answer->exit_status());
            }
            self.machine.story.push_back(answer ? word : word + ": " + answer.error().message());
            self.answers++;
        };
        calls.spawn(name, call(*this, method, name));
        poll();
    }
    void wait() { begin<wire::WaitSandboxRequest>(&wire::SandboxClient::WaitSandbox, "wait"); }
    void pump_answers(int count) {
        pump([&] { return answers == count; });
    }
    bool knows(const std::string& line) {
        return std::find(machine.story.begin(), machine.story.end(), line) != machine.story.end();
    }
    void pump_line(const std::string& line) {
        pump([&] { return knows(line); });
    }

    temporary_directory directory;
    event_publisher publisher;
    fake_machine machine;
    task_group calls;
    std::shared_ptr<ttrpc::client> client;
    int answers = 0;
};

}  // namespace

TEST_CASE_METHOD(shim_of_pod, "a pod is created, started, stopped and shut down", "[shim]") {
    REQUIRE(create());
    auto before = status();
    REQUIRE(before);
    CHECK(before->state() == "SANDBOX_NOTREADY");
    auto started = start();
    REQUIRE(started);
    CHECK(started->pid() == 900);
    CHECK(started->created_at().seconds() > 0);
    CHECK(started->spec().value().find("--hold-namespaces") != std::string::npos);
    auto ready = status();
    CHECK(ready->state() == "SANDBOX_READY");
    CHECK(ready->pid() == 900);
    CHECK_FALSE(ready->has_exited_at());
    wait();
    REQUIRE(stop());
    pump_answers(1);
    auto after = status();
    CHECK(after->state() == "SANDBOX_NOTREADY");
    CHECK(after->exited_at().seconds() > 0);
    REQUIRE(shut_down());
    CHECK(machine.story ==
          story{"expect", "start pod", "started", "end", "ended", "wait 137", "end", "ended", "forget", "shut down"});
}

TEST_CASE_METHOD(shim_of_pod, "a sandbox that is not known is not found, by any method", "[shim]") {
    auto is_unknown = [](const auto& answer) { return !answer && answer.error().kind() == errc::not_found; };
    CHECK(is_unknown(start()));
    CHECK(is_unknown(status()));
    REQUIRE(create());
    CHECK(is_unknown(start("other")));
    CHECK(is_unknown(stop("other")));
    CHECK(is_unknown(status("other")));
    CHECK(is_unknown(shut_down("other")));
    CHECK(is_unknown(call<wire::WaitSandboxRequest>(&wire::SandboxClient::WaitSandbox, "other")));
    CHECK(is_unknown(call<wire::PingRequest>(&wire::SandboxClient::PingSandbox, "other")));
    CHECK(is_unknown(call<wire::PlatformRequest>(&wire::SandboxClient::Platform, "other")));
    CHECK(is_unknown(call<wire::SandboxMetricsRequest>(&wire::SandboxClient::SandboxMetrics, "other")));
    CHECK(machine.story == story{"expect"});
}

TEST_CASE_METHOD(shim_of_pod, "platform, ping and metrics", "[shim]") {
    REQUIRE(create());
    auto platform = call<wire::PlatformRequest>(&wire::SandboxClient::Platform, "pod");
    REQUIRE(platform);
    CHECK(platform->platform().os() == "linux");
    CHECK_FALSE(platform->platform().architecture().empty());
    CHECK(call<wire::PingRequest>(&wire::SandboxClient::PingSandbox, "pod"));
    auto metrics = call<wire::SandboxMetricsRequest>(&wire::SandboxClient::SandboxMetrics, "pod");
    CHECK(metrics.error().kind() == errc::unavailable);
    REQUIRE(start());
    metrics = call<wire::SandboxMetricsRequest>(&wire::SandboxClient::SandboxMetrics, "pod");
    REQUIRE(metrics);
    CHECK(metrics->metrics().id() == "pod");
    CHECK(metrics->metrics().data().type_url() == "io.containerd.cgroups.v2.Metrics");
    io::containerd::cgroups::v2::Metrics decoded;
    REQUIRE(decoded.ParseFromString(metrics->metrics().data().value()));
    CHECK(decoded.memory().usage() == 4711);
}

TEST_CASE_METHOD(shim_of_pod, "there is one pod, and it is started once", "[shim]") {
    REQUIRE(create());
    CHECK(create().error().kind() == errc::already_exists);
    CHECK(create("other").error().kind() == errc::already_exists);
    REQUIRE(start());
    CHECK(start().error().kind() == errc::failed_precondition);
    REQUIRE(stop());
    CHECK(start().error().kind() == errc::failed_precondition);
}

TEST_CASE_METHOD(shim_of_pod, "a second start while the VM boots is refused", "[shim]") {
    REQUIRE(create());
    machine.is_slow = true;
    begin<wire::StartSandboxRequest>(&wire::SandboxClient::StartSandbox, "first");
    pump_line("start pod");
    CHECK(start().error().kind() == errc::failed_precondition);
    machine.release();
    pump_answers(1);
    CHECK(status()->state() == "SANDBOX_READY");
}

TEST_CASE_METHOD(shim_of_pod, "who waits before the start and after it is told of the same end", "[shim]") {
    REQUIRE(create());
    wait();
    REQUIRE(start());
    wait();
    machine.holder->lose();  // the VM has died
    pump_answers(2);
    CHECK(machine.story == story{"expect", "start pod", "started", "wait 137", "wait 137"});
    CHECK(status()->state() == "SANDBOX_NOTREADY");
    wait();
    pump_answers(3);
    CHECK(shut_down());
}

TEST_CASE_METHOD(shim_of_pod, "stop twice is stop, also at once", "[shim]") {
    REQUIRE(create());
    REQUIRE(start());
    machine.is_slow = true;
    begin<wire::StopSandboxRequest>(&wire::SandboxClient::StopSandbox, "one");
    pump_line("end");
    begin<wire::StopSandboxRequest>(&wire::SandboxClient::StopSandbox, "two");
    CHECK(std::count(machine.story.begin(), machine.story.end(), "end") == 1);  // not two at a time
    machine.release();
    pump_answers(2);
    CHECK(knows("one"));
    CHECK(knows("two"));
    REQUIRE(stop());
}

TEST_CASE_METHOD(shim_of_pod, "a stop during the start waits for it", "[shim]") {
    REQUIRE(create());
    machine.is_slow = true;
    begin<wire::StartSandboxRequest>(&wire::SandboxClient::StartSandbox, "start");
    pump_line("start pod");
    begin<wire::StopSandboxRequest>(&wire::SandboxClient::StopSandbox, "stop");
    CHECK_FALSE(knows("end"));
    machine.release();
    pump_answers(2);
    CHECK(machine.story.at(2) == "started");
    CHECK(status()->state() == "SANDBOX_NOTREADY");
}

TEST_CASE_METHOD(shim_of_pod, "a pod that was never started can be stopped, and its waiters are told", "[shim]") {
    REQUIRE(create());
    wait();
    REQUIRE(stop());
    pump_answers(1);
    CHECK(knows("wait 0"));
    CHECK(start().error().kind() == errc::failed_precondition);
}

TEST_CASE_METHOD(shim_of_pod, "a start that fails says why, and the shim can be shut down", "[shim]") {
    REQUIRE(create());
    wait();
    machine.fails = true;
    auto refused = start();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message().find("no VM today") != std::string::npos);
    REQUIRE(shut_down());
    pump_answers(1);
    CHECK(knows("wait 0"));
    CHECK(machine.story.back() != "start pod");
    CHECK(knows("shut down"));
}

TEST_CASE_METHOD(shim_of_pod, "a shutdown while all runs ends the VM first, and is done once", "[shim]") {
    REQUIRE(create());
    REQUIRE(start());
    REQUIRE(shut_down());
    CHECK(machine.story == story{"expect", "start pod", "started", "end", "ended", "forget", "shut down"});
    REQUIRE(shut_down());
    CHECK(std::count(machine.story.begin(), machine.story.end(), "shut down") == 1);
}

TEST_CASE_METHOD(shim_of_pod, "a shutdown without a pod ends the shim", "[shim]") {
    wire::CreateSandboxRequest request;
    request.set_sandbox_id("pod");
    request.mutable_options()->set_type_url("what.is.this");
    wire::SandboxClient sandbox(*client);
    CHECK(run(sandbox.CreateSandbox(request, ttrpc::call_options())).error().kind() == errc::invalid_argument);
    REQUIRE(shut_down());
    CHECK(machine.story.back() == "shut down");
}

TEST_CASE_METHOD(shim_of_pod, "a daemon that goes away during a stop does not stop it", "[shim]") {
    REQUIRE(create());
    REQUIRE(start());
    machine.is_slow = true;
    begin<wire::StopSandboxRequest>(&wire::SandboxClient::StopSandbox, "stop");
    pump_line("end");
    client->close();
    pump_answers(1);
    machine.release();
    pump_line("ended");
    CHECK(machine.holder->find("").value()->exit);
}
