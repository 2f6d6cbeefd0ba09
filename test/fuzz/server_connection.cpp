// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "fuzz/fuzzed_connection.hpp"
#include "ttrpc/fixture_service.hpp"

using namespace vminit;

namespace {

// The fixture without what takes time or memory by request.
class quick_service : public test::fixture_service {
    awaitable<result<t::EchoPayload>> Sleep(ttrpc::call_context& call, t::EchoPayload request) override {
        request.set_seq(1'000'000);  // until it is cancelled
        return fixture_service::Sleep(call, std::move(request));
    }
    awaitable<result<t::EchoPayload>> Stubborn(ttrpc::call_context& call, t::EchoPayload request) override {
        request.set_seq(0);
        return fixture_service::Stubborn(call, std::move(request));
    }
    awaitable<result<t::EchoPayload>> Big(ttrpc::call_context& call, t::EchoPayload request) override {
        request.set_seq(request.seq() & 0xffff);
        return fixture_service::Big(call, std::move(request));
    }
    awaitable<result<void>> Gen(ttrpc::call_context& call, t::EchoPayload request,
                                ttrpc::writer<t::EchoPayload>& output) override {
        request.set_seq(request.seq() & 0xff);
        return fixture_service::Gen(call, std::move(request), output);
    }
};

}  // namespace

// Whatever bytes a peer sends: the server answers or not, ends the connection, and is left with nothing of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto bytes = test::as_text(data, size);
    std::size_t cut = test::take_byte(bytes);
    test::fuzzed_server peer;
    auto service = std::make_shared<quick_service>();
    peer.server().add(service);
    peer.exchange(bytes, cut);
    test::require(service->running == 0, "no handler is left");
    return 0;
}
