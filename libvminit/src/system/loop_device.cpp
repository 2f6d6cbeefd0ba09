// SPDX-License-Identifier: Apache-2.0
#include "loop_device.hpp"

#include <linux/loop.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>

#include "vminit/core/syscalls.hpp"

namespace vminit::system {

namespace {

// Between LOOP_CTL_GET_FREE and LOOP_CONFIGURE somebody else may take the device; only other mounts of ours compete.
constexpr int attach_attempts = 16;

result<loop_device> configure(int number, int backing, loop_access access, loop_cache cache, const std::string& file) {
    std::string path = "/dev/loop" + std::to_string(number);
    auto device = syscalls::open(path, access == loop_access::read_only ? O_RDONLY : O_RDWR);
    if (!device) return device.error();
    struct loop_config config{};
    config.fd = static_cast<__u32>(backing);
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (access == loop_access::read_only) config.info.lo_flags |= LO_FLAGS_READ_ONLY;
    if (cache == loop_cache::direct) config.info.lo_flags |= LO_FLAGS_DIRECT_IO;
    auto length = std::min<std::size_t>(file.size(), LO_NAME_SIZE - 1);
    std::copy_n(file.data(), length, reinterpret_cast<char*>(config.info.lo_file_name));
    auto done =
        syscalls::check("LOOP_CONFIGURE", path, [&] { return ::ioctl(device->get(), LOOP_CONFIGURE, &config); });
    if (!done) return done.error();
    return loop_device{std::move(*device), std::move(path)};
}

}  // namespace

result<loop_device> attach_loop_device(const std::string& file, loop_access access, loop_cache cache) {
    auto backing = syscalls::open(file, access == loop_access::read_only ? O_RDONLY : O_RDWR);
    if (!backing) return backing.error();
    auto control = syscalls::open("/dev/loop-control", O_RDWR);
    if (!control) return control.error();
    for (int attempt = 1;; ++attempt) {
        auto number =
            syscalls::check("LOOP_CTL_GET_FREE", {}, [&] { return ::ioctl(control->get(), LOOP_CTL_GET_FREE); });
        if (!number) return number.error();
        auto device = configure(static_cast<int>(*number), backing->get(), access, cache, file);
        bool is_taken = !device && syscalls::is_errno(device.error(), EBUSY);
        if (!is_taken || attempt == attach_attempts) return device;
    }
}

}  // namespace vminit::system
