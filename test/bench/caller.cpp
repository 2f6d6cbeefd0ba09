// SPDX-License-Identifier: Apache-2.0
#include "bench/caller.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "bench/child.hpp"
#include "ttrpc/envelope.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::bench {

namespace {

std::string request_for(std::string_view service, std::string_view method, std::string_view payload) {
    ttrpc::request_parts parts;
    parts.service = service;
    parts.method = method;
    parts.payload = payload;
    return ttrpc::write_request(parts);
}

}  // namespace

caller::caller(unique_fd socket, std::string_view service, std::string_view method, std::string_view payload,
               check is_good)
    : socket_(std::move(socket)), request_(request_for(service, method, payload)), is_good_(std::move(is_good)) {}

void caller::call(unsigned count, unsigned depth) {
    unsigned sent = 0, answered = 0;
    while (answered < count) {
        send(std::min(depth - (sent - answered), count - sent), sent);
        answered += receive();
    }
}

void caller::send(unsigned count, unsigned& sent) {
    std::string batch;
    for (unsigned i = 0; i < count; ++i) {
        ttrpc::frame_header header;
        header.length = static_cast<std::uint32_t>(request_.size());
        header.stream_id = next_id_;
        header.type = static_cast<std::uint8_t>(ttrpc::message_type::request);
        next_id_ += 2;
        char bytes[ttrpc::frame_header_size];
        ttrpc::encode_frame_header(header, bytes);
        batch.append(bytes, sizeof(bytes)).append(request_);
    }
    sent += count;
    if (!syscalls::write_all(socket_.get(), batch, "requests")) give_up("write");
}

unsigned caller::receive() {
    auto got = ::read(socket_.get(), buffer_.data(), buffer_.size());
    if (got <= 0) give_up("read");
    std::string_view input(buffer_.data(), static_cast<std::size_t>(got));
    unsigned answers = 0;
    ttrpc::frame incoming;
    while (decoder_.next(input, incoming) == ttrpc::frame_decoder::outcome::frame) {
        if (++answers == 1 && !is_checked_) look_at(incoming);
    }
    return answers;
}

void caller::look_at(const ttrpc::frame& answer) {
    ttrpc::response_view response;
    if (ttrpc::read_response(answer.data, response) || response.code != 0 || !is_good_(response.payload))
        give_up("a wrong answer");
    is_checked_ = true;
}

}  // namespace vminit::bench
