// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/fixture_service.hpp"

#include <cerrno>
#include <stdexcept>

#include "vminit/core/timeout.hpp"

namespace vminit::test {

namespace {

// Counts a handler in and out; out by unwinding counts as cancelled.
class presence {
public:
    presence(fixture_service& service) : service_(service) { ++service_.running; }
    ~presence() {
        --service_.running;
        if (!has_returned_) ++service_.cancelled;
    }
    void returns() { has_returned_ = true; }

private:
    fixture_service& service_;
    bool has_returned_ = false;
};

constexpr auto for_ever = std::chrono::hours(10000);

}  // namespace

awaitable<result<t::EchoPayload>> fixture_service::Echo(ttrpc::call_context& call, t::EchoPayload request) {
    seen_peer = call.peer().describe();
    seen_service = call.service();
    request.set_seq(request.seq() + 1);
    co_return request;
}

awaitable<result<t::EchoPayload>> fixture_service::Sleep(ttrpc::call_context&, t::EchoPayload request) {
    presence here(*this);
    co_await sleep_for(std::chrono::milliseconds(request.seq()));
    here.returns();
    co_return request;
}

awaitable<result<t::EchoPayload>> fixture_service::Stubborn(ttrpc::call_context&, t::EchoPayload request) {
    presence here(*this);
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await sleep_for(std::chrono::milliseconds(request.seq()));
    here.returns();
    ++finished;
    co_return request;
}

awaitable<result<t::EchoPayload>> fixture_service::Big(ttrpc::call_context&, t::EchoPayload request) {
    co_return payload(0, std::string(static_cast<std::size_t>(request.seq()), 'a'));
}

awaitable<result<ttrpc::serialized>> fixture_service::Ready(ttrpc::call_context&, t::EchoPayload request) {
    co_return payload(0, std::string(static_cast<std::size_t>(request.seq()), 'a'));
}

awaitable<result<t::EchoPayload>> fixture_service::Fail(ttrpc::call_context&, t::EchoPayload request) {
    const auto& how = request.msg();
    if (how == "not found") co_return error(errc::not_found, "container x");
    if (how == "plain") co_return error(errc::unknown, "plain");
    if (how == "errno") co_return error(error_code(EEXIST, boost::system::system_category()), "mkdir /x");
    if (how == "bytes") co_return error(errc::internal, "child said \xff");
    if (how == "long") co_return error(errc::internal, std::string(std::size_t{5} << 20, 'e'));
    if (how == "aborted") throw boost::system::system_error(asio::error::operation_aborted);
    if (how == "strange") throw 7;
    throw std::runtime_error("thrown");
}

awaitable<result<t::EchoPayload>> fixture_service::Metadata(ttrpc::call_context& call, t::EchoPayload request) {
    std::string joined;
    for (auto value : call.metadata().values(request.msg())) joined.append(joined.empty() ? "" : ",").append(value);
    co_return payload(call.deadline() ? 1 : 0, joined);
}

awaitable<result<void>> fixture_service::Bidi(ttrpc::call_context& call, ttrpc::reader<t::EchoPayload>& input,
                                              ttrpc::writer<t::EchoPayload>& output) {
    presence here(*this);
    for (;;) {
        auto incoming = co_await input.read();
        if (!incoming) {
            // Told rather than unwound.
            if (!call.is_cancelled()) here.returns();
            co_return incoming.error();
        }
        if (!*incoming || (*incoming)->msg() == "stop") break;
        if ((*incoming)->msg() == "fail") {
            here.returns();
            co_return error(errc::unknown, "bidi failed");
        }
        (*incoming)->set_seq((*incoming)->seq() + 1);
        last_write = co_await output.write(**incoming);
    }
    here.returns();
    co_return result<void>();
}

awaitable<result<t::EchoPayload>> fixture_service::Sum(ttrpc::call_context&, ttrpc::reader<t::EchoPayload>& input) {
    return sum(input, clock::duration::zero());
}

awaitable<result<t::EchoPayload>> fixture_service::Slow(ttrpc::call_context&, ttrpc::reader<t::EchoPayload>& input) {
    return sum(input, std::chrono::milliseconds(1));
}

awaitable<result<t::EchoPayload>> fixture_service::sum(ttrpc::reader<t::EchoPayload>& input, clock::duration pause) {
    std::int64_t sum = 0;
    int count = 0;
    for (;;) {
        auto incoming = co_await input.read();
        if (!incoming) co_return incoming.error();
        if (!*incoming) break;
        if (pause > clock::duration::zero()) co_await sleep_for(pause);
        sum += (*incoming)->seq();
        ++count;
    }
    co_return payload(sum, std::to_string(count));
}

awaitable<result<void>> fixture_service::Gen(ttrpc::call_context&, t::EchoPayload request,
                                             ttrpc::writer<t::EchoPayload>& output) {
    presence here(*this);
    for (std::int64_t seq = 0; seq < request.seq(); ++seq) {
        last_write = co_await output.write(payload(seq));
        if (!last_write) co_return last_write;
    }
    if (request.msg() == "abort") co_return error(errc::aborted, "gen");
    if (request.msg() == "big") {
        auto big = payload(0, std::string(std::size_t{5} << 20, 'a'));
        last_write = co_await output.write(big);
    }
    if (request.msg() == "flood") {
        auto chunk = payload(0, std::string(std::size_t{100} << 10, 'a'));
        while (last_write) {
            last_write = co_await output.write(chunk);
            ++finished;
        }
    }
    if (request.msg() == "flush") {
        last_write = co_await output.flushed();
        ++finished;
    }
    if (request.msg() == "wait") co_await sleep_for(for_ever);
    here.returns();
    co_return result<void>();
}

awaitable<result<t::EchoPayload>> fixture_service::Stuck(ttrpc::call_context&, ttrpc::reader<t::EchoPayload>&) {
    presence here(*this);
    co_await sleep_for(for_ever);
    here.returns();
    co_return payload(0);
}

awaitable<result<t::EchoPayload>> fixture_service::Early(ttrpc::call_context&, ttrpc::reader<t::EchoPayload>&) {
    co_return payload(1, "early");
}

}  // namespace vminit::test
