// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "shim_command_line.hpp"

namespace vminit::shim {

/// The forms in which daemons read the answer of `start`.
enum class answer_form {
    plain,    ///< the bare address: containerd 1.6
    json,     ///< version, address, protocol: 1.7 to 2.2
    message,  ///< BootstrapResult: from 2.3 on
};

/// `request`, completed by what came on standard input.
struct bootstrap {
    shim_request request;
    answer_form form = answer_form::plain;
    std::string socket_directory = "/run/containerd/s";
};

/// Standard input is a BootstrapParams, or the runtime options (not needed here), or empty. It counts as
/// BootstrapParams only when it names the same container and namespace as the flags: an options message can decode as
/// one by chance.
bootstrap read_bootstrap(shim_request request, std::string_view standard_input);

/// What `start` prints, and nothing beside it: the daemon reads both outputs as the answer.
std::string start_answer(answer_form form, std::string_view address);

}  // namespace vminit::shim
