#include "terminal.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include "vminit/core/unique_fd.hpp"

using namespace vminit;
using namespace vminit::vminitctl;

namespace {

struct pseudo_terminal {
    pseudo_terminal() : master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
        REQUIRE(::grantpt(master.get()) == 0);
        REQUIRE(::unlockpt(master.get()) == 0);
        slave.reset(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
        REQUIRE(slave.get() >= 0);
    }

    bool is_raw() const {
        termios settings{};
        REQUIRE(::tcgetattr(slave.get(), &settings) == 0);
        return (settings.c_lflag & (ICANON | ECHO | ISIG)) == 0;
    }

    unique_fd master;
    unique_fd slave;
};

}  // namespace

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
    winsize size{24, 80, 0, 0};
    REQUIRE(::ioctl(terminal.master.get(), TIOCSWINSZ, &size) == 0);
    auto read = window_size_of(terminal.slave.get());
    REQUIRE(read);
    CHECK(read->width == 80);
    CHECK(read->height == 24);
}
