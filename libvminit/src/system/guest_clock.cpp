// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/guest_clock.hpp"

#include <fcntl.h>
#include <sys/timex.h>
#include <time.h>

#include "resume.hpp"
#include "vminit/core/directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/text.hpp"

namespace vminit::system {

namespace {

result<long> adjust(struct timex& request) {
    return syscalls::check("adjtimex", {}, [&] { return ::adjtimex(&request); });
}

std::string text_of(const std::string& path) {
    auto text = read_file(path);
    return text ? std::string(trimmed(*text)) : std::string();
}

result<void> step_clock(clock::duration step) {
    resume_request request;
    request.step = step;
    auto target = resumed_time(request, wall_now());
    if (!target) return target.error();
    return set_wall_clock(**target);
}

result<void> slew_clock(clock::duration slew) {
    if (slew > longest_slew || slew < -longest_slew) {
        return error(errc::invalid_argument, "a slew of more than 10 s either way, which takes hours: step the clock");
    }
    struct timex request{};
    request.modes = ADJ_OFFSET_SINGLESHOT;
    request.offset = std::chrono::duration_cast<std::chrono::microseconds>(slew).count();
    auto begun = adjust(request);
    if (!begun) return begun.error();
    return {};
}

void read_device(clock_device& found, const std::string& path, device_clock_reader read) {
    auto file = syscalls::open(path, O_RDONLY | O_NONBLOCK);
    if (!file) {
        found.problem = file.error().message();
        return;
    }
    auto before = wall_now();
    auto shown = read(file->get());
    auto after = wall_now();
    if (shown) {
        found.ahead = before + (after - before) / 2 - *shown;
    } else {
        found.problem = shown.error().message();
    }
}

}  // namespace

result<wall_time> read_ptp_clock(int device) {
    // FD_TO_CLOCKID of clock_gettime(2).
    auto id = static_cast<clockid_t>((~static_cast<unsigned>(device) << 3) | 3U);
    struct timespec time{};
    auto read = syscalls::attempt("clock_gettime", {}, [&] { return ::clock_gettime(id, &time); });
    if (!read) return read.error();
    return wall_time(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

result<void> move_clock(const clock_change& change) {
    if (change.step && change.slew) {
        return error(errc::invalid_argument, "a step and a slew: only one can be followed");
    }
    if (change.step) return step_clock(*change.step);
    if (change.slew) return slew_clock(*change.slew);
    return {};
}

result<clock_state> read_clock(const std::string& sysfs) {
    struct timex request{};
    request.modes = ADJ_OFFSET_SS_READ;
    auto status = adjust(request);
    if (!status) return status.error();
    clock_state state;
    state.now = wall_now();
    state.slewing = std::chrono::microseconds(request.offset);
    state.is_synchronized = *status != TIME_ERROR;
    auto directory = sysfs + "/devices/system/clocksource/clocksource0/";
    state.source = text_of(directory + "current_clocksource");
    auto available = text_of(directory + "available_clocksource");
    for (auto word : words_of(available)) state.sources.emplace_back(word);
    return state;
}

std::vector<clock_device> read_device_clocks(const std::string& sysfs, const std::string& directory,
                                             device_clock_reader read) {
    std::vector<clock_device> all;
    auto names = names_in(sysfs + "/class/ptp", most_clock_devices);
    if (!names) return all;
    for (auto& name : *names) {
        auto& found = all.emplace_back();
        found.description = text_of(sysfs + "/class/ptp/" + name + "/clock_name");
        read_device(found, directory + "/" + name, read);
        found.name = std::move(name);
    }
    return all;
}

}  // namespace vminit::system
