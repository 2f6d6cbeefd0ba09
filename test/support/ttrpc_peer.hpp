// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "github.com/containerd/ttrpc/request.pb.h"
#include "support/io_fixture.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::test {

/// A frame as it is on the wire.
struct wire_frame {
    std::uint32_t stream_id = 0;
    std::uint8_t type = 0;
    std::uint8_t flags = 0;
    std::string data;

    friend bool operator==(const wire_frame&, const wire_frame&) = default;

    std::string bytes() const {
        std::string out;
        for (std::uint32_t number : {static_cast<std::uint32_t>(data.size()), stream_id}) {
            for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(number >> shift));
        }
        out.push_back(static_cast<char>(type));
        out.push_back(static_cast<char>(flags));
        return out + data;
    }
};

inline std::ostream& operator<<(std::ostream& out, const wire_frame& shown) {
    out << "{sid " << shown.stream_id << ", type " << int{shown.type} << ", flags " << int{shown.flags} << ", "
        << shown.data.size() << " bytes:";
    for (std::size_t i = 0; i < shown.data.size() && i < 80; ++i) {
        char c = shown.data[i];
        out << (c >= 0x20 && c < 0x7f ? c : '.');
    }
    return out << "}";
}

/// Bytes from hexadecimal text; white space is ignored.
inline std::string from_hex(std::string_view text) {
    std::string digits;
    for (char c : text) {
        if (c != ' ') digits.push_back(c);
    }
    std::string bytes;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
        bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    }
    return bytes;
}

inline wire_frame response_frame(std::uint32_t stream_id, const ::ttrpc::Response& response) {
    return {stream_id, 2, 0, response.SerializeAsString()};
}

/// A success Response that carries `message`.
inline wire_frame ok(std::uint32_t stream_id, const google::protobuf::MessageLite& message) {
    ::ttrpc::Response response;
    response.set_payload(message.SerializeAsString());
    return response_frame(stream_id, response);
}

/// An error Response without details.
inline wire_frame failed(std::uint32_t stream_id, int code, const std::string& text) {
    ::ttrpc::Response response;
    response.mutable_status()->set_code(code);
    response.mutable_status()->set_message(text);
    return response_frame(stream_id, response);
}

inline wire_frame data_frame(std::uint32_t stream_id, std::uint8_t flags, std::string data = {}) {
    return {stream_id, 3, flags, std::move(data)};
}

inline wire_frame data_frame(std::uint32_t stream_id, const google::protobuf::MessageLite& message) {
    return data_frame(stream_id, 0, message.SerializeAsString());
}

/// The frame that ends a stream: half-close of a client, last frame of a server.
inline wire_frame end_frame(std::uint32_t stream_id) { return data_frame(stream_id, 0x05); }

inline wire_frame request_frame(std::uint32_t stream_id, std::uint8_t flags, const ::ttrpc::Request& request) {
    return {stream_id, 1, flags, request.SerializeAsString()};
}

inline ::ttrpc::Request make_request(const std::string& service, const std::string& method, std::string payload = {},
                                     std::int64_t timeout_nano = 0) {
    ::ttrpc::Request request;
    request.set_service(service);
    request.set_method(method);
    request.set_payload(std::move(payload));
    request.set_timeout_nano(timeout_nano);
    return request;
}

/// The other end of a connection, scripted: writes raw bytes, reads frames, and turns the fixture's loop meanwhile. Nothing
/// sleeps: when the loop has nothing left to do and no frame is there, none will come.
class ttrpc_peer {
public:
    ttrpc_peer(io_fixture& io, unique_fd fd) : io_(&io), fd_(std::move(fd)) {
        ::fcntl(fd_.get(), F_SETFL, ::fcntl(fd_.get(), F_GETFL) | O_NONBLOCK);
    }

    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            auto count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (count < 0) {
                REQUIRE(errno == EAGAIN);
                io_->poll();
                continue;
            }
            bytes.remove_prefix(static_cast<std::size_t>(count));
        }
    }
    void send(const wire_frame& outgoing) { send(outgoing.bytes()); }

    /// The next frame; fails the test when there is none.
    wire_frame receive() {
        wire_frame incoming;
        if (!try_receive(incoming)) FAIL((is_at_end_ ? "end of stream" : "silence") << " instead of a frame");
        return incoming;
    }

    /// True when nothing comes and the connection stays open.
    bool is_quiet() {
        wire_frame incoming;
        if (!try_receive(incoming)) return !is_at_end_;
        UNSCOPED_INFO("unexpected frame " << incoming);
        return false;
    }

    /// True when the server has closed and nothing is left to read.
    bool is_closed() {
        wire_frame incoming;
        if (!try_receive(incoming)) return is_at_end_;
        UNSCOPED_INFO("unexpected frame " << incoming);
        return false;
    }

    void half_close() { ::shutdown(fd_.get(), SHUT_WR); }
    void close() { fd_.reset(); }

private:
    // The loop may need several turns to produce a frame; this many without a byte mean that it has stopped.
    static constexpr int idle_turns = 50;

    bool try_receive(wire_frame& incoming) {
        for (int idle = 0; idle < idle_turns;) {
            if (take_frame(incoming)) return true;
            if (is_at_end_) return false;
            idle = read_more() ? 0 : idle + 1;
            io_->poll();
        }
        return false;
    }

    bool read_more() {
        char bytes[65536];
        auto count = ::recv(fd_.get(), bytes, sizeof bytes, 0);
        if (count > 0) received_.append(bytes, static_cast<std::size_t>(count));
        if (count == 0 || (count < 0 && errno == ECONNRESET)) is_at_end_ = true;
        return count > 0;
    }

    std::uint32_t number_at(std::size_t at) const {
        std::uint32_t number = 0;
        for (std::size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<unsigned char>(received_[at + i]);
        return number;
    }

    bool take_frame(wire_frame& incoming) {
        if (received_.size() < 10) return false;
        auto length = number_at(0);
        if (received_.size() < 10 + length) return false;
        incoming.stream_id = number_at(4);
        incoming.type = static_cast<std::uint8_t>(received_[8]);
        incoming.flags = static_cast<std::uint8_t>(received_[9]);
        incoming.data = received_.substr(10, length);
        received_.erase(0, 10 + length);
        return true;
    }

    io_fixture* io_;
    unique_fd fd_;
    std::string received_;
    bool is_at_end_ = false;
};

}  // namespace vminit::test
