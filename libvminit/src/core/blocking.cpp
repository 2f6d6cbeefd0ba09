#include "vminit/core/blocking.hpp"

#include <signal.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "vminit/core/loop_meter.hpp"
#include "vminit/core/worker_thread.hpp"

namespace vminit {

namespace {

using completion = asio::any_completion_handler<void(bool)>;

struct job {
    std::function<void()> work;
    completion done;
    asio::executor_work_guard<executor> guard;  // the loop must not run dry while a job is out
};

constexpr auto idle_limit = std::chrono::seconds(2);

// Signals are for the loop's thread (signal_set) and the fatal handlers; a pool thread takes none that is asynchronous.
void block_asynchronous_signals() {
    sigset_t all;
    sigfillset(&all);
    for (int synchronous : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) sigdelset(&all, synchronous);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace

// The only object in the library that two threads share; everything in it is guarded by `mutex`.
struct blocking_service::pool : std::enable_shared_from_this<pool> {
    mutable std::mutex mutex;
    std::condition_variable changed;
    std::deque<job> jobs;
    std::size_t threads = 0;
    std::size_t idle = 0;
    std::size_t running = 0;
    std::uint64_t done = 0;
    std::uint64_t refused = 0;
    bool is_closed = false;
    loop_meter* meter;  // for the loop only

    explicit pool(loop_meter& of_the_loop) : meter(&of_the_loop) {}

    bool enqueue(job item) {
        std::lock_guard lock(mutex);
        bool is_taken = !is_closed && jobs.size() < max_queued && take(std::move(item));
        if (!is_taken) ++refused;
        return is_taken;
    }

    bool take(job item) {
        jobs.push_back(std::move(item));
        if (idle >= jobs.size() || threads == max_threads) {
            changed.notify_one();
            return true;
        }
        return start_thread();
    }

    bool start_thread() {
        auto started = worker_thread::start([self = shared_from_this()] { self->serve(); });
        if (started) {
            started->detach();
            ++threads;
            return true;
        }
        // Out of pids or memory: a running thread will get to the job; without one the job is refused.
        if (threads > 0) return true;
        jobs.pop_back();
        return false;
    }

    void serve() {
        block_asynchronous_signals();
        std::unique_lock lock(mutex);
        for (;;) {
            if (jobs.empty()) {
                ++idle;
                changed.wait_for(lock, idle_limit, [this] { return is_closed || !jobs.empty(); });
                --idle;
            }
            if (jobs.empty()) break;
            job item = std::move(jobs.front());
            jobs.pop_front();
            ++running;
            lock.unlock();
            perform(std::move(item), *meter);
            lock.lock();
            --running;
            ++done;
        }
        --threads;
        changed.notify_all();
    }

    // The result slot is filled (or left empty by a throw) before the handler is posted, so the loop reads it race-free.
    static void perform(job item, loop_meter& meter) {
        try {
            item.work();
        } catch (...) {
        }
        item.work = nullptr;
        auto ex = item.guard.get_executor();
        // The real clock: a test's may only be read by its own thread.
        auto finished = std::chrono::steady_clock::now();
        asio::post(ex, [done = std::move(item.done), finished, &meter]() mutable {
            meter.record(std::chrono::steady_clock::now() - finished);
            std::move(done)(true);
        });
    }
};

blocking_service::blocking_service(asio::execution_context& context)
    : asio::execution_context::service(context),
      pool_(std::make_shared<pool>(asio::use_service<loop_meter>(context))) {}

blocking_service::~blocking_service() = default;

void blocking_service::shutdown() noexcept {
    std::deque<job> dropped;
    std::unique_lock lock(pool_->mutex);
    pool_->is_closed = true;
    dropped.swap(pool_->jobs);
    pool_->changed.notify_all();
    // Threads post to the context: it may not go before them. A job that hangs in the kernel holds this up, which
    // only matters to an embedder; PID 1 never destroys its context.
    pool_->changed.wait(lock, [this] { return pool_->threads == 0; });
}

awaitable<bool> blocking_service::submit(std::function<void()> work) {
    auto ex = co_await asio::this_coro::executor;
    auto initiate = [](auto handler, std::shared_ptr<pool> target, std::function<void()> what, executor loop) {
        auto shared = std::make_shared<completion>(std::move(handler));
        auto done = [shared](bool accepted) { std::move(*shared)(accepted); };
        bool accepted = target->enqueue(job{std::move(what), completion(done), asio::make_work_guard(loop)});
        if (!accepted) asio::post(loop, [done] { done(false); });
    };
    co_return co_await asio::async_initiate<decltype(use_awaitable), void(bool)>(initiate, use_awaitable, pool_,
                                                                                std::move(work), ex);
}

std::size_t blocking_service::queued() const noexcept {
    std::lock_guard lock(pool_->mutex);
    return pool_->jobs.size();
}

std::size_t blocking_service::threads() const noexcept {
    std::lock_guard lock(pool_->mutex);
    return pool_->threads;
}

blocking_counters blocking_service::counters() const noexcept {
    std::lock_guard lock(pool_->mutex);
    blocking_counters now;
    now.done = pool_->done;
    now.refused = pool_->refused;
    now.queued = pool_->jobs.size();
    now.running = pool_->running;
    now.threads = pool_->threads;
    return now;
}

}  // namespace vminit
