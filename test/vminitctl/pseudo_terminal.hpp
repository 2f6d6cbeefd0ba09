// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <catch2/catch.hpp>

#include "vminit/core/unique_fd.hpp"

namespace vminit::test {

/// A terminal of a test's own: what the program has is `slave`, what the person has is `master`.
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

    void resize(unsigned short columns, unsigned short lines) {
        winsize size{lines, columns, 0, 0};
        REQUIRE(::ioctl(master.get(), TIOCSWINSZ, &size) == 0);
    }

    unique_fd master;
    unique_fd slave;
};

}  // namespace vminit::test
