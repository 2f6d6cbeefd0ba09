// SPDX-License-Identifier: Apache-2.0
#include "process/cgroup_file.hpp"

#include <cerrno>

#include "vminit/core/file.hpp"

namespace vminit::process {

result<std::string> read_cgroup_file(const std::string& path) {
    auto text = read_file(path, max_cgroup_file);
    // A line that was cut would read as a smaller number.
    if (text && text->size() == max_cgroup_file) text->resize(text->rfind('\n') + 1);
    return text;
}

bool is_gone(const error& failure) noexcept {
    const auto& code = failure.code();
    return code.category() == boost::system::system_category() && (code.value() == ENOENT || code.value() == ENODEV);
}

}  // namespace vminit::process
