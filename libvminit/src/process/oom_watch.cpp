// SPDX-License-Identifier: Apache-2.0
#include "process/oom_watch.hpp"

#include "process/oom_watch_core.hpp"

namespace vminit::process {

oom_watch& oom_watch::operator=(oom_watch&& other) noexcept {
    if (this == &other) return *this;
    drop();
    core_ = std::exchange(other.core_, {});
    entry_ = std::exchange(other.entry_, {});
    return *this;
}

oom_watch::~oom_watch() { drop(); }

oom_watch::operator bool() const noexcept { return entry_ && entry_->on_oom_kill; }

void oom_watch::stop() {
    // Copies, because the callback may destroy this handle.
    auto core = core_.lock();
    auto entry = entry_;
    if (core && entry) core->stop(entry);
}

void oom_watch::drop() noexcept {
    auto core = core_.lock();
    auto entry = std::exchange(entry_, {});
    if (core && entry) core->remove(entry);
}

oom_watch_service::oom_watch_service(asio::execution_context& context)
    : asio::execution_context::service(context),
      core_(std::make_shared<oom_watch_core>(static_cast<asio::io_context&>(context))) {}

oom_watch_service::~oom_watch_service() = default;

result<oom_watch> oom_watch_service::watch(const std::string& directory, std::function<void()> on_oom_kill) {
    auto entry = core_->add(directory, std::move(on_oom_kill));
    if (!entry) return entry.error();
    return oom_watch(core_, std::move(*entry));
}

std::size_t oom_watch_service::size() const noexcept { return core_->size(); }

void oom_watch_service::shutdown() noexcept { core_->shutdown(); }

}  // namespace vminit::process
