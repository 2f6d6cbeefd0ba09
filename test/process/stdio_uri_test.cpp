// SPDX-License-Identifier: Apache-2.0
#include "vminit/process/stdio_uri.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace vminit;
using namespace vminit::process;
using namespace std::string_literals;

namespace {

result<stdio_target> output(std::string_view uri) { return parse_stdio_uri(uri, stdio_direction::output); }
result<stdio_target> input(std::string_view uri) { return parse_stdio_uri(uri, stdio_direction::input); }

stdio_target target(stdio_scheme scheme, std::string path) {
    stdio_target made;
    made.scheme = scheme;
    made.path = std::move(path);
    return made;
}

}  // namespace

TEST_CASE("nothing is the null device", "[process]") {
    CHECK(output("").value() == stdio_target());
    CHECK(input("").value().scheme == stdio_scheme::none);
}

TEST_CASE("a stream has a decimal number of 32 bits", "[process]") {
    CHECK(output("stream://1").value().stream == "1");
    CHECK(input("stream://4294967295").value().stream == "4294967295");
    CHECK(input("stream://007").value().stream == "7");
    CHECK(output("stream://0").value().scheme == stdio_scheme::stream);
    for (auto uri : {"stream://", "stream://4294967296", "stream://-1", "stream://1x", "stream://0x1", "stream:// 1"}) {
        CAPTURE(uri);
        auto refused = output(uri);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().message() == "stdio \""s + uri + "\": not a stream: invalid argument");
    }
}

TEST_CASE("a stream has a name where hosts name them", "[process]") {
    auto named = parse_stdio_uri("stream://web-stdout", stdio_direction::output, stream_handshake::name);
    CHECK(named.value().scheme == stdio_scheme::stream);
    CHECK(named.value().stream == "web-stdout");
    CHECK(parse_stdio_uri("stream://007", stdio_direction::input, stream_handshake::name).value().stream == "007");
    CHECK(parse_stdio_uri("stream://", stdio_direction::input, stream_handshake::name).error().message() ==
          "stdio \"stream://\": not a stream: invalid argument");
}

TEST_CASE("a path is a fifo, taken as it is", "[process]") {
    CHECK(output("/run/a b%20").value() == target(stdio_scheme::fifo, "/run/a b%20"));
    CHECK(input("/run/in").value() == target(stdio_scheme::fifo, "/run/in"));
    CHECK(input("fifo:///run/in%20put").value() == target(stdio_scheme::fifo, "/run/in put"));
    CHECK(output("run/out").error().kind() == errc::invalid_argument);
    CHECK(output("/a\0b"s).error().kind() == errc::invalid_argument);
}

TEST_CASE("a file is an absolute path to write to", "[process]") {
    CHECK(output("log://").value() == target(stdio_scheme::log, ""));
    CHECK(output("log:///x").error().kind() == errc::invalid_argument);
    CHECK(input("log://").error().kind() == errc::invalid_argument);
    CHECK(input("attach://").value() == target(stdio_scheme::attach, ""));
    CHECK(input("attach:///x").error().kind() == errc::invalid_argument);
    CHECK(output("attach://").error().kind() == errc::invalid_argument);
    CHECK(output("file:///var/log/x.log").value() == target(stdio_scheme::file, "/var/log/x.log"));
    CHECK(output("file://relative").error().kind() == errc::invalid_argument);
    CHECK(input("file:///x").error().message() == "stdio \"file:///x\": cannot be read from: invalid argument");
    CHECK(output("file:///a%00b").error().kind() == errc::invalid_argument);
    CHECK(output("file:///a%2").error().kind() == errc::invalid_argument);
    CHECK(output("file:///a%zz").error().kind() == errc::invalid_argument);
}

TEST_CASE("a logger has arguments in the order of the URI", "[process]") {
    auto logger = output("binary:///usr/bin/log?b=2&a=1&id=x%3Dy+z&flag").value();
    CHECK(logger.scheme == stdio_scheme::binary);
    CHECK(logger.path == "/usr/bin/log");
    using pairs = std::vector<std::pair<std::string, std::string>>;
    CHECK(logger.arguments == pairs{{"b", "2"}, {"a", "1"}, {"id", "x=y z"}, {"flag", ""}});
    CHECK_FALSE(logger.must_say_ready);
    CHECK(output("binary-v2:///l").value().must_say_ready);
    CHECK(input("binary:///l").error().kind() == errc::invalid_argument);
}

TEST_CASE("other schemes are not implemented", "[process]") {
    CHECK(output("npipe:////./pipe/x").error().message() == "unsupported STDIO scheme npipe: not implemented");
    CHECK(input("tcp://1.2.3.4").error().message() == "unsupported STDIO scheme tcp: not implemented");
}
