// SPDX-License-Identifier: Apache-2.0
#include "inherited_descriptor.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <array>

#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using namespace vminit::vminitctl;

namespace {

awaitable<std::string> read_to_end(inherited_descriptor& source) {
    std::string text;
    std::array<char, 8> buffer;
    for (;;) {
        auto got = co_await source.read_some(buffer);
        if (!got || *got == 0) co_return text;
        text.append(buffer.data(), *got);
    }
}

awaitable<void> write_text(inherited_descriptor& target, std::string text, result<void>& outcome) {
    outcome = co_await target.write_all(text);
}

bool is_non_blocking(int fd) { return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

}  // namespace

TEST_CASE("a pipe is read to its end and its flags stay as they are", "[vminitctl]") {
    test::io_fixture io;
    auto pipe = syscalls::pipe().value();
    auto source = inherited_descriptor::open(io.ctx, pipe.read_end.get(), direction::in).value();
    REQUIRE(syscalls::write_all(pipe.write_end.get(), "one two three", "pipe"));
    pipe.write_end.reset();
    CHECK(io.run(read_to_end(source)) == "one two three");
    CHECK_FALSE(is_non_blocking(pipe.read_end.get()));
}

TEST_CASE("a reader of an empty pipe waits without holding the loop", "[vminitctl]") {
    test::io_fixture io;
    auto pipe = syscalls::pipe().value();
    auto source = inherited_descriptor::open(io.ctx, pipe.read_end.get(), direction::in).value();
    task_group group(io.ex(), io.log());
    std::string text;
    auto read = [](inherited_descriptor& from, std::string& into) -> awaitable<void> {
        into = co_await read_to_end(from);
    };
    group.spawn("reader", read(source, text));
    io.poll();
    CHECK(group.size() == 1);
    REQUIRE(syscalls::write_all(pipe.write_end.get(), "late", "pipe"));
    pipe.write_end.reset();
    io.run(group.join());
    CHECK(text == "late");
}

TEST_CASE("a waiting reader can be cancelled", "[vminitctl]") {
    test::io_fixture io;
    auto pipe = syscalls::pipe().value();
    auto source = inherited_descriptor::open(io.ctx, pipe.read_end.get(), direction::in).value();
    task_group group(io.ex(), io.log());
    std::string text = "untouched";
    auto read = [](inherited_descriptor& from, std::string& into) -> awaitable<void> {
        into = co_await read_to_end(from);
    };
    group.spawn("reader", read(source, text));
    io.poll();
    group.stop();
    io.run(group.join());
    CHECK(text == "untouched");
}

TEST_CASE("files and closed descriptors can be read too", "[vminitctl]") {
    test::io_fixture io;
    test::temporary_directory dir;
    REQUIRE(replace_file(dir.path("in"), "from a file", 0600));
    auto file = syscalls::open(dir.path("in"), O_RDONLY).value();
    auto source = inherited_descriptor::open(io.ctx, file.get(), direction::in).value();
    CHECK(io.run(read_to_end(source)) == "from a file");
    auto closed = inherited_descriptor::open(io.ctx, 1000000, direction::in).value();
    CHECK(io.run(read_to_end(closed)) == "");
}

TEST_CASE("a full pipe holds the writer, not the loop", "[vminitctl]") {
    test::io_fixture io;
    auto pipe = syscalls::pipe().value();
    auto target = inherited_descriptor::open(io.ctx, pipe.write_end.get(), direction::out).value();
    std::string text(200000, 'x');
    text.back() = 'y';
    result<void> outcome = error(errc::unknown, "not finished");
    task_group group(io.ex(), io.log());
    group.spawn("writer", write_text(target, text, outcome));
    io.poll();
    REQUIRE(group.size() == 1);
    std::string got;
    std::array<char, 65536> buffer;
    while (got.size() < text.size()) {
        auto count = ::read(pipe.read_end.get(), buffer.data(), buffer.size());
        REQUIRE(count > 0);
        got.append(buffer.data(), static_cast<std::size_t>(count));
        io.poll();
    }
    io.run(group.join());
    CHECK(outcome);
    CHECK(got == text);
    CHECK_FALSE(is_non_blocking(pipe.write_end.get()));
}

TEST_CASE("a reader that went away is an error of the writer", "[vminitctl]") {
    ::signal(SIGPIPE, SIG_IGN);
    test::io_fixture io;
    auto pipe = syscalls::pipe().value();
    auto target = inherited_descriptor::open(io.ctx, pipe.write_end.get(), direction::out).value();
    pipe.read_end.reset();
    result<void> outcome;
    io.run(write_text(target, "x", outcome));
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code() == boost::system::errc::broken_pipe);
}
