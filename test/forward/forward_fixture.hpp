// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "support/descriptor_guard.hpp"
#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/local_socket.hpp"
#include "vminit/forward/forward_service.hpp"
#include "vminit/forward/relay.hpp"

namespace vminit::test {

/// One side of a socket in the test's hand.
struct hand {
    unique_fd fd;

    /// What did not fit.
    std::string write(std::string bytes) {
        auto count = ::send(fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        return bytes.substr(count > 0 ? static_cast<std::size_t>(count) : 0);
    }
    std::string read(std::size_t limit = 1 << 20) {
        std::string bytes(limit, ' ');
        auto count = ::recv(fd.get(), bytes.data(), limit, MSG_DONTWAIT);
        if (count < 0) return "(nothing)";
        return count == 0 ? "(end)" : bytes.substr(0, static_cast<std::size_t>(count));
    }
    void finish() { ::shutdown(fd.get(), SHUT_WR); }
    void close() { fd.reset(); }
};

struct forward_fixture : descriptor_guard, io_fixture {
    std::pair<ttrpc::stream_socket, hand> pair() {
        auto made = ttrpc::connected_pair(ex()).value();
        return {std::move(made.first), hand{std::move(made.second)}};
    }

    /// Turns the loop until `met` says so.
    template <class Condition>
    void until(Condition met) {
        pump([&] { return met(); });
    }

    /// What comes at `from` until there are `size` bytes of it, or the end.
    std::string receive(hand& from, std::size_t size) {
        std::string all;
        timer tick(ex());
        while (all.size() < size) {
            auto more = from.read();
            if (more == "(end)") break;
            if (more != "(nothing)") {
                all += more;
                continue;
            }
            tick.expires_after(std::chrono::milliseconds(1));
            tick.async_wait([](error_code) {});
            ctx.restart();
            ctx.run_one();
        }
        return all;
    }
    std::string receive_all(hand& from) { return receive(from, ~std::size_t{0}); }
};

}  // namespace vminit::test
