// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "api/task_fixture.hpp"
#include "vminit/api/container_api.hpp"
#include "vminit/process/v1/container.ttrpc.hpp"

using namespace vminit;
using namespace vminit::test;
namespace wire = vminit::process::v1;

namespace {

class logs_fixture : public task_fixture {
public:
    logs_fixture() { server().add(api::make_container_api(ctx)); }

    void run_logged(const std::string& id, const std::vector<std::string>& payload) {
        auto request = create_request(id, payload);
        request.set_stdout("log://");
        request.set_stderr("log://");
        REQUIRE(run(client().Create(std::move(request))));
        start(id);
    }

    using log_stream = ttrpc::receive_stream<wire::LogsResponse>;

    result<log_stream> ask(const std::string& id, bool follow, std::optional<std::uint32_t> tail = {}) {
        wire::LogsRequest request;
        request.set_id(id);
        request.set_follow(follow);
        if (tail) request.set_tail(*tail);
        return wire::ContainerClient(rpc()).Logs(std::move(request));
    }

    // What the stream brings until it ends.
    std::string rest(log_stream& stream) {
        for (std::string text;;) {
            auto piece = run(stream.read());
            if (!piece) return verdict(piece);
            if (!*piece) return text;
            lost += (*piece)->lost();
            text += (*piece)->data();
        }
    }

    std::string logs(const std::string& id, bool follow = false, std::optional<std::uint32_t> tail = {}) {
        auto stream = ask(id, follow, tail);
        REQUIRE(stream);
        return rest(*stream);
    }

    std::uint64_t lost = 0;
};

}  // namespace

TEST_CASE("Logs gives what was written, also after the end", "[api]") {
    logs_fixture fixture;
    fixture.run_logged("web", {"echo", "one", ";", "stderr", "two", ";", "echo", "three"});
    fixture.wait("web");
    CHECK(fixture.logs("web") == "one\ntwo\nthree\n");
    CHECK(fixture.logs("web", true) == "one\ntwo\nthree\n");
    CHECK(fixture.logs("web", false, 1) == "three\n");
    CHECK(fixture.logs("web", false, 0) == "");
    CHECK(fixture.lost == 0);
}

TEST_CASE("Logs says how much is not there any more", "[api]") {
    logs_fixture fixture;
    constexpr auto capacity = process::kept_output::capacity;
    fixture.run_logged("web", {"write", std::to_string(capacity + 1000)});
    fixture.wait("web");
    CHECK((fixture.logs("web") == std::string(capacity, 'x')));
    CHECK(fixture.lost == 1000);
}

TEST_CASE("Logs follows a running process to its end, and ends with its container", "[api]") {
    logs_fixture fixture;
    fixture.run_logged("web", {"echo", "up", ";", "sleep", "1000"});
    auto stream = fixture.ask("web", true);
    REQUIRE(stream);
    auto first = fixture.run(stream->read());
    REQUIRE(first);
    CHECK((*first)->data() == "up\n");
    CHECK(fixture.logs("web") == "up\n");
    auto kill = logs_fixture::named<task::KillRequest>("web");
    kill.set_signal(9);
    kill.set_all(true);
    REQUIRE(fixture.run(fixture.client().Kill(kill)));
    CHECK(fixture.rest(*stream) == "");
}

TEST_CASE("Logs of nothing is refused", "[api]") {
    logs_fixture fixture;
    CHECK(fixture.logs("none") == "5 container not created: not found");
    fixture.run_container("web", {"sleep", "1000"});
    CHECK(fixture.logs("web") == "9 its output is not kept: failed precondition");
}

TEST_CASE("a follower that goes leaves nothing", "[api]") {
    logs_fixture fixture;
    fixture.run_logged("web", {"echo", "up", ";", "sleep", "1000"});
    {
        auto stream = fixture.ask("web", true);
        REQUIRE(stream);
        REQUIRE(fixture.run(stream->read()));
    }
    CHECK(fixture.logs("web") == "up\n");
}
