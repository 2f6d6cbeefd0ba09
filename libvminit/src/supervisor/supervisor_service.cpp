// SPDX-License-Identifier: Apache-2.0
#include "vminit/supervisor/supervisor_service.hpp"

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <utility>

#include "supervisor/monitor.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/reaper/reaper_service.hpp"

namespace vminit::supervisor {

supervisor_service::supervisor_service(asio::execution_context& context)
    : supervisor_service(context, supervisor_config{}) {}

supervisor_service::supervisor_service(asio::execution_context& context, supervisor_config config)
    : asio::execution_context::service(context),
      context_(static_cast<asio::io_context&>(context)),
      config_(std::move(config)),
      tasks_(context_.get_executor(), log_of(context)) {
    // Services are destroyed latest first, so what the monitors' members need must exist before this one does.
    asio::use_service<reaper::reaper_service>(context);
    asio::use_service<blocking_service>(context);
    asio::posix::basic_stream_descriptor<executor> registers_its_service(context_);
}

supervisor_service::~supervisor_service() = default;

void supervisor_service::shutdown() noexcept { is_stopping_ = true; }

result<void> supervisor_service::add(service_spec spec) {
    if (auto checked = validate(spec); !checked) return checked;
    auto object = "service \"" + spec.name + "\"";
    if (is_stopping_) return error(errc::unavailable, object);
    if (find(spec.name) != nullptr) return error(errc::already_exists, object);
    if (monitors_.size() >= max_services) return error(errc::resource_exhausted, object + ": too many services");
    auto& added = monitors_.emplace_back(std::make_unique<monitor>(context_, config_, std::move(spec), tasks_));
    if (has_extras_) added->fire(start_trigger::extras, {});
    if (!rootfs_.empty()) added->fire(start_trigger::rootfs, rootfs_);
    tasks_.spawn("supervisor of " + added->spec().name, added->run());
    return {};
}

void supervisor_service::extras_ready() {
    has_extras_ = true;
    for (auto& each : monitors_) each->fire(start_trigger::extras, {});
}

void supervisor_service::rootfs_ready(std::string path) {
    if (rootfs_.empty()) rootfs_ = path;
    for (auto& each : monitors_) each->fire(start_trigger::rootfs, path);
}

result<void> supervisor_service::restart(std::string_view name) {
    auto* found = find(name);
    auto object = "service \"" + std::string(name) + "\"";
    if (found == nullptr) return error(errc::not_found, object);
    if (is_stopping_) return error(errc::unavailable, object);
    if (found->state() == supervised_state::waiting)
        return error(errc::failed_precondition, object + " waits for its trigger");
    found->restart();
    return {};
}

result<supervised_status> supervisor_service::status(std::string_view name) const {
    const auto* found = find(name);
    if (found == nullptr) return error(errc::not_found, "service \"" + std::string(name) + "\"");
    return found->status();
}

std::vector<supervised_status> supervisor_service::list() const {
    std::vector<supervised_status> all;
    for (const auto& each : monitors_) all.push_back(each->status());
    return all;
}

awaitable<void> supervisor_service::stop() {
    using namespace asio::experimental::awaitable_operators;
    is_stopping_ = true;
    clock::duration limit = stop_grace;
    for (auto& each : monitors_) {
        limit = std::max(limit, each->spec().stop_limit + stop_grace);
        each->stop();
    }
    co_await (tasks_.join() || sleep_for(limit));
    if (tasks_.size() > 0) log_of(context_).error("services would not stop", {{"tasks", tasks_.size()}});
    tasks_.stop();
}

monitor* supervisor_service::find(std::string_view name) const noexcept {
    for (const auto& each : monitors_) {
        if (each->spec().name == name) return each.get();
    }
    return nullptr;
}

}  // namespace vminit::supervisor
