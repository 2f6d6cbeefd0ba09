#include <catch2/catch.hpp>
#include <csignal>

#include "client_program.hpp"
#include "observer.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

// What a person does with a container that runs in the background, with the real client and guest.

namespace {

struct answer {
    int status;
    std::string out;
    std::string err;
};

answer ask(std::vector<std::string> words) {
    client_program client(virtual_machine::shared_address(), std::move(words));
    auto out = client.rest();
    auto status = client.wait();
    return {status, std::move(out), client.complaint()};
}

std::string run_in_background(const std::string& script) {
    auto id = guest::fresh_id();
    auto started = ask({"run", "-d", "--log", "--rootfs", "root", id, "--", "/bin/sh", "-c", script});
    INFO(started.err);
    REQUIRE(started.status == 0);
    return id;
}

}  // namespace

TEST_CASE("a container in the background can be followed, read later and stopped", "[vm]") {
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    auto before = eye.remains();
    auto id = run_in_background("trap 'echo bye; exit 7' TERM; echo up; echo down >&2; while :; do sleep 1; done");
    client_program follower(virtual_machine::shared_address(), {"logs", "-f", id});
    CHECK(follower.read(8) == "up\ndown\n");
    client_program attached(virtual_machine::shared_address(), {"attach", id});
    // It has said nothing yet: when it is asked, so is attach.
    CHECK(ask({"logs", "--tail", "1", id}).out == "down\n");
    auto stopped = ask({"stop", "--json", "--time", "100", id});
    CHECK(stopped.status == 0);
    CHECK(stopped.out.find("\"exit_status\":7") != std::string::npos);
    CHECK(follower.rest() == "bye\n");
    CHECK(follower.wait() == 0);
    CHECK(attached.wait() == 7);
    CHECK(ask({"logs", id}).out == "up\ndown\nbye\n");
    CHECK(ask({"delete", id}).status == 0);
    CHECK(ask({"logs", id}).status == 1);
    CHECK(eye.remains() == before);
}

TEST_CASE("a log that overflows keeps its end and holds back no exit", "[vm]") {
    constexpr std::size_t written = 8 << 20;
    auto id = run_in_background("exec /bin/worker pattern " + std::to_string(written));
    CHECK(ask({"wait", id}).status == 0);
    auto kept = ask({"logs", "--json", id});
    CHECK(kept.out.size() == std::size_t{1} << 20);
    CHECK(kept.err.find("\"lost\":" + std::to_string(written - (1 << 20))) != std::string::npos);
    CHECK(ask({"delete", id}).status == 0);
}

