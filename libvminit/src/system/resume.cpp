#include "resume.hpp"

#include <linux/random.h>
#include <sys/ioctl.h>
#include <time.h>

#include <cstring>
#include <vector>

#include "vminit/core/syscalls.hpp"

namespace vminit::system {

namespace {

result<void> set_clock(wall_time now) {
    auto since_epoch = now.time_since_epoch();
    auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
    struct timespec time{};
    time.tv_sec = seconds.count();
    time.tv_nsec = (since_epoch - seconds).count();
    return syscalls::attempt("clock_settime", {}, [&] { return ::clock_settime(CLOCK_REALTIME, &time); });
}

// A snapshot resumed twice has two guests with one random state: mix in what the host sends, then reseed (random(4)).
result<void> add_entropy(const std::string& bytes) {
    auto device = syscalls::open("/dev/urandom", O_WRONLY);
    if (!device) return device.error();
    std::vector<int> buffer(2 + (bytes.size() + sizeof(int) - 1) / sizeof(int));
    buffer[0] = static_cast<int>(bytes.size() * 8);
    buffer[1] = static_cast<int>(bytes.size());
    std::memcpy(&buffer[2], bytes.data(), bytes.size());
    auto added =
        syscalls::check("RNDADDENTROPY", {}, [&] { return ::ioctl(device->get(), RNDADDENTROPY, buffer.data()); });
    if (!added) return added.error();
    return syscalls::attempt("RNDRESEEDCRNG", {}, [&] { return ::ioctl(device->get(), RNDRESEEDCRNG); });
}

}  // namespace

result<void> apply_resume(const resume_request& request) {
    if (request.entropy.size() > max_entropy) {
        return error(errc::invalid_argument,
                     "entropy of " + std::to_string(request.entropy.size()) + " bytes is too much");
    }
    if (request.now) {
        if (auto set = set_clock(*request.now); !set) return set;
    }
    return request.entropy.empty() ? result<void>() : add_entropy(request.entropy);
}

}  // namespace vminit::system
