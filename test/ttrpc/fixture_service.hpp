// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "fixture.ttrpc.hpp"

namespace vminit::test {

inline t::EchoPayload payload(std::int64_t seq, std::string msg = {}) {
    t::EchoPayload message;
    message.set_seq(seq);
    message.set_msg(std::move(msg));
    return message;
}

/// `t.S` of fixture.proto, with notes of what its handlers saw.
class fixture_service : public t::SService {
public:
    unsigned running = 0;    ///< handlers that have begun and not ended
    unsigned cancelled = 0;  ///< handlers that were unwound, or told that the call is over
    unsigned finished = 0;   ///< Stubborn handlers that ran to their end
    std::string seen_peer;
    std::string seen_service;
    result<void> last_write;

    awaitable<result<t::EchoPayload>> Echo(ttrpc::call_context& call, t::EchoPayload request) override;
    awaitable<result<t::EchoPayload>> Sleep(ttrpc::call_context& call, t::EchoPayload request) override;
    awaitable<result<t::EchoPayload>> Stubborn(ttrpc::call_context& call, t::EchoPayload request) override;
    awaitable<result<t::EchoPayload>> Big(ttrpc::call_context& call, t::EchoPayload request) override;
    awaitable<result<t::EchoPayload>> Fail(ttrpc::call_context& call, t::EchoPayload request) override;
    awaitable<result<t::EchoPayload>> Metadata(ttrpc::call_context& call, t::EchoPayload request) override;
    awaitable<result<void>> Bidi(ttrpc::call_context& call, ttrpc::reader<t::EchoPayload>& input,
                                 ttrpc::writer<t::EchoPayload>& output) override;
    awaitable<result<t::EchoPayload>> Sum(ttrpc::call_context& call, ttrpc::reader<t::EchoPayload>& input) override;
    awaitable<result<t::EchoPayload>> Slow(ttrpc::call_context& call, ttrpc::reader<t::EchoPayload>& input) override;
    awaitable<result<void>> Gen(ttrpc::call_context& call, t::EchoPayload request,
                                ttrpc::writer<t::EchoPayload>& output) override;
    awaitable<result<t::EchoPayload>> Stuck(ttrpc::call_context& call, ttrpc::reader<t::EchoPayload>& input) override;
    awaitable<result<t::EchoPayload>> Early(ttrpc::call_context& call, ttrpc::reader<t::EchoPayload>& input) override;
    awaitable<result<ttrpc::serialized>> Ready(ttrpc::call_context& call, t::EchoPayload request) override;

private:
    awaitable<result<t::EchoPayload>> sum(ttrpc::reader<t::EchoPayload>& input, clock::duration pause);
};

}  // namespace vminit::test
