// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bench/child.hpp"

namespace vminit::bench {

/// Serves t.S on a socket at `path` until standard input ends; says "ready" first.
void serve(const std::string& path);

/// Makes `count` calls of Echo with our client, `depth` at a time.
void call(const std::string& path, unsigned count, unsigned depth);

/// What `server` (a command that serves t.S on a socket at `path`) needs of the processor for each of `count` calls, in
/// nanoseconds. The same few instructions call all servers: frames that are ready made, `depth` of them unanswered.
struct call_plan {
    unsigned count = 0;
    unsigned depth = 1;
    unsigned bytes = 0;  ///< of the text that is to be echoed
};
double server_cost(const words& server, const std::string& path, const call_plan& plan);

/// What `client` (a command that makes `count` calls on a socket at `path`) needs for each; our server answers.
double client_cost(const words& client, const std::string& path, unsigned count);

}  // namespace vminit::bench
