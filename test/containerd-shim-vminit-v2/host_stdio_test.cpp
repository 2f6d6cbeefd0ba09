#include "host_stdio.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>

#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/streams/stream_service.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace vminit::shim;
using namespace std::chrono_literals;

namespace {

/// The guest is our own stream service; the client of containerd is this test, at the other ends of the fifos.
struct stdio : io_fixture {
    stdio() : where(ttrpc::address::unix_socket(directory.path("streams"))) {
        REQUIRE(asio::use_service<streams::stream_service>(ctx).listen(where));
        for (auto* name : {&names.in, &names.out}) {
            *name = directory.path(name == &names.in ? "in" : "out");
            REQUIRE(::mkfifo(name->c_str(), 0600) == 0);
        }
        process = std::make_shared<host_stdio>(ctx, names);
    }
    unique_fd open(const std::string& path, int flags) {
        auto opened = syscalls::open(path, flags | O_NONBLOCK);
        REQUIRE(opened);
        return std::move(*opened);
    }
    ttrpc::stream_socket claim(const std::string& uri) {
        std::optional<result<ttrpc::stream_socket>> claimed;
        claimed.emplace(take_claim(uri));
        REQUIRE(*claimed);
        return std::move(**claimed);
    }
    result<ttrpc::stream_socket> take_claim(const std::string& uri) {
        return asio::use_service<streams::stream_service>(ctx).claim(uri.substr(std::string("stream://").size()));
    }
    /// All that a fifo has now.
    std::string read_now(const unique_fd& from) {
        std::string text;
        char block[4096];
        for (ssize_t count; (count = ::read(from.get(), block, sizeof block)) > 0;)
            text.append(block, static_cast<std::size_t>(count));
        return text;
    }
    void send(ttrpc::stream_socket& stream, std::string_view bytes) {
        REQUIRE(asio::write(stream, asio::buffer(bytes)) == bytes.size());
    }

    temporary_directory directory;
    ttrpc::address where;
    stdio_names names;
    std::shared_ptr<host_stdio> process;
};

}  // namespace

TEST_CASE_METHOD(stdio, "output goes into the fifo whether or not somebody reads it yet, and ends with the stream",
                 "[shim]") {
    REQUIRE(run(process->open(where, 10)));
    CHECK(process->guest_names().out == "stream://10");
    CHECK(process->guest_names().in == "stream://12");
    CHECK(process->guest_names().err.empty());
    auto stream = claim(process->guest_names().out);
    send(stream, "early ");
    auto reader = open(names.out, O_RDONLY);
    std::string got;
    pump([&] { return !(got += read_now(reader)).empty(); });
    // A reader that goes away and comes back.
    reader = unique_fd();
    send(stream, "late");
    reader = open(names.out, O_RDONLY);
    stream.close();
    CHECK(run(process->drained(60s)));
    got += read_now(reader);
    CHECK(got == "early late");
    CHECK(::read(reader.get(), got.data(), 1) == 0);  // the end, not "nothing yet"
    process->close();
    poll();
}

TEST_CASE_METHOD(stdio, "output that nobody reads is given up at the limit", "[shim]") {
    REQUIRE(run(process->open(where, 10)));
    auto stream = claim(process->guest_names().out);
    CHECK_FALSE(run(process->drained(1ms)));
    process->close();
    poll();
}

TEST_CASE_METHOD(stdio, "input ends when CloseIO was called and every writer is gone, and not a byte before",
                 "[shim]") {
    REQUIRE(run(process->open(where, 10)));
    auto stream = claim(process->guest_names().in);
    auto writer = open(names.in, O_RDWR);  // a client opens before there is a reader
    REQUIRE(process->begin());
    SECTION("a client that detaches and comes back") {
        REQUIRE(syscalls::write_all(writer.get(), "one ", "fifo"));
        char first[4];
        pump([&] { return stream.available() >= 4; });
        asio::read(stream, asio::buffer(first));
        writer = unique_fd();
        poll();
        writer = open(names.in, O_WRONLY);
        REQUIRE(syscalls::write_all(writer.get(), "two", "fifo"));
    }
    SECTION("bytes before CloseIO that were not read yet") {
        REQUIRE(syscalls::write_all(writer.get(), "two", "fifo"));
    }
    process->close_input();
    writer = unique_fd();
    std::string rest(16, '\0');
    auto read_rest = [](ttrpc::stream_socket& from, std::string& into) -> awaitable<void> {
        auto [failure, count] = co_await asio::async_read(from, asio::buffer(into), as_tuple_awaitable);
        into.resize(count);
    };
    run(read_rest(stream, rest));
    CHECK(rest == "two");
    process->close();
    poll();
}

TEST_CASE_METHOD(stdio, "CloseIO before the start is remembered", "[shim]") {
    REQUIRE(run(process->open(where, 10)));
    auto stream = claim(process->guest_names().in);
    process->close_input();
    auto writer = open(names.in, O_RDWR);
    REQUIRE(syscalls::write_all(writer.get(), "x", "fifo"));
    REQUIRE(process->begin());
    poll();
    writer = unique_fd();
    std::string got(16, '\0');
    auto read_all = [](ttrpc::stream_socket& from, std::string& into) -> awaitable<void> {
        auto [failure, count] = co_await asio::async_read(from, asio::buffer(into), as_tuple_awaitable);
        into.resize(count);
    };
    run(read_all(stream, got));
    CHECK(got == "x");
    process->close();
    poll();
}

TEST_CASE_METHOD(stdio, "what is no fifo is refused by name", "[shim]") {
    auto [name, kind] = GENERATE(table<std::string, errc>({{"binary:///bin/logger", errc::not_implemented},
                                                           {"file:///tmp/log", errc::not_implemented},
                                                           {"/dev/null", errc::invalid_argument},
                                                           {"/nowhere/fifo", errc::not_found}}));
    names.out = name;
    auto other = std::make_shared<host_stdio>(ctx, names);
    auto opened = run(other->open(where, 10));
    REQUIRE_FALSE(opened);
    CHECK(opened.error().kind() == kind);
    CHECK(opened.error().message().find(name) != std::string::npos);
    other->close();
    poll();
}
