// SPDX-License-Identifier: Apache-2.0
#include "process/hugetlb.hpp"

#include "process/cgroup_text.hpp"
#include "vminit/core/directory.hpp"

namespace vminit::process {

std::optional<std::string> parse_page_size(std::string_view directory_name) {
    constexpr std::string_view prefix = "hugepages-";
    constexpr std::string_view suffix = "kB";
    if (!directory_name.starts_with(prefix) || !directory_name.ends_with(suffix)) return std::nullopt;
    directory_name.remove_prefix(prefix.size());
    if (directory_name.size() < suffix.size()) return std::nullopt;
    directory_name.remove_suffix(suffix.size());
    auto size = parse_unsigned(directory_name);
    if (!size) return std::nullopt;
    if (*size >= 1U << 20) return std::to_string(*size >> 20) + "GB";
    if (*size >= 1U << 10) return std::to_string(*size >> 10) + "MB";
    return std::to_string(*size) + "KB";
}

std::vector<std::string> list_page_sizes(const std::string& hugepages) {
    std::vector<std::string> sizes;
    auto names = names_in(hugepages);
    if (!names) return sizes;
    for (const auto& name : *names) {
        if (sizes.size() == max_page_sizes) break;
        if (auto size = parse_page_size(name)) sizes.push_back(std::move(*size));
    }
    return sizes;
}

}  // namespace vminit::process
