// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/log.hpp"
#include "vminit/system/awaited_steps.hpp"
#include "vminit/ttrpc/service_base.hpp"

namespace vminit::api {

/// What of the boot a method needs.
struct method_needs {
    std::string_view method;              ///< without its service
    std::vector<std::string_view> steps;  ///< none named: all that are expected
};

/// `inner`, some of whose methods begin only when the boot's steps that they need have ended, well or not: a guest answers
/// before its boot is over. The wait is bounded (`boot_wait_limit`); after it the call goes on, with a warning for each step
/// that it needed and that has not ended. Methods that are not named, and all once the boot is over, cost nothing more.
/// `boot` and `log` outlive the service.
std::shared_ptr<ttrpc::service_base> when_booted(std::shared_ptr<ttrpc::service_base> inner, system::awaited_steps& boot,
                                                 logger& log, std::vector<method_needs> needs);

/// 10 s, and half of the time that the caller still waits if that is less: what is done late is better than an answer that
/// comes too late.
clock::duration boot_wait_limit(const std::optional<clock::time_point>& answer_by);

}  // namespace vminit::api
