#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"

namespace vminit {

/// What the pool has done so far, and what it has to do.
struct blocking_counters {
    std::uint64_t done = 0;
    std::uint64_t refused = 0;
    std::size_t queued = 0;   ///< now: jobs that no thread has begun
    std::size_t running = 0;  ///< now
    std::size_t threads = 0;  ///< now
};

/// Runs system calls that can sleep (mount, umount, sync, FIFREEZE, sysfs writes, recursive removal) off the loop.
///
/// At most two threads, started on demand and gone after two idle seconds; at most `max_queued` jobs wait, more are
/// refused with `resource_exhausted`, and so is a job when not even one thread can be started. A job takes values and returns a `result<T>`: it shares nothing with the loop.
/// A job that has begun cannot be cancelled; the caller may stop waiting, the job's result is then dropped.
class blocking_service : public asio::execution_context::service {
public:
    using key_type = blocking_service;
    static inline asio::execution_context::id id;

    static constexpr std::size_t max_threads = 2;    ///< one slow umount must not stop a sync; more would only queue in the kernel
    static constexpr std::size_t max_queued = 1024;  ///< far above the containers a VM holds; a bound, not a tuning knob

    explicit blocking_service(asio::execution_context& context);
    ~blocking_service() override;

    /// Runs `job` on a pool thread and returns its result. `job` must return `result<T>`.
    template <class Job>
    awaitable<std::invoke_result_t<Job>> run(Job job) {
        using outcome = std::invoke_result_t<Job>;
        auto slot = std::make_shared<std::optional<outcome>>();
        auto work = [slot, job = std::move(job)]() mutable { slot->emplace(job()); };
        bool accepted = co_await submit(std::move(work));
        if (!accepted) co_return error(errc::resource_exhausted, "blocking operation refused: too many wait, or no thread can be started");
        if (!*slot) co_return error(errc::internal, "blocking operation failed without a result");
        co_return std::move(**slot);
    }

    std::size_t queued() const noexcept;
    std::size_t threads() const noexcept;
    blocking_counters counters() const noexcept;

private:
    void shutdown() noexcept override;
    awaitable<bool> submit(std::function<void()> work);

    struct pool;
    std::shared_ptr<pool> pool_;
};

}  // namespace vminit
