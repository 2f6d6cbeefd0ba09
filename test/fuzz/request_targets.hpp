// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

namespace vminit::test {

/// A method that the fuzz target `requests` asks for. test/api/fuzzed_methods_test.cpp compares them with the services.
struct request_target {
    std::string_view service, method;
};

inline constexpr auto task_name = "containerd.task.v3.Task";
inline constexpr auto bundle_name = "containerd.vminitd.services.bundle.v1.Bundle";
inline constexpr auto system_name = "containerd.vminitd.services.system.v1.System";
inline constexpr auto supervisor_name = "vminit.supervisor.v1.Supervisor";
inline constexpr auto container_name = "vminit.process.v1.Container";
inline constexpr auto machine_name = "vminit.system.v1.Machine";
inline constexpr auto forward_name = "vminit.forward.v1.Forward";
inline constexpr auto mount_name = "containerd.vminitd.services.mount.v1.Mount";
inline constexpr auto socket_forward_name = "nerdbox.services.socketforward.v1.SocketForward";
inline constexpr auto transfer_name = "containerd.services.transfer.v1.Transfer";
inline constexpr auto events_name = "spinbox.services.vmevents.v1.Events";

inline constexpr std::array request_targets{
    request_target{task_name, "Create"},
    request_target{task_name, "Start"},
    request_target{task_name, "Delete"},
    request_target{task_name, "Exec"},
    request_target{task_name, "State"},
    request_target{task_name, "Wait"},
    request_target{task_name, "Kill"},
    request_target{task_name, "Pids"},
    request_target{task_name, "Stats"},
    request_target{task_name, "Update"},
    request_target{task_name, "ResizePty"},
    request_target{task_name, "CloseIO"},
    request_target{task_name, "Pause"},
    request_target{task_name, "Resume"},
    request_target{task_name, "Checkpoint"},
    request_target{task_name, "Connect"},
    request_target{task_name, "Shutdown"},
    request_target{bundle_name, "Create"},
    request_target{system_name, "Info"},
    request_target{system_name, "OfflineCPU"},
    request_target{system_name, "OnlineCPU"},
    request_target{system_name, "OfflineMemory"},
    request_target{system_name, "BootTimeline"},
    request_target{system_name, "FreezeFilesystems"},
    request_target{system_name, "ThawFilesystems"},
    request_target{system_name, "OnlineMemory"},
    request_target{system_name, "SystemInfo"},
    request_target{system_name, "Health"},
    request_target{system_name, "Metrics"},
    request_target{system_name, "SetLogLevel"},
    request_target{system_name, "Devices"},
    request_target{system_name, "Containers"},
    request_target{supervisor_name, "Status"},
    request_target{supervisor_name, "Restart"},
    request_target{events_name, "Stream"},
    request_target{container_name, "Logs"},
    request_target{container_name, "AttachInput"},
    request_target{container_name, "ReadFiles"},
    request_target{container_name, "WriteFiles"},
    request_target{machine_name, "Logs"},
    request_target{forward_name, "Connect"},
    request_target{forward_name, "Listen"},
    request_target{socket_forward_name, "Accept"},
    request_target{transfer_name, "Transfer"},
};

/// Their handlers would touch this machine.
inline constexpr std::array requests_left_out{
    request_target{machine_name, "Clock"},   request_target{machine_name, "Network"},
    request_target{machine_name, "Reclaim"}, request_target{system_name, "PrepareShutdown"},
    request_target{system_name, "Resume"},   request_target{socket_forward_name, "Bind"},
    request_target{mount_name, "MountAll"},  request_target{mount_name, "Unmount"},
    request_target{mount_name, "UnmountAll"}};

}  // namespace vminit::test
