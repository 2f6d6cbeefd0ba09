// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/system_service.hpp"

#include <exception>
#include <memory>
#include <optional>

#include "freezer.hpp"
#include "hotplug.hpp"
#include "resume.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::system {

namespace {

using mount_points = std::vector<std::string>;

// How soon a thaw that could not even be begun is tried again.
constexpr auto thaw_retry = std::chrono::seconds(1);

executor executor_of(asio::execution_context& context) {
    return static_cast<asio::io_context&>(context).get_executor();
}

}  // namespace

class system_service::implementation {
public:
    implementation(asio::execution_context& context, system_config settings)
        : config(std::move(settings)),
          log(log_of(context)),
          blocking(asio::use_service<blocking_service>(context)),
          plug(context, config.sysfs),
          changed(executor_of(context)),
          safety(executor_of(context)),
          tasks(executor_of(context), log) {}

    awaitable<result<mount_points>> freeze();
    awaitable<result<void>> thaw();
    void thaw_now() noexcept;

    system_config config;
    std::string kernel_version;  // once it has been read
    logger& log;
    blocking_service& blocking;
    hotplug plug;
    std::shared_ptr<frozen_set> frozen = std::make_shared<frozen_set>();

private:
    // A freeze under way. It goes on when its caller has gone, and who comes meanwhile waits for the same one.
    struct freezing {
        std::optional<result<mount_points>> outcome;
    };

    // A thaw under way, however it ends.
    class counted {
    public:
        explicit counted(implementation& owner) : owner_(owner) { ++owner_.thaws_; }
        ~counted() {
            --owner_.thaws_;
            owner_.changed.notify_all();
        }
        counted(const counted&) = delete;
        counted& operator=(const counted&) = delete;

    private:
        implementation& owner_;
    };

    awaitable<void> perform(std::shared_ptr<freezing> mine);
    awaitable<result<mount_points>> caught_freeze();
    void arm_safety(clock::duration limit);
    awaitable<void> thaw_when_due();

    std::shared_ptr<freezing> current_;
    std::size_t thaws_ = 0;  // under way
    condition changed;       // `current_` or `thaws_`
    timer safety;
    task_group tasks;
};

awaitable<result<mount_points>> system_service::implementation::freeze() {
    while (thaws_ > 0) co_await changed.wait();
    auto mine = current_;
    if (!mine) {
        mine = current_ = std::make_shared<freezing>();
        tasks.spawn("freeze", perform(mine));
    }
    while (!mine->outcome) co_await changed.wait();
    co_return *mine->outcome;
}

awaitable<void> system_service::implementation::perform(std::shared_ptr<freezing> mine) {
    auto outcome = co_await caught_freeze();
    current_.reset();
    if (frozen->size() > 0) {
        arm_safety(config.thaw_limit);
    } else {
        safety.cancel();
    }
    mine->outcome.emplace(std::move(outcome));
    changed.notify_all();
}

// Whatever goes wrong, those who wait for the freeze are told.
awaitable<result<mount_points>> system_service::implementation::caught_freeze() try {
    // From now on: a freeze that hangs in its second filesystem must not leave the first frozen for ever.
    arm_safety(config.thaw_limit);
    auto job = [set = frozen, path = config.mount_table]() -> result<mount_points> {
        auto table = read_mount_table(path);
        if (!table) return error(errc::internal, table.error().message());
        return set->freeze(freezable_mounts(*table));
    };
    co_return co_await blocking.run(blocking_lane::mounts, std::move(job), "freeze");
} catch (const std::exception& thrown) {
    co_return error(errc::internal, thrown.what());
}

awaitable<result<void>> system_service::implementation::thaw() {
    safety.cancel();
    counted mine(*this);
    auto job = [set = frozen] { return set->thaw(); };
    auto outcome = co_await blocking.run(blocking_lane::rescue, std::move(job), "thaw");
    bool was_refused = !outcome && outcome.error().kind() == errc::resource_exhausted;
    if (frozen->size() > 0) arm_safety(was_refused ? thaw_retry : config.thaw_limit);
    co_return outcome;
}

// A host that froze us and went away must not leave the guest stuck in its first write.
void system_service::implementation::arm_safety(clock::duration limit) {
    safety.expires_after(limit);
    tasks.spawn("safety thaw", thaw_when_due());
}

awaitable<void> system_service::implementation::thaw_when_due() {
    auto [failure] = co_await safety.async_wait(as_tuple_awaitable);
    if (failure) co_return;
    log.warn("filesystems frozen too long, thawing");
    auto thawed = co_await thaw();
    if (!thawed) log.error("thaw failed", {{"error", thawed.error()}});
}

void system_service::implementation::thaw_now() noexcept try {
    if (frozen->size() > 0) (void)frozen->thaw();
} catch (...) {
}

system_service::system_service(asio::execution_context& context) : system_service(context, system_config()) {}

system_service::system_service(asio::execution_context& context, system_config config)
    : asio::execution_context::service(context), impl_(std::make_unique<implementation>(context, std::move(config))) {}

system_service::~system_service() = default;

void system_service::shutdown() noexcept { impl_->thaw_now(); }

const system_config& system_service::config() const noexcept { return impl_->config; }

awaitable<result<system_info>> system_service::info() {
    system_info facts;
    facts.version = impl_->config.version;
    // The kernel stays the same while we run, and hosts ask often.
    auto& kernel = impl_->kernel_version;
    if (kernel.empty()) {
        if (auto text = read_file(impl_->config.kernel_version_file)) kernel = trimmed(*text);
    }
    facts.kernel_version = kernel;
    co_return facts;
}

awaitable<result<std::vector<std::string>>> system_service::freeze_filesystems() { return impl_->freeze(); }
std::size_t system_service::frozen_filesystems() const noexcept { return impl_->frozen->size(); }
awaitable<result<void>> system_service::thaw_filesystems() { return impl_->thaw(); }
void system_service::remember_boot_memory() { impl_->plug.remember_boot_memory(); }
awaitable<result<void>> system_service::offline_cpu(std::uint32_t cpu) { return impl_->plug.offline_cpu(cpu); }
awaitable<result<void>> system_service::online_cpu(std::uint32_t cpu) { return impl_->plug.online_cpu(cpu); }
awaitable<result<void>> system_service::offline_memory(std::uint32_t block) {
    return impl_->plug.offline_memory(block);
}
awaitable<result<void>> system_service::online_memory(std::uint32_t block) { return impl_->plug.online_memory(block); }

awaitable<std::vector<error>> system_service::configure_link(link_settings link, bool wants_metadata_route) {
    auto job = [link = std::move(link), wants_metadata_route]() -> result<std::vector<error>> {
        return apply_link(link, wants_metadata_route);
    };
    auto failures = co_await impl_->blocking.run(blocking_lane::kernel_writes, std::move(job), "configure link");
    if (failures) co_return std::move(*failures);
    std::vector<error> refused(1, failures.error());
    co_return refused;
}

awaitable<void> system_service::clean_up() {
    // Unmounting and syncing a frozen filesystem would wait for the thaw.
    auto thawed = co_await impl_->thaw();
    if (!thawed) impl_->log.warn("thaw failed", {{"error", thawed.error()}});
    auto job = [options = impl_->config.cleanup]() -> result<cleanup_report> { return system::clean_up(options); };
    auto report = co_await impl_->blocking.run(blocking_lane::rescue, std::move(job), "clean up");
    if (!report) {
        impl_->log.warn("clean-up not done", {{"error", report.error()}});
        co_return;
    }
    for (const auto& problem : report->problems) impl_->log.warn("clean-up incomplete", {{"error", problem}});
    impl_->log.info("cleaned up", {{"unmounted", report->unmounted}});
}

awaitable<result<resume_outcome>> system_service::resume(resume_request request) {
    auto job = [request = std::move(request)] { return apply_resume(request); };
    co_return co_await impl_->blocking.run(blocking_lane::kernel_writes, std::move(job), "resume");
}

awaitable<result<clock_state>> system_service::move_clock(clock_change change) {
    auto job = [change, sysfs = impl_->config.sysfs, devices = impl_->config.devices,
                read = impl_->config.read_device_clock]() -> result<clock_state> {
        auto moved = system::move_clock(change);
        if (!moved) return moved.error();
        auto state = read_clock(sysfs);
        if (state) state->devices = read_device_clocks(sysfs, devices, read);
        return state;
    };
    co_return co_await impl_->blocking.run(blocking_lane::kernel_writes, std::move(job), "clock");
}

}  // namespace vminit::system
