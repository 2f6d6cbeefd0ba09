// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fuzz/input.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/unique_fd.hpp"
#include "vminit/streams/stream_service.hpp"

using namespace vminit;

namespace {

struct caller {
    unique_fd fd;
    std::string_view said;
};

std::string read_all(int fd) {
    std::string text;
    std::array<char, 4096> bytes;
    for (ssize_t count = 0; (count = ::recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT)) > 0;) {
        text.append(bytes.data(), static_cast<std::size_t>(count));
    }
    return text;
}

/// What a whole handshake in `said` means: how long it is and which name it gives.
struct meaning {
    std::size_t size;
    std::string name;
};
std::optional<meaning> understand(std::string_view said, stream_handshake handshake) {
    if (said.size() < 4) return std::nullopt;
    std::uint32_t number = 0;
    for (char byte : said.substr(0, 4)) number = number << 8 | static_cast<unsigned char>(byte);
    if (handshake == stream_handshake::number) return meaning{4, std::to_string(number)};
    if (number == 0 || number > streams::stream_service::max_name || said.size() - 4 < number) return std::nullopt;
    return meaning{4 + std::size_t{number}, std::string(said.substr(4, number))};
}

/// A stdio port on a Unix socket.
class port {
public:
    explicit port(const host_dialect& dialect) : handshake_(dialect.handshake) {
        asio::make_service<log_service>(context_, logger([](log_level, std::string_view) {}));
        streams_ = &asio::make_service<streams::stream_service>(context_, dialect);
        auto listening = streams_->listen(ttrpc::address::unix_socket(directory_.path("port")));
        test::require(listening.has_value(), "the port is open");
    }

    /// Some hosts at once, each of which says one thing and no more.
    void serve(const std::vector<std::string_view>& hosts) {
        auto before = streams_->counters();
        std::vector<caller> callers;
        for (auto said : hosts) callers.push_back(call(said));
        auto is_done = [&] {
            auto now = streams_->counters();
            return now.registered + now.refused == before.registered + before.refused + hosts.size();
        };
        // libFuzzer's own limit ends a wait for what never comes.
        while (!is_done()) context_.run_one();
        test::require(streams_->counters().handshakes == 0, "no handshake is left");
        std::size_t claimed = 0;
        std::set<std::string> names;
        for (auto& one : callers) {
            claimed += claim(one);
            if (auto meant = understand(one.said, handshake_)) names.insert(meant->name);
        }
        test::require(claimed == names.size(), "one of each name is let in");
        test::require(claimed == streams_->counters().registered - before.registered, "who is registered is claimed");
        test::require(streams_->counters().unclaimed == 0, "nobody is left");
    }

private:
    caller call(std::string_view said) {
        sockaddr_un where{};
        where.sun_family = AF_UNIX;
        auto path = directory_.path("port");
        path.copy(where.sun_path, sizeof where.sun_path - 1);
        unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        bool is_there = ::connect(fd.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) == 0;
        test::require(is_there && ::send(fd.get(), said.data(), said.size(), 0) >= 0, "a host is let in");
        ::shutdown(fd.get(), SHUT_WR);
        return caller{std::move(fd), said};
    }

    // The host that was told its own words is registered, and what it said after them is all there.
    std::size_t claim(caller& one) {
        auto told = read_all(one.fd.get());
        auto meant = understand(one.said, handshake_);
        if (!meant || told != one.said.substr(0, meant->size)) return 0;
        auto claimed = streams_->claim(meant->name);
        test::require(claimed.has_value(), "who is greeted can be claimed");
        test::require(read_all(claimed->native_handle()) == one.said.substr(meant->size), "no byte is lost");
        return 1;
    }

    test::temporary_directory directory_;
    asio::io_context context_{1};
    stream_handshake handshake_;
    streams::stream_service* streams_ = nullptr;
};

}  // namespace

// The dialect, then hosts: how much one says (two bytes, low first) and what.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static port numbered{host_dialect()};
    static port named{host_dialect::nerdbox()};
    auto rest = test::as_text(data, size);
    auto& chosen = test::take_byte(rest) % 2 == 0 ? numbered : named;
    std::vector<std::string_view> hosts;
    while (!rest.empty() && hosts.size() < 16) {
        std::size_t length = test::take_byte(rest);
        length += std::size_t{test::take_byte(rest)} % 8 << 8;
        hosts.push_back(rest.substr(0, length));
        rest.remove_prefix(hosts.back().size());
    }
    chosen.serve(hosts);
    return 0;
}
