// SPDX-License-Identifier: Apache-2.0
#include "terminal.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include "pseudo_terminal.hpp"

using namespace vminit;
using namespace vminit::vminitctl;
using test::pseudo_terminal;

TEST_CASE("a terminal is raw for as long as it is asked to be", "[vminitctl]") {
    pseudo_terminal terminal;
    REQUIRE(is_terminal(terminal.slave.get()));
    CHECK_FALSE(terminal.is_raw());
    {
        auto first = raw_mode::enter(terminal.slave.get());
        REQUIRE(first);
        auto moved = std::move(*first);
        CHECK(terminal.is_raw());
    }
    CHECK_FALSE(terminal.is_raw());
}

TEST_CASE("an exception gives the terminal back", "[vminitctl]") {
    pseudo_terminal terminal;
    try {
        auto raw = raw_mode::enter(terminal.slave.get()).value();
        throw 1;
    } catch (int) {
    }
    CHECK_FALSE(terminal.is_raw());
}

TEST_CASE("a crash gives the terminal back", "[vminitctl]") {
    pseudo_terminal terminal;
    auto child = ::fork();
    if (child == 0) {
        auto raw = raw_mode::enter(terminal.slave.get());
        if (!raw || !terminal.is_raw()) ::_exit(1);
        ::raise(SIGABRT);
        ::_exit(2);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK_FALSE(terminal.is_raw());
}

TEST_CASE("what is no terminal is refused and has no size", "[vminitctl]") {
    unique_fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    CHECK_FALSE(is_terminal(null.get()));
    CHECK_FALSE(window_size_of(null.get()));
    auto refused = raw_mode::enter(null.get());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().context() == "tcgetattr terminal");
}

TEST_CASE("the window's size is read in columns and lines", "[vminitctl]") {
    pseudo_terminal terminal;
    CHECK_FALSE(window_size_of(terminal.slave.get()));
    terminal.resize(80, 24);
    auto read = window_size_of(terminal.slave.get());
    REQUIRE(read);
    CHECK(read->width == 80);
    CHECK(read->height == 24);
}
