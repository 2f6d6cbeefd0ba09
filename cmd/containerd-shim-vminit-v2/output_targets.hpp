// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "host_output.hpp"
#include "stdio_names.hpp"
#include "vminit/reaper/child.hpp"

namespace vminit::shim {

/// Who a logger is told that it logs for.
struct logged_process {
    std::string id;  ///< the container's, or the exec's
    std::string name_space;
};

/// Where the outputs of one process go, and the logger that reads them, if it is one.
struct output_targets {
    std::shared_ptr<host_output> out;  ///< empty: not wanted
    std::shared_ptr<host_output> err;
    reaper::child logger;
};

/// Opens what `names` says: fifos; or `file://PATH`, to which both outputs are appended; or `binary://PATH?KEY=VALUE`,
/// a logger of this machine that reads both. As with containerd's own shims, stdout's scheme is that of both.
///
/// Errors: not_implemented for other schemes; invalid_argument for a bad URI; those of `start_logger` and of open.
awaitable<result<output_targets>> open_output_targets(asio::io_context& context, stdio_names names,
                                                      logged_process whose);

}  // namespace vminit::shim
