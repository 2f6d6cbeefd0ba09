// SPDX-License-Identifier: Apache-2.0
#include "vminit/ttrpc/metadata.hpp"

#include "vminit/core/text.hpp"

namespace vminit::ttrpc {

void metadata::append(std::string_view key, std::string_view value) { entries_.emplace_back(lower_case(key), value); }

std::optional<std::string_view> metadata::get(std::string_view key) const noexcept {
    for (const auto& [name, value] : entries_) {
        if (name == key) return std::string_view(value);
    }
    return std::nullopt;
}

std::vector<std::string_view> metadata::values(std::string_view key) const {
    std::vector<std::string_view> found;
    for (const auto& [name, value] : entries_) {
        if (name == key) found.emplace_back(value);
    }
    return found;
}

}  // namespace vminit::ttrpc
