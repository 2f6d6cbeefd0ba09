// SPDX-License-Identifier: Apache-2.0
#include "qmp_connection.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstring>

namespace vminit::test {

qmp_connection::qmp_connection(const std::string& directory)
    : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    auto path = directory + "/qmp.sock";
    REQUIRE(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.size());
    REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    send(R"({"execute":"qmp_capabilities"})");
    wait_for_line_with(R"("return")");
}

void qmp_connection::send(const std::string& command) {
    auto line = command + "\n";
    REQUIRE(::write(socket_.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()));
}

void qmp_connection::wait_for_line_with(const std::string& part) {
    for (;;) {
        for (auto end = received_.find('\n'); end != std::string::npos; end = received_.find('\n')) {
            auto line = received_.substr(0, end);
            received_.erase(0, end + 1);
            if (line.find(part) != std::string::npos) return;
        }
        std::array<char, 4096> block{};
        auto count = ::read(socket_.get(), block.data(), block.size());
        CAPTURE(part, received_);
        REQUIRE(count > 0);
        received_.append(block.data(), static_cast<std::size_t>(count));
    }
}

}  // namespace vminit::test
