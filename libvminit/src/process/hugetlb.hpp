// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vminit::process {

inline constexpr std::size_t max_page_sizes = 16;  ///< arm64 with 16 KiB pages has most: 4

/// How hugetlb files name the pages of a directory `hugepages-<N>kB`: `2MB`, `1GB`, `64KB`. Nothing for other names.
std::optional<std::string> parse_page_size(std::string_view directory_name);

/// The sizes that the kernel offers, in the order of the directory `hugepages`; none if it cannot be read.
std::vector<std::string> list_page_sizes(const std::string& hugepages);

}  // namespace vminit::process
