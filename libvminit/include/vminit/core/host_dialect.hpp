// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace vminit {

/// How a connection to the stream port says which stream it is.
enum class stream_handshake {
    number,  ///< 4 bytes, big-endian, echoed: `stream://<decimal number>`
    name,    ///< 4 bytes length, big-endian, and the name, both echoed: `stream://<name>`
};

/// Who publishes TaskDelete: a host that makes its own from Delete's answer would tell it twice.
enum class delete_event { left_to_host, published };

/// What CloseIO without its `stdin` flag does.
enum class close_io_meaning { nothing, closes_stdin };

/// Pause, Resume and Checkpoint: a host of microVMs may stop the whole VM instead.
enum class pause_support { refused, by_runtime };

/// A container's OCI spec: what it asks for and no more freedom (keep), or, for one that is privileged by itself, all that
/// the VM has (relax), because the VM is the border.
enum class spec_policy { relax, keep };

/// What differs between the hosts that exist, and nothing else: the layers ask this value, never which host it is.
/// A plain value; the default is spinbox.
struct host_dialect {
    stream_handshake handshake = stream_handshake::number;
    std::string_view events_service = "spinbox.services.vmevents.v1.Events";  ///< static storage
    delete_event task_delete = delete_event::left_to_host;
    close_io_meaning close_io = close_io_meaning::nothing;
    pause_support pause = pause_support::refused;
    spec_policy spec = spec_policy::relax;

    static host_dialect spinbox() noexcept { return {}; }

    /// containerd's nerdbox, whose guest behaves as containerd's own shim does.
    static host_dialect nerdbox() noexcept;

    /// `spinbox` or `nerdbox`.
    static std::optional<host_dialect> named(std::string_view name) noexcept;

    friend bool operator==(const host_dialect&, const host_dialect&) = default;
};

}  // namespace vminit
