// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/when_booted.hpp"

#include <algorithm>
#include <utility>

namespace vminit::api {

namespace {

class booted_service final : public ttrpc::service_base {
public:
    booted_service(std::shared_ptr<ttrpc::service_base> inner, system::awaited_steps& boot, logger& log,
                   std::vector<method_needs> needs)
        : inner_(std::move(inner)), boot_(boot), log_(log), needs_(std::move(needs)) {}

    std::string_view full_name() const noexcept override { return inner_->full_name(); }
    std::span<const ttrpc::method_info> methods() const noexcept override { return inner_->methods(); }

    awaitable<result<void>> invoke(std::size_t index, ttrpc::server_call& call) override {
        if (boot_.pending().empty()) return inner_->invoke(index, call);
        auto is_meant = [&](const method_needs& one) { return one.method == inner_->methods()[index].name; };
        auto needs = std::find_if(needs_.begin(), needs_.end(), is_meant);
        if (needs == needs_.end() || !boot_.has_pending(needs->steps)) return inner_->invoke(index, call);
        return invoke_later(*needs, index, call);
    }

private:
    awaitable<result<void>> invoke_later(const method_needs& needs, std::size_t index, ttrpc::server_call& call) {
        co_await boot_.wait(boot_wait_limit(call.context().deadline()), needs.steps);
        for (const auto& step : boot_.pending()) {
            const auto& wanted = needs.steps;
            bool is_needed = wanted.empty() || std::find(wanted.begin(), wanted.end(), step) != wanted.end();
            if (!is_needed) continue;
            log_.warn("a call goes on before a boot step has ended", {{"method", needs.method}, {"step", step}});
        }
        co_return co_await inner_->invoke(index, call);
    }

    std::shared_ptr<ttrpc::service_base> inner_;
    system::awaited_steps& boot_;
    logger& log_;
    const std::vector<method_needs> needs_;
};

}  // namespace

std::shared_ptr<ttrpc::service_base> when_booted(std::shared_ptr<ttrpc::service_base> inner, system::awaited_steps& boot,
                                                 logger& log, std::vector<method_needs> needs) {
    return std::make_shared<booted_service>(std::move(inner), boot, log, std::move(needs));
}

clock::duration boot_wait_limit(const std::optional<clock::time_point>& answer_by) {
    constexpr clock::duration limit = std::chrono::seconds(10);
    if (!answer_by) return limit;
    return std::min<clock::duration>(limit, (*answer_by - clock::now()) / 2);
}

}  // namespace vminit::api
