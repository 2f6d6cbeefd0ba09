#include "vminit/core/blocking.hpp"

#include <signal.h>

#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "vminit/core/loop_meter.hpp"
#include "vminit/core/worker_thread.hpp"

namespace vminit {

namespace {

using steady = std::chrono::steady_clock;

constexpr auto idle_limit = std::chrono::seconds(2);

// Signals are for the loop's thread (signal_set) and the fatal handlers; a pool thread takes none that is asynchronous.
void block_asynchronous_signals() {
    sigset_t all;
    sigfillset(&all);
    for (int synchronous : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) sigdelset(&all, synchronous);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace

struct blocking_service::job {
    // The loop's alone, whoever holds it: the handler may only be called and destroyed there.
    struct waiter {
        using completion = asio::any_completion_handler<void(job_end)>;
        waiter(completion handler, executor loop) : done(std::in_place, std::move(handler)), guard(loop) {}
        void complete(job_end end) {
            if (!done) return;
            auto handler = std::move(*done);
            done.reset();
            guard.reset();
            std::move(handler)(end);
        }
        std::optional<completion> done;
        asio::executor_work_guard<executor> guard;  // the loop must not run dry while somebody waits
    };
    enum class stage { queued, running, abandoned, finished };

    job(blocking_lane where, std::string name, work_function todo, executor of_waiter)
        : lane(where), what(std::move(name)), work(std::move(todo)), loop(of_waiter) {}

    blocking_lane lane;
    std::string what;
    work_function work;
    executor loop;
    std::shared_ptr<waiter> waiting;
    stage now = stage::queued;  // guarded by the pool's mutex
    steady::time_point begun{};

    // The result is there (or was lost in a throw) before the handler is posted, so the loop reads it race-free.
    void tell(loop_meter& meter) {
        // The real clock: a test's may only be read by its own thread.
        auto finished = steady::now();
        asio::post(loop, [waiting = std::move(waiting), finished, &meter] {
            meter.record(steady::now() - finished);
            waiting->complete(job_end::done);
        });
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
        for (std::size_t i = 0; i < lanes.size(); ++i) lanes[i].lane = static_cast<blocking_lane>(i);
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

    bool start_thread(lane_state& in) {
        auto started = worker_thread::start([self = shared_from_this(), &in] { self->serve(in); });
        if (!started) return false;  // out of pids or memory
        started->detach();
        ++in.counts.threads;
        ++threads;
        return true;
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

    // On the loop. The job will not complete the waiter any more; false: it already does.
    bool abandon(const std::shared_ptr<job>& item) {
        std::lock_guard lock(mutex);
        auto& in = of(item->lane);
        if (item->now == job::stage::queued) return std::erase(in.jobs, item) > 0;
        if (item->now != job::stage::running) return false;
        item->now = job::stage::abandoned;
        ++in.counts.abandoned;
        if (in.jobs.size() > in.idle && in.may_grow()) start_thread(in);
        return true;
    }
};

std::string_view name_of(blocking_lane lane) noexcept {
    constexpr std::array<std::string_view, blocking_lane_count> names = {"kernel-writes", "mounts", "hotplug", "files",
                                                                         "rescue"};
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

awaitable<blocking_service::job_end> blocking_service::submit(blocking_lane lane, std::string what,
                                                              work_function work) {
    auto ex = co_await asio::this_coro::executor;
    auto item = std::make_shared<job>(lane, std::move(what), std::move(work), ex);
    auto initiate = [](auto handler, std::shared_ptr<pool> target, std::shared_ptr<job> what_to_do) {
        auto slot = asio::get_associated_cancellation_slot(handler);
        auto waiting = std::make_shared<job::waiter>(std::move(handler), what_to_do->loop);
        what_to_do->waiting = waiting;
        if (!target->enqueue(what_to_do)) {
            return asio::post(what_to_do->loop, [waiting] { waiting->complete(job_end::refused); });
        }
        if (!slot.is_connected()) return;
        // Weak: the handler owns the slot, and the job the handler.
        slot.assign([pool = std::weak_ptr(target), weak = std::weak_ptr(what_to_do), waiter = std::weak_ptr(waiting)](
                        asio::cancellation_type) {
            auto from = pool.lock();
            auto given_up = weak.lock();
            auto woken = waiter.lock();
            if (!from || !given_up || !woken || !from->abandon(given_up)) return;
            asio::post(given_up->loop, [woken] { woken->complete(job_end::cancelled); });
        });
    };
    co_return co_await asio::async_initiate<decltype(use_awaitable), void(job_end)>(initiate, use_awaitable, pool_,
                                                                                   std::move(item));
}

error blocking_service::failure_of(job_end end) {
    if (end == job_end::refused) {
        return error(errc::resource_exhausted, "blocking operation refused: too many wait, or no thread can be started");
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
