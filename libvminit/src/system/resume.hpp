#pragma once

#include <cstddef>

#include "vminit/core/result.hpp"
#include "vminit/system/system_service.hpp"

namespace vminit::system {

/// Far more than the pool takes in (512 bits); a bound on what a peer can make us copy.
inline constexpr std::size_t max_entropy = 4096;

/// Blocks. See `system_service::resume`.
result<void> apply_resume(const resume_request& request);

}  // namespace vminit::system
