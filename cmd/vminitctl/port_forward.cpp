// SPDX-License-Identifier: Apache-2.0
#include "port_forward.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>
#include <utility>

#include "fresh_id.hpp"
#include "vminit/core/log.hpp"

namespace vminit::vminitctl {

namespace wire = vminit::forward::v1;
using forward::relay;

port_forward::port_forward(client_session& guest, std::string id, port_spec spec, forward_direction direction)
    : guest_(guest),
      id_(std::move(id)),
      spec_(std::move(spec)),
      direction_(direction),
      forwards_(asio::use_service<forward::forward_service>(guest.context())),
      tasks_(guest.context().get_executor(), log_of(guest.context())) {
    if (!spec_.host.is_tcp()) spec_.host.path = std::filesystem::absolute(spec_.host.path).string();
}

port_forward::~port_forward() {
    // At once: the program may end before a job of the service does.
    if (ours_ && !spec_.host.is_tcp()) ::unlink(spec_.host.path.c_str());
}

awaitable<result<void>> port_forward::open() {
    if (direction_ == forward_direction::to_host) {
        auto opened = co_await open_there();
        if (!opened) co_return opened.error();
    } else {
        forward::surroundings here;
        auto opened = co_await forwards_.listen(id_, spec_.host, std::move(here));
        if (!opened) co_return opened.error();
        ours_ = std::move(*opened);
        spec_.host = ours_->where();
    }
    say();
    co_return result<void>();
}

awaitable<result<void>> port_forward::open_there() {
    auto opened = wire::ForwardClient(guest_.rpc()).Listen(container_place(), guest_.no_limit());
    if (!opened) co_return opened.error();
    theirs_ = std::make_unique<ttrpc::receive_stream<wire::Incoming>>(std::move(*opened));
    auto first = co_await theirs_->read();
    if (!first) co_return first.error();
    co_return result<void>();
}

awaitable<error> port_forward::serve() {
    return direction_ == forward_direction::to_host ? serve_theirs() : serve_ours();
}

awaitable<error> port_forward::serve_ours() {
    for (;;) {
        auto number = co_await ours_->accept();
        if (!number) co_return number.error();
        tasks_.spawn("connection", carry_in(*number));
    }
}

awaitable<error> port_forward::serve_theirs() {
    for (;;) {
        auto told = co_await theirs_->read();
        if (!told) co_return told.error();
        if (!*told) co_return error(errc::unavailable, "the guest ended the forward");
        tasks_.spawn("connection", carry_out((*told)->connection()));
    }
}

awaitable<void> port_forward::stop() {
    tasks_.stop();
    co_await tasks_.join();
}

awaitable<void> port_forward::carry_in(std::uint64_t number) {
    auto connected = co_await connect_in(number);
    if (connected) co_return;
    forwards_.refuse(number);
    guest_.out().warn(error_line(connected.error()));
}

awaitable<result<void>> port_forward::connect_in(std::uint64_t number) {
    auto id = fresh_stream_ids(1).front();
    auto stream = co_await guest_.open_stream(id);
    if (!stream) co_return stream.error();
    wire::ConnectRequest request;
    *request.mutable_to() = container_place();
    request.set_stream(std::to_string(id));
    auto over = co_await call(std::move(request));
    if (!over) co_return over.error();
    auto link = forwards_.take(number, std::move(*stream));
    if (!link) co_return link.error();
    carry(std::move(*link), std::move(*over));
    co_return result<void>();
}

awaitable<void> port_forward::carry_out(std::uint64_t number) {
    auto connected = co_await connect_out(number);
    if (connected) co_return;
    guest_.out().warn(error_line(connected.error()));
    wire::ConnectRequest request;
    request.set_incoming(number);
    (void)co_await call(std::move(request));
}

awaitable<result<void>> port_forward::connect_out(std::uint64_t number) {
    auto id = fresh_stream_ids(1).front();
    auto stream = co_await guest_.open_stream(id);
    if (!stream) co_return stream.error();
    forward::surroundings here;
    auto link = co_await forwards_.connect(id_, spec_.host, std::move(here), std::move(*stream));
    if (!link) co_return link.error();
    wire::ConnectRequest request;
    request.set_incoming(number);
    request.set_stream(std::to_string(id));
    auto over = co_await call(std::move(request));
    if (!over) {
        (*link)->close();
        co_return over.error();
    }
    carry(std::move(*link), std::move(*over));
    co_return result<void>();
}

awaitable<result<std::shared_ptr<port_forward::connect_call>>> port_forward::call(wire::ConnectRequest request) {
    auto opened = wire::ForwardClient(guest_.rpc()).Connect(guest_.no_limit());
    if (!opened) co_return opened.error();
    auto over = std::make_shared<connect_call>(std::move(*opened));
    auto sent = co_await over->write(request);
    if (!sent) co_return sent.error();
    auto first = co_await over->read();
    if (!first) co_return first.error();
    if (!*first && !request.stream().empty()) co_return error(errc::internal, "the guest ended the connection");
    co_return over;
}

void port_forward::carry(std::shared_ptr<relay> link, std::shared_ptr<connect_call> over) {
    tasks_.spawn("its end", read_end(link, over));
    tasks_.spawn("our end", write_end(link, over));
}

// The guest says when the container has written its last byte. Its answer to the call is the end of the connection.
awaitable<void> port_forward::read_end(std::shared_ptr<relay> link, std::shared_ptr<connect_call> over) {
    for (;;) {
        auto told = co_await over->read();
        if (!told || !*told) break;
        link->in_ends_at((*told)->bytes());
    }
    link->close();
}

awaitable<void> port_forward::write_end(std::shared_ptr<relay> link, std::shared_ptr<connect_call> over) {
    while (!link->out_end() && !link->is_over()) {
        bool goes_on = co_await link->changed();
        if (!goes_on) co_return;
    }
    if (link->out_end()) {
        wire::ConnectRequest request;
        request.set_written(*link->out_end());
        (void)co_await over->write(request);
    }
    while (!link->is_over()) {
        bool goes_on = co_await link->changed();
        if (!goes_on) co_return;
    }
    link->close();
}

wire::Place port_forward::container_place() const {
    wire::Place place;
    place.set_id(id_);
    if (!spec_.container.is_tcp()) {
        place.set_path(spec_.container.path);
        return place;
    }
    place.set_port(spec_.container.port);
    place.set_address(spec_.container.address);
    return place;
}

void port_forward::say() {
    auto host = spec_.host.to_string();
    auto container = spec_.container.to_string();
    bool is_reverse = direction_ == forward_direction::to_host;
    record facts{{"id", id_}, {"host", host}, {"container", container}, {"reverse", is_reverse}};
    guest_.out().line(facts, is_reverse ? fmt::format("{} {} -> {}", id_, container, host)
                                        : fmt::format("{} -> {} {}", host, id_, container));
}

}  // namespace vminit::vminitctl
