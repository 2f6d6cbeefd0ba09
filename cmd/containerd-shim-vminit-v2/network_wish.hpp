// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "vminit/core/result.hpp"

namespace vminit::shim {

/// Where a VM's network cards come from.
enum class network_mode {
    name_space,  ///< one for each interface of the container's network namespace
    user,        ///< one with QEMU's user network: connections out of the VM, none into it
    none,        ///< no card
};

/// `auto`, `user`, `none`. Errors: invalid_argument.
result<network_mode> parse_network_mode(std::string_view word);

/// What a container asks for; the first one of a VM decides for all.
struct network_wish {
    network_mode mode = network_mode::name_space;
    std::string path;  ///< of the network namespace; empty: a new one, in which nothing is

    friend bool operator==(const network_wish&, const network_wish&) = default;
};

/// Reads an OCI spec: the network namespace in it, and the annotation `io.vminit.network`, which goes before `usual`.
/// Pure. Errors: invalid_argument for an annotation that is none of the words; not_implemented for a container that is
/// to have this machine's own network, except with the user network, which is the nearest thing.
result<network_wish> network_wish_of(std::string_view config_json, network_mode usual);

}  // namespace vminit::shim
