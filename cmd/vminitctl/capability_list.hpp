// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/result.hpp"

/// Linux capabilities as people ask for them (capabilities(7)).
namespace vminit::vminitctl {

/// What is asked for beyond what a container has already. `ALL` may be among them.
struct capability_options {
    std::vector<std::string> added;
    std::vector<std::string> dropped;

    bool is_empty() const noexcept { return added.empty() && dropped.empty(); }
};

/// `NET_ADMIN`, `cap_net_admin` and `all` as `CAP_NET_ADMIN` and `ALL`. Errors: invalid_argument.
result<std::string> parse_capability(std::string_view text);

/// All that we know, in bounding, effective and permitted.
boost::json::object all_capabilities();

/// Changes a `process.capabilities`, with docker's rules: of those it has the dropped go, the added come, and what is
/// both stays; with `ALL` dropped only the added are there, with `ALL` added all but the dropped.
void edit_capabilities(boost::json::object& capabilities, const capability_options& options);

}  // namespace vminit::vminitctl
