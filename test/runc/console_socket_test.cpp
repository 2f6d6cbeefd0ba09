// SPDX-License-Identifier: Apache-2.0
#include "vminit/runc/console_socket.hpp"

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <catch2/catch.hpp>

#include <cstring>
#include <filesystem>

#include "runc/runc_fixture.hpp"
#include "support/descriptor_guard.hpp"

using namespace vminit;
using namespace vminit::runc;
using namespace vminit::test;
using namespace std::chrono_literals;

namespace {

// Plays the runtime: connects and sends what it is told to.
class peer {
public:
    explicit peer(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    }

    void send(std::string payload, const std::vector<int>& fds) {
        std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
        iovec buffer{payload.data(), payload.size()};
        msghdr header{};
        header.msg_iov = &buffer;
        header.msg_iovlen = 1;
        if (!fds.empty()) {
            header.msg_control = control.data();
            header.msg_controllen = control.size();
            auto* part = CMSG_FIRSTHDR(&header);
            part->cmsg_level = SOL_SOCKET;
            part->cmsg_type = SCM_RIGHTS;
            part->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
            std::memcpy(CMSG_DATA(part), fds.data(), fds.size() * sizeof(int));
        }
        REQUIRE(::sendmsg(fd_.get(), &header, 0) == static_cast<ssize_t>(payload.size()));
    }

private:
    unique_fd fd_;
};

struct terminal {
    terminal() {
        int ends[2];
        REQUIRE(::openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr) == 0);
        master.reset(ends[0]);
        slave.reset(ends[1]);
    }
    unique_fd master, slave;
};

console_socket open_socket() {
    auto opened = console_socket::open();
    REQUIRE(opened);
    return std::move(*opened);
}

error receive_error(console_socket& socket) {
    auto received = socket.receive();
    REQUIRE_FALSE(received);
    return received.error();
}

}  // namespace

TEST_CASE_METHOD(descriptor_guard, "a console socket and its directory come and go", "[runc]") {
    std::string path;
    {
        auto socket = open_socket();
        path = socket.path();
        CHECK(path.starts_with("/tmp/pty"));
        CHECK(path.ends_with("/pty.sock"));
        CHECK(path.size() < 108);
        struct stat status{};
        REQUIRE(::stat(std::filesystem::path(path).parent_path().c_str(), &status) == 0);
        CHECK((status.st_mode & 0777) == 0700);
        auto moved = std::move(socket);
        CHECK(std::filesystem::exists(moved.path()));
    }
    CHECK_FALSE(std::filesystem::exists(std::filesystem::path(path).parent_path()));
}

TEST_CASE_METHOD(descriptor_guard, "a directory too deep for a socket is refused", "[runc]") {
    auto opened = console_socket::open("/" + std::string(100, 'x'));
    REQUIRE_FALSE(opened);
    CHECK(opened.error().kind() == errc::invalid_argument);
    CHECK(console_socket::open("/nonexistent").error().kind() == errc::not_found);
}

TEST_CASE("the terminal is received, also from a runtime that has gone", "[runc]") {
    auto socket = open_socket();
    terminal pty;
    auto payload = GENERATE(as<std::string>(), "/dev/ptmx", " ");
    std::optional<peer> runtime(socket.path());
    runtime->send(payload, {pty.master.get()});
    if (GENERATE(true, false)) runtime.reset();
    auto received = socket.receive();
    REQUIRE(received);
    CHECK(::fcntl(received->get(), F_GETFD) == FD_CLOEXEC);
    unsigned number = 0, expected = 0;
    CHECK(::ioctl(received->get(), TIOCGPTN, &number) == 0);
    CHECK(::ioctl(pty.master.get(), TIOCGPTN, &expected) == 0);
    CHECK(number == expected);
}

TEST_CASE_METHOD(descriptor_guard, "anything but one terminal is refused and closed", "[runc]") {
    auto socket = open_socket();
    terminal pty;
    auto null = syscalls::open("/dev/null", O_RDWR).value();
    auto before = open_descriptors();
    std::string expected;
    {
        peer runtime(socket.path());
        SECTION("no descriptor") {
            runtime.send(" ", {});
            expected = "console: 0 descriptors instead of one";
        }
        SECTION("two descriptors") {
            runtime.send(" ", {pty.master.get(), pty.master.get()});
            expected = "console: 2 descriptors instead of one";
        }
        SECTION("more than there is room for") {
            runtime.send(" ", std::vector<int>(40, pty.master.get()));
            expected = "console: truncated control data";
        }
        SECTION("no terminal") {
            runtime.send(" ", {null.get()});
            expected = "console: the descriptor is no terminal";
        }
        SECTION("too many bytes") {
            runtime.send(std::string(4096, 'x'), {pty.master.get()});
            expected = "console: too many bytes beside the terminal";
        }
        SECTION("nothing") { expected = "console: closed without a terminal"; }
    }
    CHECK(receive_error(socket) == error(errc::unknown, expected));
    CHECK(open_descriptors() == before);
}

TEST_CASE_METHOD(descriptor_guard, "when nothing is queued it is over at once", "[runc]") {
    auto socket = open_socket();
    auto expected = error(errc::unknown, "console: the runtime ended without sending a terminal");
    SECTION("without a connection") {}
    SECTION("with a connection that somebody keeps") {
        peer silent(socket.path());
        CHECK(receive_error(socket) == expected);
    }
    CHECK(receive_error(socket) == expected);
}

namespace {

// What create does with a terminal.
result<unique_fd> create_terminal(runc_fixture& fixture, const runtime_ref& container) {
    auto socket = open_socket();
    create_options options(container);
    options.console_socket = socket.path();
    auto created = fixture.run(fixture.service.create(std::move(options)));
    REQUIRE(created);
    return socket.receive();
}

}  // namespace

TEST_CASE("a container's terminal is received when it has been created", "[runc]") {
    runc_fixture fixture(GENERATE(runtime_dialect::crun, runtime_dialect::runc));
    auto web = fixture.fake.make_container("web", {"tty"}, true);
    auto hold = fixture.reaper.hold();
    auto master = create_terminal(fixture, web);
    REQUIRE(master);
    auto init = fixture.adopt_init("web");
    winsize size{24, 80, 0, 0};
    REQUIRE(::ioctl(master->get(), TIOCSWINSZ, &size) == 0);
    REQUIRE(fixture.start(web));
    CHECK(fixture.run(init.wait()).value == 0);
    char buffer[64];
    auto count = ::read(master->get(), buffer, sizeof buffer);
    CHECK(std::string(buffer, static_cast<std::size_t>(count)) == "1 80 24\r\n");
}

TEST_CASE("an exec's terminal is received as well", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", {"sleep", "1000"});
    auto init = fixture.make_running(web);
    auto socket = open_socket();
    exec_options options(web, "e1", fixture.fake.process_json({"tty"}, true));
    options.console_socket = socket.path();
    REQUIRE(fixture.run(fixture.service.exec(std::move(options))));
    CHECK(socket.receive());
}

TEST_CASE("a runtime that succeeds without a terminal is found out", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", {"sleep", "1000"}, true);
    auto [fault, text] = GENERATE(table<std::string, std::string>(
        {{R"({"fault": "console-none"})", "console: the runtime ended without sending a terminal"},
         {R"({"fault": "console-empty"})", "console: closed without a terminal"},
         {R"({"fault": "console-fds", "count": 0})", "console: 0 descriptors instead of one"},
         {R"({"fault": "console-fds", "count": 2})", "console: 2 descriptors instead of one"},
         {R"({"fault": "console-not-tty"})", "console: the descriptor is no terminal"},
         {R"({"fault": "console-big"})", "console: too many bytes beside the terminal"}}));
    fixture.fake.set_fault("create", fault);
    auto failed = create_terminal(fixture, web);
    REQUIRE_FALSE(failed);
    CHECK(failed.error() == error(errc::unknown, text));
}

TEST_CASE("a terminal that would come after the runtime's end is not waited for", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", {"sleep", "1000"}, true);
    auto gate = fixture.fake.path("gate");
    REQUIRE(::mkfifo(gate.c_str(), 0600) == 0);
    fixture.fake.set_fault("create", R"({"fault": "console-late", "await": ")" + gate + "\"}");
    auto failed = create_terminal(fixture, web);
    REQUIRE_FALSE(failed);
    CHECK(failed.error() == error(errc::unknown, "console: the runtime ended without sending a terminal"));
}

TEST_CASE("a second connection is no matter", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", {"sleep", "1000"}, true);
    fixture.fake.set_fault("create", R"({"fault": "console-twice"})");
    CHECK(create_terminal(fixture, web));
}
