// SPDX-License-Identifier: Apache-2.0
#include <sys/random.h>

#include <boost/json.hpp>
#include <cmath>

#include "commands/commands.hpp"
#include "commands/process_argument.hpp"
#include "system_text.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::vminitctl {

namespace {

struct resume_options {
    std::string id;
    bool keeps_clock = false;
    double step = 0;  // seconds; 0 = none
    std::size_t entropy = 64;
};

constexpr double longest_step = 86400.0 * 36500;
constexpr std::size_t most_entropy = 4096;

awaitable<result<int>> resume_container(client_session& guest, std::string id) {
    containerd::task::v3::ResumeRequest request;
    request.set_id(id);
    auto tasks = guest.task();
    auto resumed = co_await tasks.Resume(std::move(request), guest.call_limit());
    if (!resumed) co_return resumed.error();
    record facts{{"id", id}, {"status", "running"}};
    if (guest.out().is_json()) guest.out().answer(facts);
    co_return 0;
}

result<std::string> random_bytes(std::size_t count) {
    std::string bytes(count, '\0');
    std::size_t filled = 0;
    while (filled < count) {
        auto got =
            syscalls::check("getrandom", {}, [&] { return ::getrandom(bytes.data() + filled, count - filled, 0); });
        if (!got) return got.error();
        filled += static_cast<std::size_t>(*got);
    }
    return bytes;
}

void set_clock(vminit::system::v1::ResumeRequest& request, const resume_options& options) {
    if (options.step != 0) {
        request.set_step_ns(std::llround(options.step * 1e9));
    } else if (!options.keeps_clock) {
        auto now = wall_now();
        auto seconds = std::chrono::floor<std::chrono::seconds>(now);
        request.mutable_now()->set_seconds(seconds.time_since_epoch().count());
        request.mutable_now()->set_nanos(static_cast<std::int32_t>((now - seconds).count()));
    }
}

awaitable<result<int>> resume_machine(client_session& guest, resume_options options) {
    vminit::system::v1::ResumeRequest request;
    auto entropy = random_bytes(options.entropy);
    if (!entropy) co_return entropy.error();
    request.set_entropy(std::move(*entropy));
    set_clock(request, options);
    auto system = guest.system();
    auto outcome = co_await system.Resume(std::move(request), guest.call_limit());
    if (!outcome) co_return outcome.error();
    auto facts = resume_facts(*outcome);
    guest.out().answer(facts);
    co_return 0;
}

awaitable<result<int>> resume(client_session& guest, resume_options options) {
    if (!options.id.empty()) co_return co_await resume_container(guest, std::move(options.id));
    co_return co_await resume_machine(guest, std::move(options));
}

result<void> check(const CLI::App& command, const resume_options& options) {
    bool is_about_machine = command.count("--keep-clock") + command.count("--step") + command.count("--entropy") > 0;
    if (is_about_machine && !options.id.empty()) {
        return error(errc::invalid_argument,
                     "--keep-clock, --step and --entropy are for the whole guest, without an ID");
    }
    if (options.keeps_clock && options.step != 0) {
        return error(errc::invalid_argument, "--keep-clock and --step exclude each other");
    }
    return {};
}

}  // namespace

void add_resume(command_set& commands) {
    auto options = std::make_shared<resume_options>();
    auto& command = commands.add("resume", "let a paused container go on, or set a restored guest right",
                                 [options](client_session& guest) { return resume(guest, *options); });
    command.add_option("ID", options->id, "a paused container");
    command.add_flag("--keep-clock", options->keeps_clock,
                     "leave the guest's clock alone instead of setting it to ours");
    command.add_option("--step", options->step, "seconds to move the guest's clock by, instead")
        ->check(CLI::Range(-longest_step, longest_step));
    command.add_option("--entropy", options->entropy, "random bytes to give it")
        ->check(CLI::Range(std::size_t{0}, most_entropy))
        ->capture_default_str();
    command.footer(
        "Without ID: tells the guest that its VM was paused, migrated or restored from a snapshot. Its clock is set, "
        "its "
        "random generator gets fresh bytes and is reseeded, and an event /vminit/system/resumed is published.");
    auto* app = &command;
    commands.checks(command, [app, options] { return check(*app, *options); });
}

}  // namespace vminit::vminitctl
