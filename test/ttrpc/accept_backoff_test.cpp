// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/accept_backoff.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

using namespace vminit;
using namespace vminit::ttrpc;
using namespace std::chrono_literals;

TEST_CASE("the back-off doubles from 1 ms to 1 s and starts over after a success", "[ttrpc]") {
    accept_backoff backoff;
    CHECK(backoff.next(1023) == 1ms);
    CHECK(backoff.next(1023) == 2ms);
    CHECK(backoff.next(0) == 2ms);
    for (int i = 0; i < 20; ++i) backoff.next(5);
    CHECK(backoff.next(1023) == 1s);
    CHECK(backoff.next(0) == 500ms);
    backoff.reset();
    CHECK(backoff.next(1023) == 1ms);
}

TEST_CASE("a failed accept is tried again, put off or fatal", "[ttrpc]") {
    auto verdict = [](int value) { return classify_accept_failure(error_code(value, boost::system::system_category())); };
    CHECK(verdict(EAGAIN) == accept_failure::none_waiting);
    CHECK(verdict(ECONNABORTED) == accept_failure::try_again);
    for (int value : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) CHECK(verdict(value) == accept_failure::back_off);
    for (int value : {EBADF, EINVAL, ENOTSOCK}) CHECK(verdict(value) == accept_failure::fatal);
}
