// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vminit/core/host_dialect.hpp"
#include "vminit/core/result.hpp"

/// Where a process's stdin, stdout and stderr go, as the host names them.
namespace vminit::process {

/// The strings of a Create or Exec request. Empty = not used.
struct stdio_uris {
    stdio_uris() = default;
    stdio_uris(std::string in, std::string out, std::string err, bool terminal)
        : in(std::move(in)), out(std::move(out)), err(std::move(err)), terminal(terminal) {}

    std::string in, out, err;
    bool terminal = false;

    friend bool operator==(const stdio_uris&, const stdio_uris&) = default;
};

enum class stdio_scheme {
    none,    ///< empty: /dev/null
    stream,  ///< `stream://<name>`: a connection of the stream port
    fifo,    ///< a path, or `fifo://<path>`
    file,    ///< `file://<path>`: appended to
    log,     ///< `log://`: the end of it is kept in our memory (kept_output.hpp)
    attach,  ///< `attach://`, of stdin: open for whoever is attached, one at a time
    binary,  ///< `binary://<path>?k=v`: a logger process; `binary-v2://` must write its readiness byte
};

/// One URI, understood. Decided for each of the three by itself.
struct stdio_target {
    stdio_scheme scheme = stdio_scheme::none;
    std::string stream;  ///< its name; a number in plain decimal
    std::string path;
    std::vector<std::pair<std::string, std::string>> arguments;  ///< of a logger, in the URI's order, decoded
    bool must_say_ready = false;                                 ///< of a logger: closing the pipe is not enough

    friend bool operator==(const stdio_target&, const stdio_target&) = default;
};

enum class stdio_direction { input, output };

/// `handshake` tells whether streams have numbers or names. Errors: not_implemented `unsupported STDIO scheme X`;
/// invalid_argument for a bad stream number or an empty name, for a file, logger or log as stdin, for anything else
/// as an attached input, and for paths that
/// are not absolute.
result<stdio_target> parse_stdio_uri(std::string_view uri, stdio_direction direction,
                                     stream_handshake handshake = stream_handshake::number);

}  // namespace vminit::process
