#include "vminit/api/machine_api.hpp"

#include <cstddef>
#include <utility>

#include "log_feed.hpp"
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
    explicit machine_api(asio::io_context& context) : context_(context) {}

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

private:
    asio::io_context& context_;
    std::size_t log_readers_ = 0;
};

}  // namespace

std::shared_ptr<ttrpc::service_base> make_machine_api(asio::io_context& context) {
    return std::make_shared<machine_api>(context);
}

}  // namespace vminit::api
