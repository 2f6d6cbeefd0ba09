// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/mount_api.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "github.com/containerd/nerdbox/api/services/mount/v1/mount.ttrpc.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/system/mount.hpp"

namespace vminit::api {

namespace {

namespace wire = containerd::vminitd::services::mount::v1;
using system::mount_entry;

constexpr std::size_t max_mounts = 256;
// As containerd unmounts: what still uses it may be about to let it go.
constexpr int busy_tries = 50;
constexpr clock::duration busy_pause = std::chrono::milliseconds(50);

mount_entry entry_of(const wire::MountSpec& spec) {
    return {spec.type(), spec.source(), spec.target(), {spec.options().begin(), spec.options().end()}};
}

result<void> check(const wire::MountAllRequest& request) {
    for (const auto& spec : request.mounts()) {
        const auto& path = spec.target();
        bool is_path = path.size() > 1 && path.starts_with('/') && path.find('\0') == std::string::npos;
        if (!is_path) return error(errc::invalid_argument, "target \"" + path + "\" is not an absolute path");
    }
    return {};
}

// Something is mounted on it, whoever did that.
result<bool> is_mount_point(const std::string& path) {
    struct statx facts{};
    auto looked = syscalls::check("stat", path, [&] {
        return ::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &facts);
    });
    if (!looked && looked.error().kind() == errc::not_found) return false;
    if (!looked) return looked.error();
    return (facts.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

result<void> mount_now(const mount_entry& entry) {
    if (auto made = make_directories(entry.target, 0700); !made) return made;
    mount_entry plain(entry.type, entry.source, std::string(), entry.options);
    auto mounted = system::mount_filesystem(plain, entry.target);
    if (!mounted) return mounted.error();
    return {};
}

class mount_api final : public wire::MountService {
public:
    explicit mount_api(asio::io_context& context)
        : pool_(asio::use_service<blocking_service>(context)), changed_(context.get_executor()) {}

    awaitable<result<wire::MountAllResponse>> MountAll(ttrpc::call_context&, wire::MountAllRequest request) override {
        if (auto checked = check(request); !checked) co_return checked.error();
        bool has_turn = co_await take_turn();
        if (!has_turn) co_return error(errc::cancelled, "mount");
        turn mine(*this);
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        auto before = mounts_;
        for (const auto& spec : request.mounts()) {
            auto entry = entry_of(spec);
            auto done = co_await mount(std::move(entry));
            if (done) continue;
            co_await undo_to(std::move(before));
            co_return done.error();
        }
        co_return wire::MountAllResponse();
    }

    awaitable<result<wire::UnmountResponse>> Unmount(ttrpc::call_context&, wire::UnmountRequest request) override {
        bool has_turn = co_await take_turn();
        if (!has_turn) co_return error(errc::cancelled, "unmount");
        turn mine(*this);
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        if (find(request.target()) == mounts_.end()) {
            co_return error(errc::not_found, "cannot unmount " + request.target());
        }
        auto done = co_await unmount(request.target());
        if (!done) co_return done.error();
        co_return wire::UnmountResponse();
    }

    awaitable<result<wire::UnmountAllResponse>> UnmountAll(ttrpc::call_context&, wire::UnmountAllRequest) override {
        bool has_turn = co_await take_turn();
        if (!has_turn) co_return error(errc::cancelled, "unmount");
        turn mine(*this);
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        result<void> outcome;
        for (auto left = mounts_; !left.empty(); left.pop_back()) {
            auto done = co_await unmount(left.back().target);
            if (!done && outcome) outcome = done;
        }
        if (!outcome) co_return outcome.error();
        co_return wire::UnmountAllResponse();
    }

private:
    class turn {
    public:
        explicit turn(mount_api& api) noexcept : api_(api) {}
        ~turn() {
            api_.is_busy_ = false;
            api_.changed_.notify_all();
        }
        turn(const turn&) = delete;
        turn& operator=(const turn&) = delete;

    private:
        mount_api& api_;
    };

    // False if the caller has gone.
    awaitable<bool> take_turn() {
        while (is_busy_) {
            bool goes_on = co_await changed_.wait();
            if (!goes_on) co_return false;
        }
        is_busy_ = true;
        co_return true;
    }

    std::vector<mount_entry>::iterator find(const std::string& target) {
        return std::find_if(mounts_.begin(), mounts_.end(),
                            [&](const mount_entry& one) { return one.target == target; });
    }

    awaitable<result<void>> mount(mount_entry entry) {
        auto known = find(entry.target);
        if (known != mounts_.end()) {
            bool is_same = *known == entry;
            std::function<result<bool>()> look = [path = entry.target] { return is_mount_point(path); };
            auto mounted = co_await pool_.run(blocking_lane::mounts, std::move(look), "look at " + entry.target);
            if (!mounted) co_return mounted.error();
            if (*mounted && is_same) co_return result<void>();
            if (*mounted) co_return error(errc::already_exists, entry.target + " is mounted in another way");
            // Somebody else has unmounted it.
            mounts_.erase(find(entry.target));
        }
        if (mounts_.size() == max_mounts) {
            static_assert(max_mounts == 256);
            co_return error(errc::resource_exhausted, "there are 256 mounts already");
        }
        std::function<result<void>()> job = [entry] { return mount_now(entry); };
        auto done = co_await pool_.run(blocking_lane::mounts, std::move(job), "mount " + entry.target);
        if (done) mounts_.push_back(std::move(entry));
        co_return done;
    }

    awaitable<result<void>> unmount(std::string target) {
        for (int tries = 1;; ++tries) {
            std::function<result<void>()> job = [target] {
                return system::unmount_filesystem(target, system::unmount_mode::normal);
            };
            auto done = co_await pool_.run(blocking_lane::mounts, std::move(job), "unmount " + target);
            if (done) mounts_.erase(find(target));
            if (done || tries == busy_tries || !syscalls::is_errno(done.error(), EBUSY)) co_return done;
            co_await sleep_for(busy_pause);
        }
    }

    // What of it cannot be undone stays in the list, for Unmount.
    awaitable<void> undo_to(std::vector<mount_entry> before) {
        auto is_new = [&](const mount_entry& one) {
            return std::find(before.begin(), before.end(), one) == before.end();
        };
        std::vector<mount_entry> fresh;
        std::copy_if(mounts_.begin(), mounts_.end(), std::back_inserter(fresh), is_new);
        for (; !fresh.empty(); fresh.pop_back()) (void)co_await unmount(fresh.back().target);
    }

    blocking_service& pool_;
    condition changed_;
    bool is_busy_ = false;
    std::vector<mount_entry> mounts_;  // in the order in which they were mounted
};

}  // namespace

std::shared_ptr<ttrpc::service_base> make_mount_api(asio::io_context& context) {
    return std::make_shared<mount_api>(context);
}

}  // namespace vminit::api
