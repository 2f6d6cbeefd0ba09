// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vminit/core/kernel_cmdline.hpp"

namespace vminit::vminitd {

/// Everything that can be set, with its default. One table (`setting_table`) gives each its names, its help, its
/// documentation and its validation; precedence is flag > JSON file (`-config`) > kernel command line
/// (`vminit.<flag>=`) > default. For a list the first of these sources that names it gives all of it.
struct settings {
    std::string config;
    bool debug = false;
    std::string log_level = "info";
    std::string log_format = "json";
    std::uint32_t rpc_port = 1024;
    std::uint32_t stream_port = 1025;
    std::uint32_t cid = 3;
    std::vector<std::uint32_t> allowed_cids;
    std::string rpc_address;
    std::string stream_address;
    std::string runtime;
    std::string runtime_root = "/run/runc";
    std::string bundle_root = "/run/bundles";
    bool no_pivot = false;
    std::string host_dialect = "spinbox";
    std::string spec;
    std::vector<std::string> network;
    std::uint32_t thaw_limit = 60;
    std::string power_off = "auto";
    std::string supervisor_start = "extras";
    std::uint32_t supervisor_memory = 0;
    std::uint32_t supervisor_uid = 0;
    std::vector<std::string> disabled_plugins;
    bool show_version = false;
    bool show_help = false;
};

/// A setting that was given and not taken: logged, never fatal, because a bad flag must not stop PID 1.
struct setting_problem {
    std::string source;  ///< "flag", "config file" or "kernel command line"
    std::string name;
    std::string reason;
};

struct loaded_settings {
    settings values;
    std::vector<setting_problem> problems;
};

/// What a text must be beyond its choices.
enum class text_rule {
    any,
    path,            ///< absolute
    deep_directory,  ///< absolute, clean, not / nor directly below it: what is in it gets deleted
};

/// One row of the table.
struct setting {
    using target = std::variant<bool settings::*, std::uint32_t settings::*, std::string settings::*,
                                std::vector<std::uint32_t> settings::*, std::vector<std::string> settings::*>;
    std::string_view flag;   ///< `-flag=value`, `--flag value`; also `vminit.flag=` on the kernel command line
    std::string_view key;    ///< in the JSON file; empty = flag only
    std::string_view value;  ///< what the value is, for help; empty for a switch
    std::string_view help;   ///< one line
    target member;
    std::string_view choices = {};  ///< accepted words, separated by '|'; empty = any
    text_rule rule = text_rule::any;
    std::uint32_t min = 0;
    std::uint32_t max = std::numeric_limits<std::uint32_t>::max();
    char separator = ',';  ///< between the values of a list; 0: one value each time it is given
};

std::span<const setting> setting_table();

/// The default as `-flag=` takes it; empty if there is none.
std::string default_text(const setting& row);

/// Reads all sources. `arguments` excludes argv[0]. Go's flag syntax: `-x=v`, `--x=v`, `-x v`, `-switch`.
/// Unknown flags, bad values and an unreadable file become problems and the next source in line is used.
loaded_settings load_settings(std::span<const std::string> arguments, const kernel_cmdline& cmdline);

/// The text of `-help`, made from the table.
std::string help_text();

}  // namespace vminit::vminitd
