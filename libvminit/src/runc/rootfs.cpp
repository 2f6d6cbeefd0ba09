// SPDX-License-Identifier: Apache-2.0
#include "vminit/runc/rootfs.hpp"

#include <cerrno>
#include <chrono>
#include <string_view>
#include <utility>

#include "runc/mount_directory.hpp"
#include "runc/mount_template.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/system/mount.hpp"

namespace vminit::runc {

namespace {

constexpr std::string_view serial_prefix = "serial:";
constexpr mode_t mount_directory_mode = 0750;

// A filesystem is busy for a moment after its last process has ended, while the kernel lets go of its files.
constexpr int busy_attempts = 50;
constexpr auto busy_pause = std::chrono::milliseconds(50);

// An unmount writes back what is dirty. What takes longer is left to the kernel: its caller may try again.
constexpr auto unmount_limit = std::chrono::seconds(60);

// The tag of a share that was plugged in a moment ago is not known to its driver yet.
constexpr int tag_attempts = 250;
constexpr auto tag_pause = std::chrono::milliseconds(20);

// One entry, ready to be performed: everything the blocking job needs, by value.
struct mount_step {
    system::mount_entry entry;
    std::vector<directory_request> directories;
    std::string base;         // where `directories` lie
    std::string mount_point;  // made if missing
};

result<mount_step> plan(system::mount_entry entry, const std::vector<active_mount>& active, const std::string& bundle,
                        bool is_last) {
    auto formatted = format_entry(std::move(entry), active);
    if (!formatted) return formatted.error();
    mount_step step;
    step.base = bundle + "/mounts";
    auto directories = take_directories(*formatted, step.base);
    if (!directories) return directories.error();
    step.entry = std::move(*formatted);
    step.directories = std::move(*directories);
    step.mount_point = is_last ? bundle + "/rootfs" : step.base + "/" + std::to_string(active.size());
    return step;
}

// A mount. If nobody takes it, since its waiter gave up, it comes down again on the thread that made it.
class fresh_mount {
public:
    explicit fresh_mount(std::string mount_point) : mount_point_(std::move(mount_point)) {}
    fresh_mount(fresh_mount&& other) noexcept : mount_point_(std::exchange(other.mount_point_, {})) {}
    fresh_mount& operator=(fresh_mount&&) = delete;
    ~fresh_mount() {
        if (!mount_point_.empty()) (void)system::unmount_filesystem(mount_point_, system::unmount_mode::lazy);
    }
    std::string take() { return std::exchange(mount_point_, {}); }

private:
    std::string mount_point_;
};

result<fresh_mount> perform(const mount_step& step) {
    if (!step.directories.empty()) {
        // Of the first entry nothing has been mounted below it yet.
        if (auto made = make_directories(step.base, mount_directory_mode); !made) return made.error();
    }
    for (const auto& request : step.directories) {
        if (auto made = make_directory_beneath(step.base, request); !made) return made.error();
    }
    if (auto made = make_directories(step.mount_point, mount_directory_mode); !made) return made.error();
    auto mounted = system::mount_filesystem(step.entry, step.mount_point);
    if (!mounted) return mounted.error();
    return fresh_mount(std::move(*mounted));
}

bool is_already_there(const std::vector<system::mount_entry>& entries, const std::string& rootfs) {
    return entries.size() == 1 && entries[0].type == "bind" && entries[0].source == rootfs;
}

bool is_busy(const result<void>& outcome) {
    return !outcome && outcome.error().code() == error_code(EBUSY, boost::system::system_category());
}

awaitable<void> pause_for(clock::duration span) {
    auto ex = co_await asio::this_coro::executor;
    timer pause(ex, span);
    co_await pause.async_wait(as_tuple_awaitable);
}

awaitable<result<void>> unmount_one(blocking_service& pool, std::string mount_point, system::unmount_mode mode) {
    for (int attempt = 0; attempt < busy_attempts && mode == system::unmount_mode::normal; ++attempt) {
        auto job = [mount_point] { return system::unmount_filesystem(mount_point, system::unmount_mode::normal); };
        auto running = pool.run(blocking_lane::mounts, std::move(job), "umount " + mount_point);
        auto outcome = co_await with_timeout(std::move(running), unmount_limit, "umount " + mount_point);
        if (!is_busy(outcome)) co_return outcome;
        co_await pause_for(busy_pause);
    }
    auto job = [mount_point] { return system::unmount_filesystem(mount_point, system::unmount_mode::lazy); };
    auto running = pool.run(blocking_lane::mounts, std::move(job), "umount " + mount_point);
    co_return co_await with_timeout(std::move(running), unmount_limit, "umount " + mount_point);
}

// A resolver may throw when it is cancelled, as any wait does; what is mounted by then must come down all the same.
awaitable<result<std::string>> resolve_serial(serial_resolver resolve, std::string serial) {
    std::string what = "resolve block device by serial \"" + serial + "\"";
    if (!resolve) co_return error(errc::not_found, what);
    try {
        co_return co_await resolve(std::move(serial));
    } catch (const boost::system::system_error&) {
        co_return error(errc::cancelled, what);
    }
}

awaitable<bool> is_cancelled() {
    auto state = co_await asio::this_coro::cancellation_state;
    co_return state.cancelled() != asio::cancellation_type::none;
}

bool is_unknown_tag(const mount_step& step, const result<fresh_mount>& outcome) {
    return !outcome && step.entry.type == "virtiofs" &&
           outcome.error().code() == error_code(EINVAL, boost::system::system_category());
}

awaitable<result<fresh_mount>> perform_soon(blocking_service& pool, mount_step step) {
    for (int attempt = 1;; ++attempt) {
        auto job = [step] { return perform(step); };
        auto outcome = co_await pool.run(blocking_lane::mounts, std::move(job), "mount " + step.mount_point);
        bool stop = co_await is_cancelled();
        if (stop || attempt == tag_attempts || !is_unknown_tag(step, outcome)) co_return outcome;
        co_await pause_for(tag_pause);
    }
}

// Mounts one entry and notes it in `mounts` and `active`.
awaitable<result<void>> mount_one(blocking_service& pool, mount_step step, serial_resolver resolve,
                                  rootfs_mounts& mounts, std::vector<active_mount>& active) {
    if (step.entry.source.starts_with(serial_prefix)) {
        auto device = co_await resolve_serial(std::move(resolve), step.entry.source.substr(serial_prefix.size()));
        if (!device) co_return device.error();
        step.entry.source = std::move(*device);
    }
    auto entry = step.entry;
    auto fresh = co_await perform_soon(pool, std::move(step));
    if (!fresh) co_return fresh.error();
    auto mounted = fresh->take();
    active_mount made;
    made.source = entry.source;
    made.target = entry.target;
    made.mount_point = mounted;
    active.push_back(std::move(made));
    mounts.mount_points.push_back(std::move(mounted));
    mounts.resolved.push_back(std::move(entry));
    co_return result<void>();
}

awaitable<result<void>> mount_all(blocking_service& pool, std::string bundle, std::vector<system::mount_entry> entries,
                                  serial_resolver resolve, rootfs_mounts& mounts) {
    std::vector<active_mount> active;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        bool stop = co_await is_cancelled();
        if (stop) co_return error(errc::cancelled, "mounting the rootfs");
        auto step = plan(std::move(entries[i]), active, bundle, i + 1 == entries.size());
        if (!step) co_return step.error();
        auto done = co_await mount_one(pool, std::move(*step), resolve, mounts, active);
        if (!done) co_return done.error();
    }
    bool stop = co_await is_cancelled();
    if (stop) co_return error(errc::cancelled, "mounting the rootfs");
    co_return result<void>();
}

}  // namespace

awaitable<result<rootfs_mounts>> mount_rootfs(asio::io_context& context, std::string bundle,
                                              std::vector<system::mount_entry> entries, serial_resolver resolve) {
    rootfs_mounts mounts;
    if (is_already_there(entries, bundle + "/rootfs")) {
        mounts.resolved = std::move(entries);
        co_return mounts;
    }
    // A cancelled caller must not leave mounts behind: the roll-back waits, and it must be let.
    bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    auto& pool = asio::use_service<blocking_service>(context);
    auto done = co_await mount_all(pool, std::move(bundle), std::move(entries), std::move(resolve), mounts);
    if (!done) {
        auto undone = co_await unmount_rootfs(context, std::move(mounts));
        if (!undone) log_of(context).warn("rootfs mount left behind", {{"error", undone.error()}});
    }
    co_await asio::this_coro::throw_if_cancelled(throws);
    if (!done) co_return done.error();
    co_return mounts;
}

awaitable<result<void>> unmount_rootfs(asio::io_context& context, rootfs_mounts mounts, system::unmount_mode mode) {
    bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    auto& pool = asio::use_service<blocking_service>(context);
    result<void> first;
    for (auto at = mounts.mount_points.size(); at > 0; --at) {
        auto outcome = co_await unmount_one(pool, mounts.mount_points[at - 1], mode);
        if (!outcome && first) first = outcome;
    }
    co_await asio::this_coro::throw_if_cancelled(throws);
    co_return first;
}

}  // namespace vminit::runc
