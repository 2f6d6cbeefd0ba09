// SPDX-License-Identifier: Apache-2.0
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "client_program.hpp"
#include "observer.hpp"
#include "support/temporary_directory.hpp"
#include "virtual_machine.hpp"
#include "vminit/core/local_socket.hpp"

using namespace vminit;
using namespace vminit::test;

// Ports and sockets across the border, with the real client and guest.

namespace {

std::string line_of(client_program& program) {
    std::string line;
    for (auto byte = program.read(1); !byte.empty() && byte != "\n"; byte = program.read(1)) line += byte;
    return line;
}

client_program ask(std::vector<std::string> words) {
    return client_program(virtual_machine::shared_address(), std::move(words));
}

unique_fd dial(std::uint16_t port) {
    unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
    return fd;
}

void write_all(int fd, const std::string& bytes) {
    for (std::size_t done = 0; done < bytes.size();) {
        auto count = ::send(fd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
        if (count <= 0) return;
        done += static_cast<std::size_t>(count);
    }
}

std::string read_all(int fd) {
    std::string all(1 << 16, ' '), text;
    for (ssize_t count; (count = ::read(fd, all.data(), all.size())) > 0;) {
        text.append(all, 0, static_cast<std::size_t>(count));
    }
    return text;
}

std::uint16_t port_in(const std::string& line) {
    return static_cast<std::uint16_t>(std::stoi(line.substr(line.find(':') + 1)));
}

}  // namespace

TEST_CASE("ports and sockets are forwarded both ways until the container's end", "[vm]") {
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    auto before = eye.remains();
    temporary_directory dir;
    auto id = guest::fresh_id();
    // Answers when it has read the end: with how much that was, and what.
    auto server = "mkdir /t; nc -ll -p 4000 -e /bin/sh -c 'f=/t/$$; cat >$f; wc -c <$f; cat $f'";
    CHECK(ask({"run", "-d", "--rootfs", "root", id, "--", "/bin/sh", "-c", server}).wait() == 0);
    auto out = ask({"port", id, "0:4000"});
    auto line = line_of(out);
    INFO(line);
    auto host_port = port_in(line);
    REQUIRE(host_port != 0);
    CHECK(line == "127.0.0.1:" + std::to_string(host_port) + " -> " + id + " 127.0.0.1:4000");

    std::string sent(400'000, '\0');
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 2654435761U >> 23);
    std::string answer;
    // The first may come before the container listens.
    while (answer.empty()) {
        auto connection = dial(host_port);
        std::thread writer([&] {
            write_all(connection.get(), sent);
            ::shutdown(connection.get(), SHUT_WR);
        });
        answer = read_all(connection.get());
        writer.join();
    }
    CHECK((answer == "400000\n" + sent));

    auto listener = listen_at(dir.path("host.sock"), 8).value();
    auto back = ask({"port", "--reverse", id, dir.path("host.sock") + ":4001", dir.path("host.sock") + ":/t/in.sock"});
    CHECK(line_of(back) == id + " 127.0.0.1:4001 -> " + dir.path("host.sock"));
    CHECK(line_of(back) == id + " /t/in.sock -> " + dir.path("host.sock"));
    auto asking = ask({"exec", id, "--", "/bin/sh", "-c", "echo question | nc 127.0.0.1 4001"});
    unique_fd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    CHECK(read_all(accepted.get()) == "question\n");
    write_all(accepted.get(), "the answer\n");
    accepted.reset();
    CHECK(asking.rest() == "the answer\n");
    CHECK(asking.wait() == 0);
    CHECK(ask({"exec", id, "--", "/bin/sh", "-c", "[ -S /t/in.sock ]"}).wait() == 0);

    // What is open ends with the container, and so do the clients.
    auto open = dial(host_port);
    CHECK(ask({"stop", "--time", "0", id}).wait() == 0);
    CHECK(read_all(open.get()) == "");
    CHECK(out.complaint().ends_with("vminitctl: warning: container " + id + " has ended\n"));
    CHECK(out.wait() == 0);
    CHECK(back.wait() == 0);
    CHECK(ask({"delete", id}).wait() == 0);
    CHECK(eye.remains() == before);
}
