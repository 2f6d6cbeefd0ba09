// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "runc/command.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/error.hpp"
#include "vminit/runc/runc_service.hpp"

namespace vminit::runc {

/// What became of an invocation, in words.
struct report {
    command_outcome outcome;
    std::optional<std::string> logged;  ///< the runtime's own last error
    std::string base;                   ///< how it ended, with all its output
    std::string brief;                  ///< how it ended, with the last line of its output
    errc kind = errc::unknown;          ///< or deadline_exceeded, cancelled

    bool is_success() const noexcept { return outcome.is_success(); }

    /// `<what>: ` and the best explanation there is.
    error failed(std::string_view what) const;

    /// Everything the runtime said, for the recognisers.
    std::string everything() const;
};

/// Runs the runtime and finds out what went wrong. Never throws for what it runs.
class runc_service::driver {
public:
    explicit driver(asio::io_context& context) : context_(context) {}

    /// With a log of its own, whose `--log` this adds to `what`.
    awaitable<report> run(command what);

    /// For what takes no `--log`.
    awaitable<report> run_unlogged(command what);

    std::size_t running() const noexcept { return running_; }

private:
    asio::io_context& context_;
    std::size_t running_ = 0;
};

}  // namespace vminit::runc
