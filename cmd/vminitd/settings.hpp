#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vminit/core/kernel_cmdline.hpp"

namespace vminit::vminitd {

/// Everything that can be set, with its default. One table (`setting_table`) gives each its names, its help and its
/// validation; precedence is flag > JSON file (`-config`) > kernel command line (`vminit.<flag>=`) > default.
struct settings {
    std::string config;                          ///< JSON file; empty = none
    bool debug = false;                          ///< debug log level
    std::string log_level = "info";              ///< debug, info, warn, error
    std::string log_format = "json";             ///< json, text
    std::uint32_t rpc_port = 1024;               ///< vsock port of the ttrpc server
    std::uint32_t stream_port = 1025;            ///< vsock port of the stdio streams
    std::uint32_t cid = 3;                       ///< our CID as the host names it; for logs only, we bind VMADDR_CID_ANY
    std::vector<std::uint32_t> allowed_cids;     ///< peers beside the host that may connect
    std::string rpc_address;                     ///< listen here instead of vsock://any:<rpc_port>
    std::string stream_address;                  ///< listen here instead of vsock://any:<stream_port>
    std::string runtime;                         ///< OCI runtime; empty = $SPINBOX_OCI_RUNTIME or /sbin/crun
    std::string runtime_root = "/run/runc";      ///< --root of the runtime
    std::string bundle_root = "/run/bundles";    ///< where Bundle.Create makes bundles
    bool no_pivot = false;                       ///< pass --no-pivot to the runtime
    std::string host_dialect = "spinbox";        ///< which host we serve: spinbox, nerdbox
    std::string supervisor_start = "extras";     ///< what the supervisor agent waits for: extras, rootfs
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

/// One row of the table.
struct setting {
    using target = std::variant<bool settings::*, std::uint32_t settings::*, std::string settings::*,
                                std::vector<std::uint32_t> settings::*>;
    std::string_view flag;   ///< `-flag=value`, `--flag value`; also `vminit.flag=` on the kernel command line
    std::string_view key;    ///< in the JSON file; empty = flag only
    std::string_view value;  ///< what the value is, for help; empty for a switch
    std::string_view help;
    target member;
    std::string_view choices = {};  ///< accepted words, separated by '|'; empty = any
};

std::span<const setting> setting_table();

/// Reads all sources. `arguments` excludes argv[0]. Go's flag syntax: `-x=v`, `--x=v`, `-x v`, `-switch`.
/// Unknown flags, bad values and an unreadable file become problems and the next source in line is used.
loaded_settings load_settings(std::span<const std::string> arguments, const kernel_cmdline& cmdline);

/// The text of `-help`, made from the table.
std::string help_text();

}  // namespace vminit::vminitd
