// SPDX-License-Identifier: Apache-2.0
#include "resume.hpp"

#include <linux/random.h>
#include <sys/ioctl.h>
#include <time.h>

#include <cstring>
#include <vector>

#include "vminit/core/syscalls.hpp"

namespace vminit::system {

namespace {

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

// A clock outside is a mistake of the host, and far enough from the ends of what 64 bits of nanoseconds can hold.
constexpr wall_time earliest{};
constexpr wall_time latest = std::chrono::sys_days(std::chrono::year(2200) / 1 / 1);

error out_of_range(std::string_view what) {
    return error(errc::invalid_argument, std::string(what) + " outside 1970 to 2200");
}

}  // namespace

result<void> set_wall_clock(wall_time now) {
    auto since_epoch = now.time_since_epoch();
    auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
    struct timespec time{};
    time.tv_sec = seconds.count();
    time.tv_nsec = (since_epoch - seconds).count();
    return syscalls::attempt("clock_settime", {}, [&] { return ::clock_settime(CLOCK_REALTIME, &time); });
}

result<std::optional<wall_time>> resumed_time(const resume_request& request, wall_time now) {
    if (request.now && request.step)
        return error(errc::invalid_argument, "a time and a step: only one can be followed");
    if (request.now) {
        if (*request.now < earliest || *request.now >= latest) return out_of_range("a time");
        return request.now;
    }
    if (!request.step) return std::optional<wall_time>();
    // Compared before it is added: the sum could overflow.
    bool fits = *request.step >= earliest - now && *request.step < latest - now;
    if (!fits) return out_of_range("a step to a time");
    return std::optional<wall_time>(now + *request.step);
}

result<resume_outcome> apply_resume(const resume_request& request) {
    if (request.entropy.size() > max_entropy) {
        return error(errc::invalid_argument,
                     "entropy of " + std::to_string(request.entropy.size()) + " bytes is too much");
    }
    resume_outcome outcome;
    outcome.before = wall_now();
    auto target = resumed_time(request, outcome.before);
    if (!target) return target.error();
    // The clock last: what fails has not changed what others see.
    if (!request.entropy.empty()) {
        if (auto added = add_entropy(request.entropy); !added) return added.error();
        outcome.entropy_bytes = request.entropy.size();
    }
    if (*target) {
        if (auto set = set_wall_clock(**target); !set) return set.error();
    }
    outcome.after = wall_now();
    return outcome;
}

}  // namespace vminit::system
