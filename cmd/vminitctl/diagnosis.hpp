// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "clock_comparison.hpp"
#include "github.com/spin-stack/spinbox/api/services/system/v1/info.pb.h"
#include "record.hpp"
#include "vminit/system/v1/system.pb.h"

/// What `doctor` makes of the guest's answers: one finding a subject, with what it is for or what to do.
namespace vminit::vminitctl {

enum class diagnosis {
    ok,
    absent,    ///< not there, and a guest works without
    degraded,  ///< works, but something is wrong
    missing,   ///< something is needed that is not there
};

struct finding {
    std::string subject;
    diagnosis state = diagnosis::ok;
    std::string text;
};

using findings = std::vector<finding>;

/// Versions, the kernel's age, the boot, the OCI runtime, and each capability that commands of ours or containers
/// depend on.
findings findings_of(const containerd::vminitd::services::system::v1::InfoResponse& info, std::string_view own_version);

/// One for all layers that are well, one for each that is not.
findings findings_of(const vminit::system::v1::HealthResponse& health);

/// Our clock beside the guest's, and whether it has the host's as a device.
findings findings_of(const clock_comparison& clocks);

/// What the kernel has logged about random numbers and want of memory. Lines are taken in order.
class kernel_log_findings {
public:
    void take(const vminit::system::v1::LogLine& line);
    findings all() const;

private:
    bool has_lost_its_beginning_ = false;
    std::uint64_t lines_ = 0;
    std::uint64_t random_ready_us_ = 0;
    bool is_random_ready_ = false;
    std::uint64_t memory_failures_ = 0;
    std::string last_memory_failure_;
};

/// Whether something is wrong, or missing that is needed.
bool is_trouble(const finding& one) noexcept;

/// One finding a row: check, state, text.
std::vector<record> finding_rows(const findings& all);

}  // namespace vminit::vminitctl
