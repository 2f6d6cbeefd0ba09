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

console_socket open_socket(io_fixture& fixture) {
    auto opened = console_socket::open(fixture.ctx);
    REQUIRE(opened);
    return std::move(*opened);
}

error receive_error(io_fixture& fixture, console_socket& socket) {
    auto received = fixture.run(socket.receive(30s));
    REQUIRE_FALSE(received);
    return received.error();
}

}  // namespace

TEST_CASE_METHOD(io_fixture, "a console socket and its directory come and go", "[runc]") {
    std::string path;
    {
        auto socket = open_socket(*this);
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

TEST_CASE_METHOD(io_fixture, "a directory too deep for a socket is refused", "[runc]") {
    auto opened = console_socket::open(ctx, "/" + std::string(100, 'x'));
    REQUIRE_FALSE(opened);
    CHECK(opened.error().kind() == errc::invalid_argument);
    CHECK(console_socket::open(ctx, "/nonexistent").error().kind() == errc::not_found);
}

TEST_CASE_METHOD(io_fixture, "the terminal is received, whenever it comes", "[runc]") {
    auto socket = open_socket(*this);
    terminal pty;
    auto payload = GENERATE(as<std::string>(), "/dev/ptmx", " ");
    std::optional<peer> runtime;
    if (GENERATE(true, false)) {
        runtime.emplace(socket.path());
        runtime->send(payload, {pty.master.get()});
        runtime.reset();  // it has gone; the message is queued
        socket.runtime_exited();
    } else {
        asio::post(ctx, [&] { runtime.emplace(socket.path()); });
        asio::post(ctx, [&] { asio::post(ctx, [&] { runtime->send(payload, {pty.master.get()}); }); });
    }
    auto received = run(socket.receive());
    REQUIRE(received);
    CHECK(::fcntl(received->get(), F_GETFD) == FD_CLOEXEC);
    unsigned number = 0, expected = 0;
    CHECK(::ioctl(received->get(), TIOCGPTN, &number) == 0);
    CHECK(::ioctl(pty.master.get(), TIOCGPTN, &expected) == 0);
    CHECK(number == expected);
}

TEST_CASE_METHOD(io_fixture, "anything but one terminal is refused and closed", "[runc]") {
    auto socket = open_socket(*this);
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
    CHECK(receive_error(*this, socket) == error(errc::unknown, expected));
    poll();
    CHECK(open_descriptors() == before);
}

TEST_CASE_METHOD(io_fixture, "when the runtime has exited and nothing is queued it is over at once", "[runc]") {
    auto socket = open_socket(*this);
    auto expected = error(errc::unknown, "console: the runtime ended without sending a terminal");
    SECTION("before the wait") { socket.runtime_exited(); }
    SECTION("during the wait") {
        asio::post(ctx, [&] { asio::post(ctx, [&] { socket.runtime_exited(); }); });
    }
    SECTION("with a connection that somebody keeps") {
        auto* silent = new peer(socket.path());
        asio::post(ctx, [&] { asio::post(ctx, [&] { socket.runtime_exited(); }); });
        CHECK(receive_error(*this, socket) == expected);
        delete silent;
    }
    CHECK(receive_error(*this, socket) == expected);
}

TEST_CASE("a terminal that does not come in time is not waited for", "[runc]") {
    manual_time time;
    io_fixture fixture;
    auto socket = open_socket(fixture);
    std::optional<peer> silent;
    if (GENERATE(true, false)) silent.emplace(socket.path());
    std::optional<result<unique_fd>> outcome;
    auto receiving = [](console_socket& from, std::optional<result<unique_fd>>& out) -> awaitable<void> {
        auto received = co_await from.receive();
        out.emplace(std::move(received));
    };
    task_group tasks(fixture.ex(), fixture.log());
    tasks.spawn("console", receiving(socket, outcome));
    fixture.poll();
    time.advance(29s);
    fixture.poll();
    CHECK_FALSE(outcome);
    if (GENERATE(true, false)) {
        tasks.stop();
        fixture.poll();
        CHECK(outcome->error().kind() == errc::cancelled);
    } else {
        time.advance(1s);
        fixture.poll();
        CHECK(outcome->error() == error(errc::deadline_exceeded, "console: no terminal from the runtime"));
    }
}

namespace {

// What create does with a terminal.
result<unique_fd> create_terminal(runc_fixture& fixture, const runtime_ref& container) {
    auto socket = open_socket(fixture);
    create_options options(container);
    options.console_socket = socket.path();
    return fixture.run(with_console(socket, fixture.service.create(std::move(options))));
}

}  // namespace

TEST_CASE("a container's terminal is received while it is created", "[runc]") {
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
    auto socket = open_socket(fixture);
    exec_options options(web, "e1", fixture.fake.process_json({"tty"}, true));
    options.console_socket = socket.path();
    CHECK(fixture.run(with_console(socket, fixture.service.exec(std::move(options)))));
}

TEST_CASE("a runtime's own failure wins over the missing terminal", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", {"tty"}, true);
    fixture.fake.set_fault("create", R"({"fault": "stderr", "message": "boom", "code": 1})");
    auto failed = create_terminal(fixture, web);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message() == "OCI runtime create failed: " + fixture.fake.binary() +
                                          " did not terminate successfully: exit status 1: boom");
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

TEST_CASE("a terminal that does not come ends the runtime", "[runc]") {
    manual_time time;
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", {"sleep", "1000"}, true);
    fixture.fake.set_fault("create", R"({"fault": "hang"})");
    auto socket = open_socket(fixture);
    create_options options(web);
    options.console_socket = socket.path();
    std::optional<result<unique_fd>> outcome;
    auto creating = [](console_socket& from, awaitable<result<void>> runtime,
                       std::optional<result<unique_fd>>& out) -> awaitable<void> {
        auto received = co_await with_console(from, std::move(runtime));
        out.emplace(std::move(received));
    };
    task_group tasks(fixture.ex(), fixture.log());
    tasks.spawn("create", creating(socket, fixture.service.create(options), outcome));
    auto pid = std::stoi(fixture.fake.await_file(fixture, "hanging"));
    SECTION("by its limit") {
        time.advance(30s);
        fixture.pump([&] { return outcome.has_value(); });
        CHECK(outcome->error() == error(errc::deadline_exceeded, "console: no terminal from the runtime"));
    }
    SECTION("by cancellation") {
        tasks.stop();
        fixture.pump([&] { return outcome.has_value(); });
        CHECK(outcome->error().kind() == errc::cancelled);
    }
    CHECK(::kill(pid, 0) == -1);
    fixture.run(tasks.join());
}
