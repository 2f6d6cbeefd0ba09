// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "settings.hpp"

namespace vminit::vminitd {

/// The parts that `disabled_plugins` can leave out, by the ids hosts know them under.
struct plugin_choice {
    bool bundle = true;     ///< io.containerd.ttrpc.v1.bundle
    bool system = true;     ///< io.containerd.ttrpc.v1.system
    bool task = true;       ///< io.containerd.ttrpc.v1.task
    bool vmevents = true;   ///< io.containerd.ttrpc.v1.vmevents
    bool exchange = true;   ///< io.containerd.event.v1.exchange
    bool streaming = true;  ///< spinbox.streaming.v1.vsock

    std::vector<setting_problem> problems;
};

/// Everything but `disabled`. An unknown id is a problem and ignored. One that another needs that is not disabled as
/// well (task and vmevents need the exchange, task needs streaming) is a problem and stays: a guest without it could
/// not do what it was not told to leave out.
plugin_choice choose_plugins(const std::vector<std::string>& disabled);

}  // namespace vminit::vminitd
