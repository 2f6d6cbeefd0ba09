// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "github.com/spin-stack/spinbox/api/services/system/v1/info.pb.h"
#include "record.hpp"
#include "vminit/supervisor/v1/supervisor.pb.h"
#include "vminit/system/v1/system.pb.h"

/// Answers of the System and Supervisor services as facts.
namespace vminit::vminitctl {

record info_facts(const containerd::vminitd::services::system::v1::InfoResponse& info);

/// One layer a row: name, state, what is wrong.
std::vector<record> layer_rows(const vminit::system::v1::HealthResponse& health);

/// The figures, then two that are for programs only (`health_facts_for_programs`): the capacity of the event ring and the
/// layers as a list.
inline constexpr std::ptrdiff_t health_facts_for_programs = 2;
record health_facts(const vminit::system::v1::HealthResponse& health);

std::vector<record> device_rows(const vminit::system::v1::DevicesResponse& devices);

/// `waiting`, `absent`, `running`, `backing off`, `gave up`, `stopped` or `unknown`.
std::string service_state(int state);

std::vector<record> service_rows(const vminit::supervisor::v1::StatusResponse& status);

record resume_facts(const vminit::system::v1::ResumeResponse& outcome);

/// `1d 2h 3m`, `4m 5s`, `6.789s`.
std::string format_span(std::uint64_t microseconds);

}  // namespace vminit::vminitctl
