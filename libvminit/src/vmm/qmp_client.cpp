// SPDX-License-Identifier: Apache-2.0
#include "qmp_client.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>

#include "vminit/core/timeout.hpp"

namespace vminit::vmm {

namespace json = boost::json;

namespace {

std::string text_of(const json::value* value) {
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string("no reason given");
}

std::string device_of(const json::object& event) {
    const auto* data = event.if_contains("data");
    const auto* device = data != nullptr && data->is_object() ? data->get_object().if_contains("device") : nullptr;
    return device != nullptr && device->is_string() ? std::string(device->get_string()) : std::string();
}

// QMP names the id as we did: a number.
std::uint64_t id_of(const json::object& message) {
    const auto* id = message.if_contains("id");
    if (id == nullptr) return 0;
    error_code failure;
    auto number = id->to_number<std::uint64_t>(failure);
    return failure ? 0 : number;
}

}  // namespace

qmp_client::qmp_client(asio::io_context& context, ttrpc::stream_socket socket, event_hook on_event)
    : connection_(std::make_shared<connection>(std::move(socket), *this)),
      on_event_(std::move(on_event)),
      changed_(context.get_executor()),
      tasks_(context.get_executor(), log_of(context)) {
    tasks_.spawn("QMP", read_lines(connection_));
}

qmp_client::~qmp_client() {
    connection_->owner = nullptr;
    tasks_.stop();
}

awaitable<result<void>> qmp_client::negotiate(clock::duration limit) {
    auto agreed = co_await execute("qmp_capabilities", {}, limit);
    if (!agreed) co_return agreed.error();
    if (!is_greeted_) co_return error(errc::internal, "QMP: no greeting");
    co_return result<void>();
}

awaitable<result<json::value>> qmp_client::execute(std::string_view command, std::string_view arguments,
                                                   clock::duration limit) {
    if (!ended_.empty()) co_return error(errc::unavailable, "QMP: " + ended_);
    auto id = next_id_++;
    std::string name(command);
    auto line = fmt::format("{{\"execute\":\"{}\",\"arguments\":{},\"id\":{}}}\n", command,
                            arguments.empty() ? "{}" : arguments, id);
    answers_.try_emplace(id);
    auto [failure, sent] = co_await asio::async_write(connection_->socket, asio::buffer(line), as_tuple_awaitable);
    if (failure) {
        answers_.erase(id);
        co_return error(errc::unavailable, fmt::format("QMP {}: {}", name, failure.message()));
    }
    auto what = "QMP " + name;
    auto outcome = co_await with_timeout(answer_of(id), limit, what);
    answers_.erase(id);
    if (!outcome) co_return outcome.error().within(what);
    co_return outcome;
}

awaitable<result<json::value>> qmp_client::answer_of(std::uint64_t id) {
    for (;;) {
        auto found = answers_.find(id);
        if (found != answers_.end() && found->second.is_there) co_return std::move(found->second.value);
        if (!ended_.empty()) co_return error(errc::unavailable, ended_);
        auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return error(errc::cancelled);
        co_await changed_.wait();
    }
}

awaitable<void> qmp_client::read_lines(std::shared_ptr<connection> from) {
    std::array<char, 4096> block{};
    for (;;) {
        auto [failure, count] = co_await from->socket.async_read_some(asio::buffer(block), as_tuple_awaitable);
        if (from->owner == nullptr) co_return;
        if (failure) co_return from->owner->end(failure.message());
        from->owner->take_bytes(std::string_view(block.data(), count));
        if (from->owner->received_.size() > max_line) co_return from->owner->end("a line that is too long");
    }
}

void qmp_client::take_bytes(std::string_view bytes) {
    received_.append(bytes);
    for (auto newline = received_.find('\n'); newline != std::string::npos; newline = received_.find('\n')) {
        auto line = received_.substr(0, newline);
        received_.erase(0, newline + 1);
        take_line(line);
    }
}

void qmp_client::end(std::string why) {
    ended_ = std::move(why);
    changed_.notify_all();
}

void qmp_client::take_line(std::string_view line) {
    error_code failure;
    auto parsed = json::parse(json::string_view(line.data(), line.size()), failure);
    const auto* message = failure ? nullptr : parsed.if_object();
    if (message == nullptr) return;  // not for us: an answer to it would time out
    if (message->contains("QMP")) is_greeted_ = true;
    if (const auto* event = message->if_contains("event")) on_event_(text_of(event), device_of(*message));
    auto waiting = answers_.find(id_of(*message));
    if (waiting == answers_.end()) return;
    if (const auto* value = message->if_contains("return")) waiting->second = answer{true, *value};
    if (const auto* refusal = message->if_contains("error")) {
        const auto* reason = refusal->is_object() ? refusal->get_object().if_contains("desc") : nullptr;
        waiting->second = answer{true, error(errc::unknown, text_of(reason))};
    }
    changed_.notify_all();
}

}  // namespace vminit::vmm
