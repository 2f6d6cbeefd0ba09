// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/message_lite.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"
#include "vminit/ttrpc/call_context.hpp"
#include "vminit/ttrpc/method.hpp"
#include "vminit/ttrpc/reader.hpp"
#include "vminit/ttrpc/writer.hpp"

namespace vminit::ttrpc {

/// The bytes of a response message, returned by the handlers of methods that the generator was told to be SERIALIZED
/// (`vminit_add_ttrpc`): for an answer of which most stays the same, and can be kept ready. The pieces of a message may
/// follow each other: of a field that is not repeated the last one counts.
struct serialized {
    serialized() = default;
    explicit serialized(std::string message) noexcept : bytes(std::move(message)) {}
    serialized(const google::protobuf::MessageLite& message) : bytes(message.SerializeAsString()) {}

    std::string bytes;
};

/// One running call as generated code sees it.
class server_call {
public:
    virtual call_context& context() noexcept = 0;

    /// Decodes the Request's payload. Errors: internal.
    virtual result<void> decode(google::protobuf::MessageLite& request) = 0;

    /// Answers a unary or client-streaming call. Errors: resource_exhausted when the response exceeds 4 MiB.
    virtual result<void> reply(const google::protobuf::MessageLite& response) = 0;
    virtual result<void> reply(const serialized& response) = 0;

    virtual message_source& input() noexcept = 0;
    virtual message_sink& output() noexcept = 0;

protected:
    ~server_call() = default;
};

/// What the server calls. protoc-gen-ttrpc-cpp derives a class from it for every `service` of a .proto; implement that.
class service_base {
public:
    virtual ~service_base() = default;

    /// The full proto name, e.g. `containerd.task.v3.Task`.
    virtual std::string_view full_name() const noexcept = 0;
    virtual std::span<const method_info> methods() const noexcept = 0;

    /// Runs the method at `index` of `methods()`. The call outlives the coroutine.
    virtual awaitable<result<void>> invoke(std::size_t index, server_call& call) = 0;
};

/// For an index outside `methods()`: internal. The server never asks for one.
awaitable<result<void>> serve_unknown(server_call& call);

// What generated code is made of: one instantiation a method, everything else behind server_call.

template <class Service, class Request, class Response>
awaitable<result<void>> serve_unary(Service& service, awaitable<result<Response>> (Service::*method)(call_context&, Request),
                                    server_call& call) {
    Request request;
    auto decoded = call.decode(request);
    if (!decoded) co_return decoded.error();
    auto response = co_await (service.*method)(call.context(), std::move(request));
    if (!response) co_return response.error();
    co_return call.reply(*response);
}

template <class Service, class Request, class Response>
awaitable<result<void>> serve_server_stream(Service& service,
                                            awaitable<result<void>> (Service::*method)(call_context&, Request,
                                                                                       writer<Response>&),
                                            server_call& call) {
    Request request;
    auto decoded = call.decode(request);
    if (!decoded) co_return decoded.error();
    writer<Response> output(call.output());
    co_return co_await (service.*method)(call.context(), std::move(request), output);
}

template <class Service, class Request, class Response>
awaitable<result<void>> serve_client_stream(Service& service,
                                            awaitable<result<Response>> (Service::*method)(call_context&, reader<Request>&),
                                            server_call& call) {
    reader<Request> input(call.input());
    auto response = co_await (service.*method)(call.context(), input);
    if (!response) co_return response.error();
    co_return call.reply(*response);
}

template <class Service, class Request, class Response>
awaitable<result<void>> serve_bidi(Service& service,
                                   awaitable<result<void>> (Service::*method)(call_context&, reader<Request>&,
                                                                              writer<Response>&),
                                   server_call& call) {
    reader<Request> input(call.input());
    writer<Response> output(call.output());
    co_return co_await (service.*method)(call.context(), input, output);
}

}  // namespace vminit::ttrpc
