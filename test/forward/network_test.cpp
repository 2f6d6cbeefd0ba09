// SPDX-License-Identifier: Apache-2.0
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "forward/forward_fixture.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;
using namespace vminit::forward;

namespace {

// A process in a network of its own, whose loopback is up and which listens on a port of its own: its pid.
struct other_network {
    other_network() {
        auto told = syscalls::pipe().value();
        pid = ::fork();
        if (pid == 0) {
            bool is_ready = ::unshare(CLONE_NEWNET) == 0 && raise_loopback() && listens();
            (void)!::write(told.write_end.get(), is_ready ? "y" : "n", 1);
            ::pause();
            ::_exit(0);
        }
        told.write_end.reset();
        char answer = 'n';
        REQUIRE(::read(told.read_end.get(), &answer, 1) == 1);
        REQUIRE(answer == 'y');
    }
    ~other_network() {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }

    static bool raise_loopback() {
        unique_fd fd(::socket(AF_INET, SOCK_DGRAM, 0));
        ifreq request{};
        std::string("lo").copy(request.ifr_name, IFNAMSIZ - 1);
        request.ifr_flags = IFF_UP | IFF_RUNNING;
        return ::ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0;
    }
    static bool listens() {
        int fd = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in name{};
        name.sin_family = AF_INET;
        name.sin_port = htons(port);
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return ::bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0 && ::listen(fd, 8) == 0;
    }

    static constexpr std::uint16_t port = 80;
    pid_t pid = -1;
};

}  // namespace

TEST_CASE_METHOD(test::forward_fixture, "nobody goes into a network without a way back", "[.][privileged]") {
    // Ours is not of this user namespace here.
    other_network other;
    surroundings inside;
    inside.net = "/proc/" + std::to_string(other.pid) + "/ns/net";
    auto& forwards = asio::use_service<forward_service>(ctx);
    auto refused = run(forwards.connect("web", {"127.0.0.1", 80, ""}, inside, pair().first));
    CHECK(refused.error().message() == "setns " + inside.net + ": Operation not permitted");
}

TEST_CASE_METHOD(test::forward_fixture, "sockets are made in the container's network, and the thread comes back",
                 "[.][privileged]") {
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    REQUIRE(other_network::raise_loopback());
    other_network other;
    auto& forwards = asio::use_service<forward_service>(ctx);
    surroundings inside;
    inside.net = "/proc/" + std::to_string(other.pid) + "/ns/net";
    auto connect = [&](const surroundings& in, test::hand& stream) {
        auto [ours, others] = pair();
        stream = std::move(others);
        place to{"127.0.0.1", other_network::port, ""};
        return run(forwards.connect("web", to, in, std::move(ours)));
    };
    test::hand stream, elsewhere;
    auto link = connect(inside, stream);
    REQUIRE(link);
    // Its own port is free in ours: the same thread serves both.
    CHECK(connect({}, elsewhere).error().message() == "connect 127.0.0.1:80: Connection refused");
    place at{"127.0.0.1", 80, ""};
    CHECK(run(forwards.listen("web", at, inside)).error().message() ==
          "listen at 127.0.0.1:80: Address already in use");
    CHECK(run(forwards.listen("web", at, {})));
    forwards.close();
}
