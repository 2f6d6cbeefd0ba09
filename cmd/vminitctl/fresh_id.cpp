// SPDX-License-Identifier: Apache-2.0
#include "fresh_id.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>

namespace vminit::vminitctl {

std::vector<std::uint32_t> fresh_stream_ids(std::size_t count) {
    std::random_device source;
    std::uniform_int_distribution<std::uint32_t> upper_half(0x80000000U, 0xfffffffeU);
    std::vector<std::uint32_t> ids;
    while (ids.size() < count) {
        auto id = upper_half(source);
        if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
    }
    return ids;
}

std::string fresh_container_id() {
    std::random_device source;
    std::uniform_int_distribution<std::uint32_t> any;
    return fmt::format("ctl-{:08x}", any(source));
}

}  // namespace vminit::vminitctl
