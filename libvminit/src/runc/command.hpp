// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"
#include "vminit/runc/runc_service.hpp"

namespace vminit::runc {

/// Where the runtime's stdout and stderr go.
enum class output_mode {
    attached,  ///< to the descriptors of `stdio`, which become the container's: nothing is captured
    combined,  ///< captured together, as they come
    separate,  ///< captured one by one, for commands whose stdout is read
};

/// One invocation of the runtime.
struct command {
    command(std::vector<std::string> argv, clock::duration limit) : argv(std::move(argv)), limit(limit) {}

    std::vector<std::string> argv;  ///< argv[0] is the binary
    clock::duration limit;          ///< after this long its process group is killed
    std::optional<std::vector<std::string>> env;
    output_mode output = output_mode::combined;
    stdio_fds stdio;
    unique_fd input;  ///< stdin, if not in `stdio`
};

enum class command_end {
    exited,       ///< see `status`
    not_started,  ///< see `failure`
    timed_out,    ///< its limit passed and it was killed
    cancelled,    ///< the caller went away and it was killed
};

struct command_outcome {
    command_end end = command_end::not_started;
    int status = 0;            ///< exit code, or 128 + signal
    error failure;             ///< why it could not be started
    std::string output;        ///< what it wrote: all of it, or stdout only (`separate`)
    std::string error_output;  ///< stderr (`separate`)
    bool is_output_cut = false;

    bool is_success() const noexcept { return end == command_end::exited && status == 0; }
};

/// Bounds of what is kept of a runtime's output: `ps` of a container at the default pid_max is 250 kB; of an error text
/// only the end is of interest.
inline constexpr std::size_t max_output = std::size_t{1} << 20;
inline constexpr std::size_t max_error_output = std::size_t{16} << 10;

/// Runs the runtime to its end in a process group of its own; it dies with this daemon. On cancellation and when the
/// limit passes the group is killed and the runtime collected before this returns. Never blocks, never throws for
/// what it runs; after a cancellation the caller's next `co_await` throws as usual.
awaitable<command_outcome> run_command(asio::io_context& context, command what);

}  // namespace vminit::runc
