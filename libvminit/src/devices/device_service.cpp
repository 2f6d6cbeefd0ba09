// SPDX-License-Identifier: Apache-2.0
#include "vminit/devices/device_service.hpp"

#include <fcntl.h>

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <cerrno>
#include <optional>

#include "link_keeper.hpp"
#include "uevent_listener.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::devices {

namespace {

using namespace std::chrono_literals;

constexpr auto look_interval = 100ms;  // only without uevents

// What a look at the system found: the path, or nothing yet.
using look = std::function<result<std::optional<std::string>>()>;

// A new disk has its node and its serial a moment before it can be opened (device_add_disk() in the kernel); its uevent
// comes after that.
std::optional<std::string> existing(std::string path) {
    auto opened = syscalls::open(path, O_RDONLY | O_NONBLOCK);
    bool is_early = !opened && (syscalls::is_errno(opened.error(), ENOENT) || syscalls::is_errno(opened.error(), ENXIO));
    if (is_early) return std::nullopt;
    return path;
}

}  // namespace

class device_service::implementation {
public:
    implementation(asio::execution_context& context, device_config settings)
        : config(std::move(settings)),
          blocking(asio::use_service<blocking_service>(context)),
          listener(static_cast<asio::io_context&>(context).get_executor(), log_of(context)) {}

    awaitable<result<std::string>> find(look check, clock::duration limit, std::string what);
    awaitable<void> keep_links(std::vector<system::link_settings> links, link_actions actions, clock::duration limit);

    device_config config;
    blocking_service& blocking;
    uevent_listener listener;

private:
    using generation = std::uint64_t (uevent_listener::*)() const noexcept;
    awaitable<void> wait_for_change(generation current, std::uint64_t seen, clock::time_point deadline);
};

// Listening begins before the first look: a device that comes in between has its uevent waiting.
awaitable<result<std::string>> device_service::implementation::find(look check, clock::duration limit,
                                                                    std::string what) {
    uevent_listener::use listening(listener);
    auto deadline = clock::now() + limit;
    for (;;) {
        auto seen = listener.generation();
        // In the pool: reading a virtio disk's serial asks the host.
        auto found = co_await blocking.run(blocking_lane::files, check, what);
        if (!found) co_return found.error().within(what);
        if (*found) co_return **found;
        if (clock::now() >= deadline) co_return error(errc::not_found, what);
        co_await wait_for_change(&uevent_listener::generation, seen, deadline);
    }
}

// What the pool refuses is tried again: nobody else looks after the links.
awaitable<void> device_service::implementation::keep_links(std::vector<system::link_settings> links,
                                                           link_actions actions, clock::duration limit) {
    uevent_listener::use listening(listener);
    auto deadline = clock::now() + limit;
    link_keeper keeper(std::move(links), std::move(actions));
    while (!keeper.is_empty()) {
        auto seen = listener.network_generation();
        auto job = keeper.look(config.sysfs);
        auto found = co_await blocking.run(blocking_lane::kernel_writes, std::move(job), "look for network devices");
        if (found) co_await keeper.configure(std::move(*found));
        if (clock::now() >= deadline) {
            keeper.report_missing();
            if (!listener.is_listening()) co_return;
            deadline = clock::time_point::max();
        }
        if (found) {
            co_await wait_for_change(&uevent_listener::network_generation, seen, deadline);
        } else {
            co_await sleep_for(look_interval);
        }
    }
}

awaitable<void> device_service::implementation::wait_for_change(generation current, std::uint64_t seen,
                                                                clock::time_point deadline) {
    using namespace asio::experimental::awaitable_operators;
    while ((listener.*current)() == seen) {
        bool is_listening = listener.is_listening();
        if (is_listening && deadline == clock::time_point::max()) {
            co_await listener.wait();
            continue;
        }
        auto left = deadline - clock::now();
        if (left <= clock::duration::zero()) co_return;
        if (!is_listening) {
            co_await sleep_for(std::min<clock::duration>(left, look_interval));
            co_return;
        }
        co_await (listener.wait() || sleep_for(left));
    }
}

device_service::device_service(asio::execution_context& context) : device_service(context, device_config()) {}

device_service::device_service(asio::execution_context& context, device_config config)
    : asio::execution_context::service(context), impl_(std::make_unique<implementation>(context, std::move(config))) {}

device_service::~device_service() = default;

void device_service::shutdown() noexcept { impl_->listener.shut_down(); }

device_counters device_service::counters() const noexcept { return impl_->listener.counters(); }

awaitable<result<std::string>> device_service::find_block_by_serial(std::string serial, clock::duration limit) {
    look check = [serial, config = impl_->config]() -> result<std::optional<std::string>> {
        auto disk = find_disk(serial, config.sysfs);
        if (!disk) return disk.error();
        return *disk ? existing(config.dev + "/" + **disk) : std::nullopt;
    };
    std::string what = "resolve block device by serial \"" + serial + "\"";
    return impl_->find(std::move(check), limit, std::move(what));
}

awaitable<result<std::string>> device_service::find_block_by_name(std::string name, clock::duration limit) {
    look check = [name, config = impl_->config]() -> result<std::optional<std::string>> {
        auto is_there = has_block_device(name, config.sysfs);
        if (!is_there) return is_there.error();
        return *is_there ? existing(config.dev + "/" + name) : std::nullopt;
    };
    return impl_->find(std::move(check), limit, "wait for block device \"" + name + "\"");
}

awaitable<result<std::vector<block_device>>> device_service::list_blocks() {
    auto job = [sysfs = impl_->config.sysfs] { return read_block_devices(sysfs); };
    co_return co_await impl_->blocking.run(blocking_lane::files, std::move(job), "list block devices");
}

awaitable<void> device_service::keep_links(std::vector<system::link_settings> links, link_actions actions,
                                           clock::duration limit) {
    return impl_->keep_links(std::move(links), std::move(actions), limit);
}

}  // namespace vminit::devices
