// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"

namespace vminit::api {

/// What the OCI runtime says of itself.
struct runtime_facts {
    std::string version;   ///< first line of `--version`
    std::string features;  ///< JSON; empty for a runtime without that command
};

/// Asks the OCI runtime at the first question and keeps its answer: two processes, once.
class runtime_inquiry {
public:
    /// What a question may wait for the runtime: longer than any needs, and no host minds it once.
    static constexpr clock::duration patience = std::chrono::seconds(2);

    explicit runtime_inquiry(asio::io_context& context);
    ~runtime_inquiry();

    /// Empty when the runtime has not answered within `patience`, or cannot be started: the next question then finds
    /// what has become known meanwhile, or starts it again.
    awaitable<runtime_facts> ask();

    /// Whether its answer is there, and will stay the same.
    bool is_known() const noexcept;

private:
    class state;
    std::shared_ptr<state> state_;
};

}  // namespace vminit::api
