// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vminit::ttrpc {

/// The key-value pairs that travel with a Request: a multi-map whose keys are lower case.
class metadata {
public:
    metadata() = default;

    /// Adds a value; `key` is lower-cased. Values of one key keep their order.
    void append(std::string_view key, std::string_view value);

    /// The first value of `key` (given in lower case).
    std::optional<std::string_view> get(std::string_view key) const noexcept;

    /// All values of `key` (given in lower case), in order.
    std::vector<std::string_view> values(std::string_view key) const;

    bool empty() const noexcept { return entries_.empty(); }
    auto begin() const noexcept { return entries_.begin(); }
    auto end() const noexcept { return entries_.end(); }

private:
    std::vector<std::pair<std::string, std::string>> entries_;
};

}  // namespace vminit::ttrpc
