// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "vminit/core/result.hpp"

namespace vminit::vminitctl {

/// Where the stdio streams of the guest at `address` are: the next port of the same vsock. A unix socket has no next
/// one, so it must be told. Errors: invalid_argument.
result<std::string> default_stream_address(std::string_view address);

}  // namespace vminit::vminitctl
