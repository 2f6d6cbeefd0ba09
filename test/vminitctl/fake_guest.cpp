// SPDX-License-Identifier: Apache-2.0
#include "fake_guest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/endian/conversion.hpp>
#include <charconv>

#include "fake_services.hpp"

namespace vminit::test {

namespace {

std::string key_of(const std::string& id, const std::string& exec_id) {
    return exec_id.empty() ? id : id + "/" + exec_id;
}

ttrpc::address address_of(const std::string& text) { return ttrpc::address::parse(text).value(); }

}  // namespace

awaitable<void> fake_process::write(ttrpc::stream_socket& stream, std::string text) {
    co_await asio::async_write(stream, asio::buffer(text), use_awaitable);
}

awaitable<void> fake_process::readable() { co_await in->async_wait(ttrpc::stream_socket::wait_read, use_awaitable); }

awaitable<std::string> fake_process::read_all() {
    using namespace asio::experimental::awaitable_operators;
    std::string text;
    std::array<char, 4096> buffer;
    in->non_blocking(true);
    for (;;) {
        error_code failure;
        auto got = in->read_some(asio::buffer(buffer), failure);
        text.append(buffer.data(), got);
        bool is_drained = failure == asio::error::would_block;
        if (failure && (is_stdin_closed || !is_drained)) co_return text;
        if (is_drained) co_await (readable() || changed.wait());
    }
}

awaitable<std::uint32_t> fake_process::next_signal() {
    while (signals.empty()) co_await changed.wait();
    auto signal = signals.front();
    signals.erase(signals.begin());
    co_return signal;
}

fake_guest::fake_guest(io_fixture& io)
    : io_(io),
      streams_(ttrpc::listener::open(io.ex(), address_of(stream_address())).value()),
      tasks_(io.ex(), io.log()) {
    info.set_version("1.2.3");
    info.set_kernel_version("Linux version 6.1.0");
    auto& server = asio::use_service<ttrpc::server_service>(io.ctx);
    add_fake_services(server, *this);
    REQUIRE(server.listen(address_of(rpc_address())));
    tasks_.spawn("streams", accept_streams());
}

fake_guest::~fake_guest() {
    auto& server = asio::use_service<ttrpc::server_service>(io_.ctx);
    server.close();
    tasks_.stop();
    io_.run(tasks_.join());
    io_.run(server.join());
}

void fake_guest::power_off() {
    auto close = [](io_fixture& io) -> awaitable<void> {
        asio::use_service<ttrpc::server_service>(io.ctx).close();
        co_return;
    };
    tasks_.spawn("power off", close(io_));
}

bool fake_guest::has_call(std::string_view text) const {
    return std::find(calls.begin(), calls.end(), text) != calls.end();
}

std::optional<error> fake_guest::note(const std::string& method, const std::string& what) {
    calls.push_back(what.empty() ? method : method + " " + what);
    auto failure = failures.find(method);
    return failure == failures.end() ? std::nullopt : std::optional(failure->second);
}

awaitable<void> fake_guest::answer_time(std::string method) {
    if (auto found = before.find(method); found != before.end()) co_await found->second();
    condition never(io_.ex());
    while (unanswered.count(method) > 0) co_await never.wait();
}

fake_process& fake_guest::process_of(const std::string& id, const std::string& exec_id) {
    return *processes_.at(key_of(id, exec_id));
}

awaitable<void> fake_guest::accept_streams() {
    for (;;) {
        auto connection = co_await streams_.accept();
        if (!connection) co_return;
        tasks_.spawn("stream", register_stream(std::move(connection->socket)));
    }
}

awaitable<void> fake_guest::register_stream(ttrpc::stream_socket stream) {
    std::array<unsigned char, 4> id;
    co_await asio::async_read(stream, asio::buffer(id), use_awaitable);
    co_await asio::async_write(stream, asio::buffer(id), use_awaitable);
    auto number = boost::endian::load_big_u32(id.data());
    unclaimed_.emplace(number, std::move(stream));
    if (on_stream) on_stream(number);
}

result<std::optional<ttrpc::stream_socket>> fake_guest::claim(const std::string& uri) {
    std::optional<ttrpc::stream_socket> stream;
    if (uri.empty() || !uri.starts_with("stream://")) return stream;
    std::uint32_t id = 0;
    std::from_chars(uri.data() + 9, uri.data() + uri.size(), id);
    auto found = unclaimed_.find(id);
    if (found == unclaimed_.end()) return error(errc::not_found, fmt::format("unable to get stream {}", id));
    stream.emplace(std::move(found->second));
    unclaimed_.erase(found);
    return stream;
}

result<void> fake_guest::add_process(const std::string& id, const std::string& exec_id, const std::string& in,
                                     const std::string& out, const std::string& err) {
    auto added = std::make_shared<fake_process>(io_.ex());
    auto take = [&](const std::string& uri, std::optional<ttrpc::stream_socket>& into) -> result<void> {
        auto claimed = claim(uri);
        if (!claimed) return claimed.error();
        if (*claimed) into.emplace(std::move(**claimed));
        return {};
    };
    for (auto taken : {take(in, added->in), take(out, added->out), take(err, added->err)}) {
        if (!taken) return taken;
    }
    processes_[key_of(id, exec_id)] = added;
    return {};
}

result<void> fake_guest::attach_input(const std::string& id, const std::string& exec_id, const std::string& in) {
    auto claimed = claim(in);
    if (!claimed) return claimed.error();
    auto& process = process_of(id, exec_id);
    if (*claimed) process.in.emplace(std::move(**claimed));
    process.changed.notify_all();
    return {};
}

void fake_guest::start_process(const std::string& id, const std::string& exec_id) {
    tasks_.spawn("process", run_process(processes_.at(key_of(id, exec_id))));
}

awaitable<void> fake_guest::run_process(std::shared_ptr<fake_process> running) {
    auto status = co_await process(*running);
    running->out.reset();
    running->err.reset();
    running->exit_status = status;
    running->changed.notify_all();
}

}  // namespace vminit::test
