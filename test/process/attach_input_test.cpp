// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include "process/process_fixture.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::test;

namespace {

constexpr auto attachable = "attach://";

struct attach_fixture : process_fixture {
    result<void> attach(std::uint32_t stream, const std::string& exec_id = "") {
        return processes.attach_input("web", exec_id, uri(stream));
    }
    std::string refusal(std::uint32_t stream, const std::string& exec_id = "") {
        return attach(stream, exec_id).error().message();
    }
    /// A container that prints what is typed; its output.
    auto run_cat(bool has_terminal = false) {
        auto out = read(open_stream(2));
        run_container("web", {"cat"}, {attachable, "stream://2", "", has_terminal});
        return out;
    }
    /// Types `text` into the stream and leaves.
    void visit(std::uint32_t stream, std::string_view text) {
        auto person = open_stream(stream);
        REQUIRE(attach(stream));
        person->write(text);
        person->close();
    }
};

}  // namespace

TEST_CASE("who is attached types, one after the other, until CloseIO", "[process]") {
    attach_fixture fixture;
    auto out = fixture.run_cat();
    fixture.visit(11, "one\n");
    fixture.pump([&] { return out->text == "one\n"; });
    // The input is still open, and it is free again.
    auto person = fixture.open_stream(12);
    fixture.pump([&] { return fixture.attach(12).has_value(); });
    person->write("two\n");
    fixture.pump([&] { return out->text == "one\ntwo\n"; });
    REQUIRE(fixture.run(fixture.processes.close_io("web", "")));
    CHECK(fixture.wait("web").value().status == 0);
    CHECK(out->text == "one\ntwo\n");
}

TEST_CASE("one at a time is attached", "[process]") {
    attach_fixture fixture;
    auto out = fixture.run_cat();
    auto first = fixture.open_stream(11);
    REQUIRE(fixture.attach(11));
    auto second = fixture.open_stream(12);
    CHECK(fixture.refusal(12) == "somebody is attached to its input: already exists");
    first->write("mine\n");
    fixture.pump([&] { return out->text == "mine\n"; });
    first->close();
    // The refused stream was left alone.
    fixture.pump([&] { return fixture.attach(12).has_value(); });
    second->write("yours\n");
    fixture.pump([&] { return out->text == "mine\nyours\n"; });
}

TEST_CASE("all that was sent before leaving arrives, also at a process that is slow to read", "[process]") {
    attach_fixture fixture;
    auto out = fixture.read(fixture.open_stream(2));
    REQUIRE(fixture.create("web", {"count"}, {attachable, "stream://2", "", false}));
    // More than the pipe holds, before anybody reads.
    constexpr std::size_t size = 100000;
    auto person = fixture.open_stream(11);
    REQUIRE(fixture.attach(11));
    person->write(std::string(size, 'x'));
    person->close();
    fixture.poll();
    CHECK(fixture.refusal(12).starts_with("somebody is attached"));
    REQUIRE(fixture.start("web"));
    fixture.pump([&] { return fixture.attach(12).error().kind() == errc::not_found; });
    REQUIRE(fixture.run(fixture.processes.close_io("web", "")));
    REQUIRE(fixture.wait("web"));
    CHECK(out->text == std::to_string(size) + "\n");
}

TEST_CASE("nobody attaches where it cannot be", "[process]") {
    attach_fixture fixture;
    CHECK(fixture.attach(11).error().kind() == errc::not_found);
    fixture.run_container("web", {"cat"}, {attachable, "", "", false});
    CHECK(fixture.refusal(11) == "unable to get stream 11: not found");
    for (auto bad : {"", "attach://", "/dev/null", "stream://x", "log://"}) {
        CAPTURE(bad);
        CHECK(fixture.processes.attach_input("web", "", bad).error().kind() == errc::invalid_argument);
    }
    REQUIRE(fixture.add_exec("web", "none", {"sleep", "1000"}));
    CHECK(fixture.refusal(11, "none") == "process none is not running: failed precondition");
    REQUIRE(fixture.start("web", "none"));
    CHECK(fixture.refusal(11, "none") == "it was not started with an input to attach to: failed precondition");
    auto theirs = fixture.open_stream(1);
    REQUIRE(fixture.add_exec("web", "stream", {"sleep", "1000"}, {"stream://1", "", "", false}));
    REQUIRE(fixture.start("web", "stream"));
    CHECK(fixture.refusal(11, "stream") == "it was not started with an input to attach to: failed precondition");
    REQUIRE(fixture.run(fixture.processes.close_io("web", "")));
    CHECK(fixture.refusal(11) == "its input is closed: failed precondition");
    REQUIRE(fixture.wait("web"));
    CHECK(fixture.refusal(11) == "process web is not running: failed precondition");
}

TEST_CASE("a terminal is typed into and left", "[process]") {
    attach_fixture fixture;
    auto out = fixture.run_cat(true);
    fixture.visit(11, "one\r");
    fixture.pump([&] { return out->text == "one\r\none\r\n"; });
    auto person = fixture.open_stream(12);
    fixture.pump([&] { return fixture.attach(12).has_value(); });
    person->write("two\r");
    fixture.pump([&] { return out->text == "one\r\none\r\ntwo\r\ntwo\r\n"; });
    REQUIRE(fixture.kill("web", "", SIGKILL));
    REQUIRE(fixture.wait("web"));
    REQUIRE(fixture.remove("web"));
}

TEST_CASE("many who come and go leave no descriptors", "[process]") {
    attach_fixture fixture;
    auto out = fixture.run_cat();
    auto before = open_descriptors();
    std::string typed;
    for (std::uint32_t number = 100; number < 120; ++number) {
        fixture.visit(number, "x\n");
        typed += "x\n";
        fixture.pump([&] { return out->text == typed && open_descriptors() == before; });
    }
}
