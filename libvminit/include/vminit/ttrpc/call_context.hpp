// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "vminit/core/clock.hpp"
#include "vminit/ttrpc/metadata.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::ttrpc {

/// What a handler may know about its call besides the request. Lives until the handler returns.
///
/// A call is cancelled when its deadline passes, its connection is lost, its stream breaks the protocol or the server is
/// closed: the handler's coroutine is then cancelled (its next `co_await` throws `operation_aborted`, which needs no
/// catching) and whatever it still returns is dropped.
class call_context {
public:
    call_context(const call_context&) = delete;
    call_context& operator=(const call_context&) = delete;

    /// The name the service was called by: its own or an alias.
    std::string_view service() const noexcept { return service_; }
    std::string_view method() const noexcept { return method_; }
    const ttrpc::metadata& metadata() const noexcept { return metadata_; }

    /// When the caller stops waiting, if it said so.
    std::optional<clock::time_point> deadline() const noexcept { return deadline_; }

    /// The caller has said that it will send messages besides the Request: Go's and Rust's clients do so for every method
    /// with client streaming.
    bool announces_input() const noexcept { return announces_input_; }
    bool is_cancelled() const noexcept { return is_cancelled_; }
    const peer_identity& peer() const noexcept { return peer_; }

protected:
    call_context(std::string_view service, std::string_view method, const peer_identity& peer)
        : service_(service), method_(method), peer_(peer) {}
    ~call_context() = default;

    std::string_view service_;
    std::string_view method_;
    peer_identity peer_;
    ttrpc::metadata metadata_;
    std::optional<clock::time_point> deadline_;
    bool announces_input_ = false;
    bool is_cancelled_ = false;
};

}  // namespace vminit::ttrpc
