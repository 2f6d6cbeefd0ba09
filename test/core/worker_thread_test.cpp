// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/worker_thread.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <utility>

using namespace vminit;

TEST_CASE("a worker thread does its work on a small stack, and join waits for it", "[core]") {
    std::promise<void> gate;
    std::size_t size = 0;
    auto work = [&, open = gate.get_future().share()] {
        open.wait();
        pthread_attr_t attributes;
        void* lowest = nullptr;
        if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) return;
        ::pthread_attr_getstack(&attributes, &lowest, &size);
        ::pthread_attr_destroy(&attributes);
    };
    auto thread = worker_thread::start(work);
    REQUIRE(thread);
    gate.set_value();
    thread->join();
    CHECK(size == worker_thread::stack_size);
    thread->join();  // nothing any more
}

TEST_CASE("a worker thread's end is awaited by whoever holds it last", "[core]") {
    std::atomic<int> done = 0;
    {
        worker_thread holder;
        for (int i = 0; i < 3; ++i) {
            auto started = worker_thread::start([&] { ++done; });
            REQUIRE(started);
            holder = std::move(*started);
            CHECK(done >= i);
        }
        auto last = std::move(holder);
    }
    CHECK(done == 3);
}

TEST_CASE("a detached worker thread goes its own way", "[core]") {
    std::promise<void> done;
    auto started = worker_thread::start([&] { done.set_value(); });
    REQUIRE(started);
    started->detach();
    started->join();
    done.get_future().wait();
}
