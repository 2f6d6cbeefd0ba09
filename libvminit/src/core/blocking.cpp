// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/blocking.hpp"

#include <signal.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <new>
#include <thread>

#include "vminit/core/clock.hpp"
#include "vminit/core/loop_meter.hpp"
#include "vminit/core/worker_thread.hpp"

namespace vminit {

namespace {

using steady = std::chrono::steady_clock;

constexpr auto idle_limit = std::chrono::seconds(2);
constexpr auto memory_pause = std::chrono::milliseconds(10);

// False: there is no memory for it now.
template <class Handler>
bool try_post(const executor& loop, Handler handler) noexcept {
    try {
        asio::post(loop, std::move(handler));
        return true;
    } catch (...) {
        return false;
    }
}

// Signals are for the loop's thread (signal_set) and the fatal handlers; a pool thread takes none that is asynchronous.
void block_asynchronous_signals() {
    sigset_t all;
    sigfillset(&all);
    for (int synchronous : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) sigdelset(&all, synchronous);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace

// The loop's alone, whoever holds it.
struct blocking_service::waiter {
    timer* sleep = nullptr;  // of the coroutine that waits, while it does
    bool is_told = false;
};

struct blocking_service::job {
    enum class stage { queued, running, abandoned, finished };

    job(blocking_lane where, std::string name, work_function todo, executor of_waiter)
        : lane(where), what(std::move(name)), work(std::move(todo)), loop(of_waiter) {}

    blocking_lane lane;
    std::string what;
    work_function work;
    executor loop;
    std::shared_ptr<waiter> waiting = std::make_shared<waiter>();
    stage now = stage::queued;  // guarded by the pool's mutex
    steady::time_point begun{};

    // The result is there (or was lost in a throw) before this is posted, so the loop reads it race-free.
    void tell(loop_meter& meter) const noexcept {
        // The real clock: a test's may only be read by its own thread.
        auto finished = steady::now();
        while (!try_post(loop, [told = waiting, finished, &meter] {
            meter.record(steady::now() - finished);
            told->is_told = true;
            if (told->sleep != nullptr) told->sleep->cancel();
        })) {
            // Somebody waits for it: it is told as soon as there is memory.
            std::this_thread::sleep_for(memory_pause);
        }
    }
    void perform(bool is_wanted) noexcept {
        try {
            work(is_wanted);
        } catch (...) {
        }
    }
};

// Guarded by the pool's mutex.
struct blocking_service::lane_state {
    blocking_lane lane{};
    std::deque<std::shared_ptr<job>> jobs;
    std::vector<std::shared_ptr<job>> running;
    std::condition_variable changed;
    std::size_t idle = 0;
    blocking_counters counts;  // `queued` and `running` apart

    std::size_t active() const noexcept { return counts.threads - counts.abandoned; }
    bool may_grow() const noexcept {
        return active() < max_active(lane) && counts.threads < max_active(lane) + max_abandoned;
    }
    blocking_counters counters() const noexcept {
        auto all = counts;
        all.queued = jobs.size();
        all.running = running.size();
        return all;
    }
};

// The only object in the library that threads share; everything in it is guarded by `mutex`.
struct blocking_service::pool : std::enable_shared_from_this<pool> {
    mutable std::mutex mutex;
    std::condition_variable gone;
    std::array<lane_state, blocking_lane_count> lanes;
    std::size_t threads = 0;
    bool is_closed = false;
    loop_meter* meter;  // for the loop only

    explicit pool(loop_meter& of_the_loop) : meter(&of_the_loop) {
        for (std::size_t i = 0; i < lanes.size(); ++i) {
            lanes[i].lane = static_cast<blocking_lane>(i);
            lanes[i].running.reserve(max_active(lanes[i].lane) + max_abandoned);  // its threads must not need memory
        }
    }

    lane_state& of(blocking_lane lane) noexcept { return lanes[static_cast<std::size_t>(lane)]; }

    bool enqueue(const std::shared_ptr<job>& item) {
        std::lock_guard lock(mutex);
        auto& in = of(item->lane);
        bool is_taken = !is_closed && in.jobs.size() < max_queued && take(in, item);
        if (!is_taken) ++in.counts.refused;
        return is_taken;
    }

    bool take(lane_state& in, const std::shared_ptr<job>& item) {
        in.jobs.push_back(item);
        if (in.idle >= in.jobs.size()) {
            in.changed.notify_one();
            return true;
        }
        if (in.may_grow() && start_thread(in)) return true;
        // A thread at work will get to it; but a rescue must not wait for one.
        if (in.lane != blocking_lane::rescue && in.active() > 0) return true;
        in.jobs.pop_back();
        return false;
    }

    bool start_thread(lane_state& in) noexcept try {
        auto started = worker_thread::start([self = shared_from_this(), &in] { self->serve(in); });
        if (!started) return false;  // out of pids or memory
        started->detach();
        ++in.counts.threads;
        ++threads;
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }

    void serve(lane_state& in) {
        block_asynchronous_signals();
        std::unique_lock lock(mutex);
        while (in.active() <= max_active(in.lane)) {  // more: while an abandoned job ran, another took its place
            if (in.jobs.empty()) {
                ++in.idle;
                in.changed.wait_for(lock, idle_limit, [&] { return is_closed || !in.jobs.empty(); });
                --in.idle;
            }
            if (in.jobs.empty()) break;
            perform_next(in, lock);
        }
        --in.counts.threads;
        --threads;
        gone.notify_all();
    }

    void perform_next(lane_state& in, std::unique_lock<std::mutex>& lock) {
        auto item = std::move(in.jobs.front());
        in.jobs.pop_front();
        item->now = job::stage::running;
        item->begun = steady::now();
        in.running.push_back(item);
        lock.unlock();
        item->perform(true);
        lock.lock();
        bool is_wanted = item->now == job::stage::running;
        item->now = job::stage::finished;
        lock.unlock();
        if (!is_wanted) item->perform(false);
        item->work = nullptr;
        if (is_wanted) item->tell(*meter);
        lock.lock();
        if (!is_wanted) --in.counts.abandoned;
        std::erase(in.running, item);
        ++in.counts.done;
    }

    // True: nobody gets the result. False: it is there.
    bool abandon(const std::shared_ptr<job>& item) noexcept {
        std::lock_guard lock(mutex);
        auto& in = of(item->lane);
        if (item->now == job::stage::finished) return false;
        if (item->now == job::stage::queued) {
            std::erase(in.jobs, item);
            item->now = job::stage::abandoned;
        } else if (item->now == job::stage::running) {
            item->now = job::stage::abandoned;
            ++in.counts.abandoned;
            if (!is_closed && in.jobs.size() > in.idle && in.may_grow()) start_thread(in);
        }
        return true;
    }
};

std::string_view name_of(blocking_lane lane) noexcept {
    constexpr std::array<std::string_view, blocking_lane_count> names = {"kernel-writes", "mounts", "hotplug",
                                                                         "files",         "copies", "rescue"};
    return names[static_cast<std::size_t>(lane)];
}

blocking_service::blocking_service(asio::execution_context& context)
    : asio::execution_context::service(context),
      pool_(std::make_shared<pool>(asio::use_service<loop_meter>(context))) {}

blocking_service::~blocking_service() = default;

void blocking_service::shutdown() noexcept {
    std::array<std::deque<std::shared_ptr<job>>, blocking_lane_count> dropped;
    std::unique_lock lock(pool_->mutex);
    pool_->is_closed = true;
    for (std::size_t i = 0; i < dropped.size(); ++i) {
        dropped[i].swap(pool_->lanes[i].jobs);
        pool_->lanes[i].changed.notify_all();
    }
    // Threads post to the context: it may not go before them. A job that hangs in the kernel holds this up, which
    // only matters to an embedder; PID 1 never destroys its context.
    pool_->gone.wait(lock, [this] { return pool_->threads == 0; });
}

// A job and the coroutine that waits for it. Whatever ends the coroutine, the job is not waited for any more.
class blocking_service::submission {
public:
    submission(std::shared_ptr<pool> to, std::shared_ptr<job> item)
        : pool_(std::move(to)), item_(std::move(item)), sleep_(item_->loop, clock::time_point::max()) {
        item_->waiting->sleep = &sleep_;
    }
    ~submission() {
        item_->waiting->sleep = nullptr;
        if (is_pending_) pool_->abandon(item_);
    }
    submission(const submission&) = delete;
    submission& operator=(const submission&) = delete;

    bool begin() { return is_pending_ = pool_->enqueue(item_); }

    // Ends when the job has been told, or early when it is cancelled.
    auto wait() { return sleep_.async_wait(as_tuple_awaitable); }

    job_end end() {
        is_pending_ = false;
        bool is_lost = !item_->waiting->is_told && pool_->abandon(item_);
        return is_lost ? job_end::cancelled : job_end::done;
    }

private:
    std::shared_ptr<pool> pool_;
    std::shared_ptr<job> item_;
    timer sleep_;
    bool is_pending_ = false;
};

awaitable<blocking_service::job_end> blocking_service::submit(blocking_lane lane, std::string what,
                                                              work_function work) {
    auto ex = co_await asio::this_coro::executor;
    submission mine(pool_, std::make_shared<job>(lane, std::move(what), std::move(work), ex));
    bool is_begun = mine.begin();
    if (!is_begun) co_return job_end::refused;
    co_await mine.wait();
    co_return mine.end();
}

error blocking_service::failure_of(job_end end) {
    if (end == job_end::refused) {
        return error(errc::resource_exhausted,
                     "blocking operation refused: too many wait, or no thread can be started");
    }
    if (end == job_end::cancelled) return error(errc::cancelled, "blocking operation");
    return error(errc::internal, "blocking operation failed without a result");
}

blocking_counters blocking_service::counters(blocking_lane lane) const noexcept {
    std::lock_guard lock(pool_->mutex);
    return pool_->of(lane).counters();
}

blocking_counters blocking_service::counters() const noexcept {
    std::lock_guard lock(pool_->mutex);
    blocking_counters sum;
    for (const auto& lane : pool_->lanes) {
        auto one = lane.counters();
        sum.done += one.done;
        sum.refused += one.refused;
        sum.queued += one.queued;
        sum.running += one.running;
        sum.abandoned += one.abandoned;
        sum.threads += one.threads;
    }
    return sum;
}

std::vector<blocking_job> blocking_service::older_than(steady::duration age, std::size_t limit) const {
    std::vector<blocking_job> found;
    auto now = steady::now();
    {
        std::lock_guard lock(pool_->mutex);
        for (const auto& lane : pool_->lanes) {
            for (const auto& item : lane.running) {
                if (now - item->begun >= age) found.push_back(blocking_job{lane.lane, item->what, now - item->begun});
            }
        }
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.age > b.age; });
    if (found.size() > limit) found.resize(limit);
    return found;
}

}  // namespace vminit
