// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "ttrpc/frame_channel.hpp"
#include "ttrpc/server_core.hpp"
#include "ttrpc/stream_ids.hpp"
#include "vminit/ttrpc/status.hpp"

namespace vminit::ttrpc {

class call;
struct request_view;

/// One accepted connection: checks frames in the protocol's order, starts calls, routes Data to them.
class server_connection final : public frame_channel {
public:
    server_connection(stream_socket socket, peer_identity peer, server_core& core);
    ~server_connection() override;

    const peer_identity& peer() const noexcept { return peer_; }

    /// Closes when no call is unanswered and nothing unsent; for a graceful end.
    void close_if_idle();

    // For calls: they end here exactly once.

    /// What their Requests hold, and the messages they have not read.
    byte_budget& requests() noexcept { return requests_; }
    byte_budget& input() noexcept { return input_; }

    void put_status(std::uint32_t stream_id, const status& outcome);
    void remove(std::uint32_t stream_id) noexcept;
    void remove_overflowed(std::uint32_t stream_id);

    /// Each running call's beginning goes into its method's metrics.
    void note_ages() const noexcept;

    /// For a context that goes down.
    void drop() noexcept;

private:
    bool on_frame(const frame& incoming, patience reader) override;
    void on_skipped(const frame_header& header) override;
    void on_flushed() override;
    void on_closed(const error_code& why) noexcept override;

    void on_request(const frame& incoming);
    bool on_data(const frame& incoming, patience reader);
    void start(const frame_header& header, const request_view& request);
    void insert(std::shared_ptr<call> begun);
    void refuse(std::uint32_t stream_id, const status& why);
    std::shared_ptr<call> find(std::uint32_t stream_id) const;

    server_core& core_;
    peer_identity peer_;
    byte_budget requests_;
    byte_budget input_;
    stream_ids ids_;

    // Unanswered calls by rising stream id: a new one nearly always goes to the end.
    std::vector<std::shared_ptr<call>> calls_;

    // Streams ended for not reading their input: what the peer had under way is dropped without an answer each.
    std::deque<std::uint32_t> overflowed_;
};

}  // namespace vminit::ttrpc
