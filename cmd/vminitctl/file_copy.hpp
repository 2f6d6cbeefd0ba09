// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "client_session.hpp"

/// Files between this machine and a container.
namespace vminit::vminitctl {

/// One side of a copy.
struct copy_place {
    std::string container;  ///< empty: this machine
    std::string path;
};

/// `ID:PATH`, or a path of this machine: whatever has a / before its first colon, or no colon. Errors: invalid_argument
/// for an empty path.
result<copy_place> parse_copy_place(std::string_view text);

enum class owner_policy {
    taker,  ///< here ours, in the container root's; no set-user-id bits
    keep,   ///< as at the source; here that needs root
};

struct copy_options {
    copy_place from;
    copy_place to;
    owner_policy owners = owner_policy::taker;
    bool follow = false;  ///< what the source leads to, if it is a symbolic link
};

/// What a copy has copied.
struct copy_extent {
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
};

/// The name that the copy of `path` has in a directory; empty for `/` and what ends in `.`: then it is what is in it
/// that is copied.
std::string name_of_copy(std::string_view path);

/// One of the two places is in a container. Devices, sockets and fifos are left out, with a line on stderr. Errors: of
/// the guest, of our files.
awaitable<result<copy_extent>> copy_files(client_session& guest, copy_options options);

}  // namespace vminit::vminitctl
