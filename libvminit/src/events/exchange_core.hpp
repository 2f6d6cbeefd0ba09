// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <variant>

#include "events/event_ledger.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/log.hpp"
#include "vminit/events/exchange_service.hpp"

namespace vminit::events {

/// The exchange's state, shared with the subscriptions that may outlive a shut-down service.
class exchange_core {
public:
    exchange_core(executor ex, logger& log)
        : ledger(exchange_service::max_held, exchange_service::max_behind),
          changed(std::make_unique<condition>(ex)),
          log(log) {}

    bool is_shut_down() const noexcept { return changed == nullptr; }

    event_ledger ledger;
    std::unique_ptr<condition> changed;  // published, closed, asked for more; none once the context goes down
    logger& log;
    bool is_closed = false;
    std::array<topic_count, std::variant_size_v<payload>> topics;  // by the alternative of the payload
    std::uint64_t lost_told = 0;  // of the ledger's lost(), what the log has told
};

}  // namespace vminit::events
