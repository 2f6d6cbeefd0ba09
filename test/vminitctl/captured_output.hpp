// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <string>

#include "vminit/core/syscalls.hpp"

namespace vminit::test {

/// Two pipes in the place of stdout and stderr. What a test writes must fit a pipe.
class captured_output {
public:
    captured_output() : out_(syscalls::pipe().value()), err_(syscalls::pipe().value()) { ::signal(SIGPIPE, SIG_IGN); }

    int out() const { return out_.write_end.get(); }
    int err() const { return err_.write_end.get(); }
    int reader() const { return out_.read_end.get(); }
    std::string out_text() const { return drain(out_.read_end.get()); }
    std::string err_text() const { return drain(err_.read_end.get()); }
    void close_reader() { out_.read_end.reset(); }

private:
    static std::string drain(int fd) {
        std::string text;
        char buffer[4096];
        pollfd entry{fd, POLLIN, 0};
        while (::poll(&entry, 1, 0) > 0 && (entry.revents & POLLIN)) {
            auto got = ::read(fd, buffer, sizeof(buffer));
            if (got <= 0) break;
            text.append(buffer, static_cast<std::size_t>(got));
        }
        return text;
    }

    syscalls::pipe_pair out_;
    syscalls::pipe_pair err_;
};

}  // namespace vminit::test
