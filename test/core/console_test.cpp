// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/console.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;

namespace {

std::string read_available(int fd) {
    std::string text(1 << 20, '\0');
    auto count = ::read(fd, text.data(), text.size());
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return text;
}

/// A pipe of one page whose writer never blocks: a console that stalls.
struct stalling_console {
    stalling_console() : ends(syscalls::pipe(O_NONBLOCK).value()) { ::fcntl(ends.write_end.get(), F_SETPIPE_SZ, 4096); }
    syscalls::pipe_pair ends;
};

}  // namespace

TEST_CASE("lines reach a console that takes them at once", "[core]") {
    test::io_fixture io;
    stalling_console pipe;
    console out(io.ctx, std::move(pipe.ends.write_end));
    out.write_line("one");
    out.write_line("two");
    CHECK(read_available(pipe.ends.read_end.get()) == "one\ntwo\n");
    CHECK(out.pending() == 0);
}

TEST_CASE("a stalled console stops nobody, and what it missed follows in order", "[core]") {
    test::io_fixture io;
    stalling_console pipe;
    console out(io.ctx, std::move(pipe.ends.write_end));
    std::string expected;
    for (int i = 0; i < 1000; ++i) {
        out.write_line(std::to_string(i));
        expected += std::to_string(i) + "\n";
    }
    expected += std::string(15000, 'x') + "\n";
    out.write_line(std::string(15000, 'x'));
    CHECK(out.pending() > 0);
    std::string seen;
    while (seen.size() < expected.size()) {
        seen += read_available(pipe.ends.read_end.get());
        io.poll();
    }
    CHECK(seen == expected);
    CHECK(out.dropped_lines() == 0);
}

TEST_CASE("beyond the bound the oldest whole lines go, and that is told", "[core]") {
    test::io_fixture io;
    stalling_console pipe;
    console out(io.ctx, std::move(pipe.ends.write_end));
    for (int i = 0; i < 2000; ++i) out.write_line(std::string(99, static_cast<char>('a' + i % 26)));
    CHECK(out.pending() <= console::max_pending);
    CHECK(out.dropped_lines() > 0);
    std::string seen;
    while (out.pending() > 0 || seen.empty()) {
        seen += read_available(pipe.ends.read_end.get());
        io.poll();
    }
    seen += read_available(pipe.ends.read_end.get());
    CHECK(seen.find("console lines dropped)\n") != std::string::npos);
    std::size_t start = 0;
    for (auto end = seen.find('\n'); end != std::string::npos; start = end + 1, end = seen.find('\n', start)) {
        auto line = seen.substr(start, end - start);
        bool is_whole = line.size() == 99 || line.ends_with("dropped)");
        CHECK(is_whole);
    }
}

TEST_CASE("a console that is gone is given up, not retried for ever", "[core]") {
    test::io_fixture io;
    stalling_console pipe;
    ::signal(SIGPIPE, SIG_IGN);
    console out(io.ctx, std::move(pipe.ends.write_end));
    pipe.ends.read_end.reset();
    out.write_line("nobody");
    CHECK(out.pending() == 0);
    CHECK(out.dropped_lines() == 1);
}

TEST_CASE("reopening leaves the original descriptor's mode alone", "[core]") {
    test::temporary_directory dir;
    auto file = syscalls::open(dir.path("log"), O_WRONLY | O_CREAT, 0600).value();
    auto second = console::reopen(file.get());
    REQUIRE(second);
    CHECK((::fcntl(second->get(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(file.get(), F_GETFL) & O_NONBLOCK) == 0);
    auto pipe = syscalls::pipe().value();
    CHECK(console::reopen(pipe.write_end.get()));
}

TEST_CASE("what is written before there is a console is on it first, the last of it", "[core]") {
    test::io_fixture io;
    console out(io.ctx);
    for (int i = 0; i < 20000; ++i) out.write_line(std::to_string(i));
    CHECK(out.pending() <= console::max_pending);
    auto first_kept = out.dropped_lines();
    CHECK(first_kept > 0);
    auto ends = syscalls::pipe(O_NONBLOCK).value();
    out.show_on(std::move(ends.write_end));
    out.write_line("later");
    std::string seen;
    while (!seen.ends_with("later\n")) {
        seen += read_available(ends.read_end.get());
        io.poll();
    }
    std::string expected = "(" + std::to_string(first_kept) + " console lines dropped)\n";
    for (auto i = first_kept; i < 20000; ++i) expected += std::to_string(i) + "\n";
    CHECK(seen == expected + "later\n");
    CHECK(out.pending() == 0);
}
