// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "vminit/core/result.hpp"

namespace vminit::vminitctl {

/// An OCI config.json of one's own; `origin` names it in errors. What it says is the guest's to judge, but what options
/// change in it must be of the kind that the runtime specification says. Errors: invalid_argument.
result<boost::json::object> parse_spec(std::string_view text, const std::string& origin);

/// The same from a file, of at most 4 MiB. Errors: of open, too.
result<boost::json::object> read_spec_file(const std::string& path);

}  // namespace vminit::vminitctl
