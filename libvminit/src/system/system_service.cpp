#include "vminit/system/system_service.hpp"

#include <memory>

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

using frozen_list = std::vector<frozen_filesystem>;

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
          plug(blocking, config.sysfs),
          freeze_done(executor_of(context)),
          safety(executor_of(context)),
          tasks(executor_of(context), log) {}

    awaitable<result<std::vector<std::string>>> freeze();
    awaitable<result<void>> thaw();
    awaitable<void> thaw_when_due();
    void thaw_now() noexcept;

    system_config config;
    std::string kernel_version;  // once it has been read
    logger& log;
    blocking_service& blocking;
    hotplug plug;
    frozen_list frozen;
    condition freeze_done;
    bool is_freezing = false;
    bool is_shut_down = false;
    timer safety;
    task_group tasks;

private:
    // Freeze and thaw take turns. The list is lent to the turn's job and comes back whatever becomes of the caller.
    class turn {
    public:
        explicit turn(implementation& owner)
            : owner_(owner), held_(std::make_shared<frozen_list>(std::move(owner.frozen))) {
            owner_.is_freezing = true;
        }
        ~turn() {
            owner_.frozen = std::move(*held_);
            owner_.is_freezing = false;
            if (!owner_.frozen.empty() && !owner_.is_shut_down) owner_.arm_safety();
            owner_.freeze_done.notify_all();
        }
        turn(const turn&) = delete;
        turn& operator=(const turn&) = delete;
        const std::shared_ptr<frozen_list>& held() const noexcept { return held_; }

    private:
        implementation& owner_;
        std::shared_ptr<frozen_list> held_;
    };

    void arm_safety();
};

awaitable<result<std::vector<std::string>>> system_service::implementation::freeze() {
    while (is_freezing) co_await freeze_done.wait();
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());  // the job holds the list
    turn mine(*this);
    auto job = [held = mine.held(), path = config.mount_table]() -> result<freeze_outcome> {
        auto table = read_mount_table(path);
        if (!table) return error(errc::internal, table.error().message());
        return system::freeze(freezable_mounts(*table), std::move(*held));
    };
    auto outcome = co_await blocking.run(blocking_lane::rescue, std::move(job), "freeze");
    if (!outcome) co_return outcome.error();
    *mine.held() = std::move(outcome->frozen);
    if (!outcome->status) co_return outcome->status.error();
    co_return std::move(outcome->mount_points);
}

awaitable<result<void>> system_service::implementation::thaw() {
    while (is_freezing) co_await freeze_done.wait();
    safety.cancel();
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());  // the job holds the list
    turn mine(*this);
    auto job = [held = mine.held()]() -> result<thaw_outcome> { return system::thaw(std::move(*held)); };
    auto outcome = co_await blocking.run(blocking_lane::rescue, std::move(job), "thaw");
    if (!outcome) co_return outcome.error();
    *mine.held() = std::move(outcome->still_frozen);
    co_return outcome->status;
}

// A host that froze us and went away must not leave the guest stuck in its first write.
void system_service::implementation::arm_safety() {
    safety.expires_after(config.thaw_limit);
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
    is_shut_down = true;
    if (!frozen.empty()) (void)system::thaw(std::move(frozen));
    frozen.clear();
} catch (...) {
    frozen.clear();
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
std::size_t system_service::frozen_filesystems() const noexcept { return impl_->frozen.size(); }
awaitable<result<void>> system_service::thaw_filesystems() { return impl_->thaw(); }
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
    auto report = co_await impl_->blocking.run(blocking_lane::mounts, std::move(job), "clean up");
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

}  // namespace vminit::system
