// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <chrono>
#include <optional>

#include "api/api_fixture.hpp"
#include "support/fake_kernel_log.hpp"
#include "vminit/api/machine_api.hpp"
#include "vminit/core/log_history.hpp"
#include "vminit/system/system_service.hpp"
#include "vminit/system/v1/machine.ttrpc.hpp"

using namespace vminit;
using namespace std::chrono_literals;
namespace wire = vminit::system::v1;

namespace {

using log_stream = ttrpc::receive_stream<wire::LogsResponse>;

class machine_logs_fixture : public test::api_fixture {
public:
    machine_logs_fixture() {
        system::system_config config;
        config.kernel_log = kernel.path();
        asio::make_service<system::system_service>(ctx, std::move(config));
        server().add(api::make_machine_api(ctx));
    }

    void add_own(std::chrono::microseconds when, log_level level, std::string_view text) {
        manual_time time{clock::time_point(when)};
        history.add(level, text);
    }

    result<log_stream> ask(const wire::LogsRequest& request) { return wire::MachineClient(rpc()).Logs(request); }

    // `V6 one`, `K4 two (3 lost)`, ... until the stream ends.
    std::string all(const wire::LogsRequest& request = {}) {
        auto stream = ask(request);
        REQUIRE(stream);
        std::string text;
        for (;;) {
            auto some = run(stream->read());
            if (!some) return text + some.error().message();
            if (!*some) return text;
            text += shown(**some);
        }
    }

    static std::string shown(const wire::LogsResponse& message) {
        CHECK(message.lines_size() > 0);
        CHECK(message.lines_size() <= 64);
        std::string text;
        for (const auto& line : message.lines()) {
            text += line.source() == wire::LogsRequest::KERNEL ? "K" : "V";
            text += std::to_string(line.level()) + " " + line.text();
            if (line.lost() > 0) text += " (" + std::to_string(line.lost()) + " lost)";
            text += "\n";
        }
        return text;
    }

    std::string next(log_stream& stream) {
        auto some = run(stream.read());
        REQUIRE(some);
        REQUIRE(*some);
        return shown(**some);
    }

    test::fake_kernel_log kernel;
    log_history& history = asio::use_service<log_history>(ctx);
};

wire::LogsRequest followed() {
    wire::LogsRequest request;
    request.set_follow(true);
    return request;
}

}  // namespace

TEST_CASE_METHOD(machine_logs_fixture, "both logs come by time, and end with what is there", "[api]") {
    kernel.add("5,0,100,-;Linux\n");
    kernel.add("4,1,300,-;slow clock\n");
    add_own(200us, log_level::info, "serving");
    add_own(400us, log_level::error, "no disk");
    CHECK(all() == "K5 Linux\nV6 serving\nK4 slow clock\nV3 no disk\n");
    kernel.add("6,2,1,-;more\n");
    wire::LogsRequest request;
    request.set_source(wire::LogsRequest::VMINITD);
    CHECK(all(request) == "V6 serving\nV3 no disk\n");
    request.set_source(wire::LogsRequest::KERNEL);
    CHECK(all(request) == "K6 more (2 lost)\n");
}

TEST_CASE_METHOD(machine_logs_fixture, "of the logs only what is grave enough comes", "[api]") {
    kernel.add("4,5,100,-;warned\n");
    kernel.add("6,6,200,-;informed\n");
    kernel.add("3,9,300,-;failed\n");
    add_own(150us, log_level::debug, "detail");
    add_own(250us, log_level::warn, "odd");
    wire::LogsRequest request;
    request.set_level(4);
    CHECK(all(request) == "K4 warned (5 lost)\nV4 odd\nK3 failed (2 lost)\n");
    request.set_level(0);
    CHECK(all(request).empty());
}

TEST_CASE_METHOD(machine_logs_fixture, "what is lost is told with the next line that is sent", "[api]") {
    kernel.add("7,5,1,-;detail\n");
    kernel.add("3,6,1,-;failed\n");
    for (int count = 0; count < 2000; ++count) add_own(2us, log_level::info, "x");
    auto kept = history.end() - history.begin();
    wire::LogsRequest request;
    request.set_level(6);
    auto text = all(request);
    CHECK(text.starts_with("K3 failed (5 lost)\nV6 x (" + std::to_string(2000 - kept) + " lost)\nV6 x\n"));
    CHECK(std::count(text.begin(), text.end(), '\n') == static_cast<std::ptrdiff_t>(1 + kept));
}

TEST_CASE_METHOD(machine_logs_fixture, "a follower gets what comes, from both", "[api]") {
    kernel.add("6,0,100,-;Linux\n");
    auto stream = ask(followed());
    REQUIRE(stream);
    CHECK(next(*stream) == "K6 Linux\n");
    history.add(log_level::warn, "ours");
    CHECK(next(*stream) == "V4 ours\n");
    kernel.add("6,1,200,-;theirs\n");
    CHECK(next(*stream) == "K6 theirs\n");
    // The end of a fake is not the end of the machine.
    kernel.close();
    poll();
    history.add(log_level::info, "on");
    CHECK(next(*stream) == "V6 on\n");
}

TEST_CASE_METHOD(machine_logs_fixture, "a reader that does not read loses old lines and holds up nobody", "[api]") {
    wire::LogsRequest request = followed();
    request.set_source(wire::LogsRequest::VMINITD);
    history.add(log_level::info, "first");
    auto slow = ask(request);
    REQUIRE(slow);
    auto quick = connect();
    auto other = wire::MachineClient(quick).Logs(request);
    REQUIRE(other);
    CHECK(next(*slow) == "V6 first\n");
    CHECK(next(*other) == "V6 first\n");
    for (int count = 0; count < 5000; ++count) history.add(log_level::info, "flood");
    history.add(log_level::info, "last");
    std::string text;
    while (!text.ends_with("last\n")) text += next(*other);
    CHECK(text.starts_with("V6 flood ("));
    CHECK(next(*slow).starts_with("V6 flood ("));
}

TEST_CASE_METHOD(machine_logs_fixture, "a log that nobody can be given is refused", "[api]") {
    wire::LogsRequest request;
    request.set_level(8);
    CHECK(all(request) == "level 8: 0 (emerg) to 7 (debug): invalid argument");
    request.clear_level();
    request.set_source(static_cast<wire::LogsRequest::Source>(9));
    CHECK(all(request) == "source 9 of a log: invalid argument");
    std::optional<ttrpc::client> others = connect();
    history.add(log_level::info, "x");
    std::vector<log_stream> readers;
    for (int count = 0; count < 8; ++count) {
        auto reader = wire::MachineClient(*others).Logs(followed());
        REQUIRE(reader);
        next(*reader);
        readers.push_back(std::move(*reader));
    }
    CHECK(all() == "8 readers of the log at a time: resource exhausted");
    readers.clear();
    others.reset();
    pump([&] { return server().counters().connections == 1; });
    auto text = all();
    CHECK(text.starts_with("V6 x\n"));
}
