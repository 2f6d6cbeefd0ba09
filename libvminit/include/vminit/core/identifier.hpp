// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace vminit {

/// containerd's limit for identifiers (containerd pkg/identifiers: 76 characters).
inline constexpr std::size_t max_identifier_length = 76;

/// True for `[A-Za-z0-9]+([._-][A-Za-z0-9]+)*` of at most 76 characters: containerd's identifier grammar, used for
/// exec ids and topic components. Such a name is always a safe single path component.
bool is_identifier(std::string_view text) noexcept;

}  // namespace vminit
