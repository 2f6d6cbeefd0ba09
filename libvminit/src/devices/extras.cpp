// SPDX-License-Identifier: Apache-2.0
#include "vminit/devices/extras.hpp"

#include <unistd.h>


#include "vminit/core/blocking.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/text.hpp"
#include "vminit/devices/block_device.hpp"
#include "vminit/devices/device_service.hpp"

namespace vminit::devices {

namespace {

result<extras_report> extract_and_mark(const std::string& disk, const extras_settings& settings) {
    auto report = extract_tar(disk, settings.root);
    if (!report) return report.error();
    auto marked = replace_file(settings.marker, "done\n", 0644);
    if (!marked) return marked.error();
    return report;
}

}  // namespace

result<std::optional<extras_settings>> parse_extras_settings(const kernel_cmdline& cmdline) {
    auto text = cmdline.value("spin.extras_disk");
    if (!text) return std::optional<extras_settings>();
    extras_settings settings;
    auto disk = parse_number<decltype(settings.disk)>(*text);
    if (!disk || *disk > max_extras_disk) {
        return error(errc::invalid_argument, "bad spin.extras_disk \"" + std::string(*text) + "\"");
    }
    settings.disk = *disk;
    settings.is_forced = cmdline.has_flag("spin.extras_force");
    return std::optional<extras_settings>(std::move(settings));
}

awaitable<result<extras_report>> extract_extras(asio::io_context& context, extras_settings settings) {
    if (!settings.is_forced && ::access(settings.marker.c_str(), F_OK) == 0) {
        extras_report report;
        report.was_done_before = true;
        co_return report;
    }
    auto& devices = asio::use_service<device_service>(context);
    auto& blocking = asio::use_service<blocking_service>(context);
    auto disk = co_await devices.find_block_by_name(virtio_disk_name(settings.disk));
    if (!disk) co_return disk.error();
    auto job = [path = *disk, settings = std::move(settings)] { return extract_and_mark(path, settings); };
    co_return co_await blocking.run(blocking_lane::mounts, std::move(job), "extract extras");
}

}  // namespace vminit::devices
