// SPDX-License-Identifier: Apache-2.0
#include "host_stdio.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>

#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/reaper/reaper_service.hpp"
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

TEST_CASE_METHOD(stdio, "outputs that lead nowhere are refused by name", "[shim]") {
    auto [name, kind] = GENERATE(table<std::string, errc>({{"journal://x", errc::not_implemented},
                                                           {"stream://7", errc::not_implemented},
                                                           {"file://relative", errc::invalid_argument},
                                                           {"binary:///nowhere/logger", errc::not_found},
                                                           {"/dev/null", errc::invalid_argument},
                                                           {"/nowhere/fifo", errc::not_found}}));
    names.out = name;
    auto other = std::make_shared<host_stdio>(ctx, names);
    auto opened = run(other->open(where, 10));
    REQUIRE_FALSE(opened);
    CHECK(opened.error().kind() == kind);
    CAPTURE(opened.error().message());
    CHECK(opened.error().message().find(name.substr(0, name.find(':'))) != std::string::npos);
    other->close();
    poll();
}

namespace {

/// Outputs that go to a file, or to a logger that is a shell script.
struct logging : stdio {
    std::string script(const std::string& text) {
        auto path = directory.path("logger");
        REQUIRE(replace_file(path, "#!/bin/sh\nd=" + directory.path() + "\n" + text, 0755));
        return "binary://" + path;
    }
    std::shared_ptr<host_stdio> opened(const std::string& uri) {
        names = stdio_names();
        names.out = names.err = uri;
        logged_process whose;
        whose.id = "web";
        whose.name_space = "k8s.io";
        process = std::make_shared<host_stdio>(ctx, names, whose);
        REQUIRE(run(process->open(where, 10)));
        return process;
    }
    /// More than all buffers on the way hold, so the other side must read meanwhile.
    void send_all(ttrpc::stream_socket& stream, std::string_view bytes) {
        while (!bytes.empty()) {
            error_code failure;
            bytes.remove_prefix(stream.write_some(asio::buffer(bytes), failure));
            if (failure) REQUIRE(failure == asio::error::would_block);
            poll();
        }
    }
    std::string read(const std::string& name) { return read_file(directory.path(name)).value(); }
    std::size_t children() { return asio::use_service<reaper::reaper_service>(ctx).counters().known; }
    void end() {
        process->close();
        run(process->end_logger());
        poll();
        CHECK(children() == 0);
    }
};

}  // namespace

TEST_CASE_METHOD(logging, "a file gets both outputs behind what is in it", "[shim]") {
    opened("file://" + directory.path("new/place/log"));
    auto out = claim(process->guest_names().out);
    auto err = claim(process->guest_names().err);
    std::string much(300000, 'x');
    send_all(out, much);
    out.close();
    pump([&] { return read("new/place/log").size() == much.size(); });
    send(err, "\nand this\n");
    err.close();
    CHECK(run(process->drained(60s)));
    CHECK(read("new/place/log") == much + "\nand this\n");
    end();
    opened("file://" + directory.path("new/place/log"));
    auto again = claim(process->guest_names().out);
    send(again, "later\n");
    again.close();
    claim(process->guest_names().err).close();
    CHECK(run(process->drained(60s)));
    CHECK(read("new/place/log").ends_with("\nand this\nlater\n"));
    end();
}

TEST_CASE_METHOD(logging, "a logger of this machine gets every byte of both outputs", "[shim]") {
    opened(script("echo $CONTAINER_ID $CONTAINER_NAMESPACE $* > $d/args; exec 5>&-; cat <&3 > $d/log-out; cat <&4 > "
                  "$d/log-err\n") +
           "?tag=a%20b");
    auto out = claim(process->guest_names().out);
    auto err = claim(process->guest_names().err);
    send(err, "complaint");
    send(out, "words");
    out.close();
    err.close();
    CHECK(run(process->drained(60s)));
    end();
    CHECK(read("args") == "web k8s.io tag a b\n");
    CHECK(read("log-out") == "words");
    CHECK(read("log-err") == "complaint");
    CHECK(process->names().out.starts_with("binary://"));
}

TEST_CASE_METHOD(logging, "a logger that dies does not stop its process", "[shim]") {
    ::signal(SIGPIPE, SIG_IGN);  // as the server does
    opened(script("exec 5>&-; head -c 4 <&3 > $d/log-out\n"));
    auto out = claim(process->guest_names().out);
    auto err = claim(process->guest_names().err);
    send(out, "read");
    pump([&] { return children() == 0; });
    std::string much(1 << 20, 'x');  // more than all buffers between hold
    send_all(out, much);
    out.close();
    err.close();
    CHECK(run(process->drained(60s)));
    CHECK(read("log-out") == "read");
    end();
}

TEST_CASE_METHOD(logging, "a logger that stalls is given up at the limit", "[shim]") {
    opened(script("exec 5>&-; exec sleep 1000\n"));
    auto out = claim(process->guest_names().out);
    send(out, "never read");
    CHECK_FALSE(run(process->drained(1ms)));  // stderr's stream is open
    process->close();
    manual_time time(clock::now());
    auto logger = process->end_logger();
    bool has_ended = false;
    auto wait = [](awaitable<void> ending, bool& into) -> awaitable<void> {
        co_await std::move(ending);
        into = true;
    };
    task_group tasks(ctx.get_executor(), log_of(ctx));
    tasks.spawn("logger", wait(std::move(logger), has_ended));
    poll();
    CHECK(children() == 1);
    time.advance(host_stdio::logger_patience);
    pump([&] { return has_ended && children() == 0; });
}
