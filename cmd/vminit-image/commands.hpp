// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "vminit/core/error.hpp"

namespace vminit::image {

inline constexpr int exit_failure = 1;
inline constexpr int exit_usage = 2;

/// What a command does with its options: returns the exit status. It lives as long as the program's options.
class command {
public:
    virtual ~command() = default;
    virtual int run() = 0;
};

/// Says why on stderr; returns `exit_failure`.
int fail(const error& failure);

/// Each declares its options on `app`.
std::unique_ptr<command> make_initrd_command(CLI::App& app);
std::unique_ptr<command> make_disk_command(CLI::App& app);
std::unique_ptr<command> make_check_kernel_command(CLI::App& app);

}  // namespace vminit::image
