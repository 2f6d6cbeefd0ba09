// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/machine_api.hpp"

#include <cstddef>
#include <utility>

#include "log_feed.hpp"
#include "machine_messages.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/system/memory_reclaim.hpp"
#include "vminit/system/system_service.hpp"
#include "vminit/system/v1/machine.ttrpc.hpp"

namespace vminit::api {

namespace {

namespace wire = vminit::system::v1;

// Each has a descriptor, and what a slow connection has not taken yet.
constexpr std::size_t most_log_readers = 8;

class counted {
public:
    explicit counted(std::size_t& count) noexcept : count_(count) { ++count_; }
    ~counted() { --count_; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;

private:
    std::size_t& count_;
};

class machine_api final : public wire::MachineService {
public:
    machine_api(asio::io_context& context, machine_api_options options)
        : context_(context),
          options_(std::move(options)),
          system_(asio::use_service<system::system_service>(context)),
          blocking_(asio::use_service<blocking_service>(context)),
          memory_(context, "/proc", system_.config().sysfs + "/fs/cgroup") {}

    awaitable<result<void>> Logs(ttrpc::call_context&, wire::LogsRequest request, log_feed::output& output) override {
        if (log_readers_ >= most_log_readers) {
            static_assert(most_log_readers == 8);
            co_return error(errc::resource_exhausted, "8 readers of the log at a time");
        }
        counted reader(log_readers_);
        auto feed = log_feed::open(context_, request);
        if (!feed) co_return feed.error();
        co_return co_await feed->send(output);
    }

    awaitable<result<wire::ClockResponse>> Clock(ttrpc::call_context&, wire::ClockRequest request) override {
        auto state = co_await system_.move_clock(from_message(request));
        if (!state) co_return state.error();
        co_return to_message(*state);
    }

    awaitable<result<wire::NetworkResponse>> Network(ttrpc::call_context&, wire::NetworkRequest request) override {
        auto change = from_message(request);
        if (!change) co_return change.error();
        bool is_names = change->action == system::network_action::set_dns;
        if (is_names && !options_.resolv_conf) {
            co_return error(errc::failed_precondition, "the machine's resolv.conf is not ours to change");
        }
        auto names = options_.resolv_conf ? options_.resolv_conf() : std::string("/etc/resolv.conf");
        auto job = [change = std::move(*change), names]() -> result<system::network_state> {
            auto changed = system::change_network(change, names);
            if (!changed) return changed.error();
            return system::read_network(names);
        };
        auto state = co_await blocking_.run(blocking_lane::kernel_writes, std::move(job), "network");
        if (!state) co_return state.error();
        co_return to_message(*state);
    }

    awaitable<result<wire::ReclaimResponse>> Reclaim(ttrpc::call_context&, wire::ReclaimRequest request) override {
        system::reclaim_wish wish;
        wish.bytes = request.bytes();
        wish.compacts = request.id().empty() && !request.skip_compaction();
        if (!request.id().empty()) {
            auto cgroup = asio::use_service<process::process_service>(context_).cgroup_path(request.id());
            if (!cgroup) co_return cgroup.error();
            wish.cgroup = std::move(*cgroup);
        }
        auto outcome = co_await memory_.perform(std::move(wish));
        if (!outcome) co_return outcome.error();
        co_return to_message(*outcome);
    }

private:
    asio::io_context& context_;
    const machine_api_options options_;
    system::system_service& system_;
    blocking_service& blocking_;
    system::memory_reclaim memory_;
    std::size_t log_readers_ = 0;
};

}  // namespace

std::shared_ptr<ttrpc::service_base> make_machine_api(asio::io_context& context, machine_api_options options) {
    return std::make_shared<machine_api>(context, std::move(options));
}

}  // namespace vminit::api
