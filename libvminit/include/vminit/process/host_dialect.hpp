#pragma once

#include <string_view>

namespace vminit::process {

/// Pause, Resume and Checkpoint: hosts of microVMs stop the whole VM instead.
enum class pause_support { refused, by_runtime };

/// Who publishes TaskDelete: today's hosts make their own from Delete's answer.
enum class delete_event { left_to_host, published };

/// What differs between the hosts that exist, as far as processes are concerned. A value; the default is spinbox.
struct host_dialect {
    pause_support pause = pause_support::refused;
    delete_event task_delete = delete_event::left_to_host;

    static host_dialect spinbox() noexcept { return {}; }
    /// As containerd's own shim behaves.
    static host_dialect shim() noexcept { return {pause_support::by_runtime, delete_event::published}; }
};

}  // namespace vminit::process
