// SPDX-License-Identifier: Apache-2.0
#include "vminit/streams/copier.hpp"

#include <unistd.h>

#include <string>

#include "process/failing_call.hpp"
#include "process/stdio_end.hpp"
#include "support/io_fixture.hpp"
#include "support/no_memory.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::streams;
using test::failing_call;
using test::no_memory;

namespace {

struct copier_fixture : test::io_fixture {
    std::shared_ptr<stdio_end> adopt(unique_fd fd) {
        return stdio_end::adopt(ex(), std::move(fd), end_kind::pipe).value();
    }

    copier_fixture() {
        source = adopt(std::move(from.read_end));
        target = adopt(std::move(to.write_end));
    }

    void feed(std::string_view bytes) { REQUIRE(syscalls::write_all(from.write_end.get(), bytes, "source")); }

    std::string taken(std::size_t limit = 1 << 20) {
        std::string text(limit, ' ');
        auto count = ::read(to.read_end.get(), text.data(), limit);
        text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return text;
    }

    syscalls::pipe_pair from = syscalls::pipe().value();
    syscalls::pipe_pair to = syscalls::pipe(O_NONBLOCK).value();
    std::shared_ptr<stdio_end> source;
    std::shared_ptr<stdio_end> target;
    std::shared_ptr<copy_buffer> buffer = std::make_shared<copy_buffer>();
};

std::string numbered(std::size_t size) {
    std::string text;
    for (std::size_t i = 0; text.size() < size; ++i) text += std::to_string(i) + ",";
    text.resize(size);
    return text;
}

}  // namespace

TEST_CASE_METHOD(copier_fixture, "bytes go through as they are", "[process]") {
    copier moving(source, target, buffer);
    CHECK(moving.step() == copy_outcome::source_empty);
    feed("some bytes");
    CHECK(moving.step() == copy_outcome::drained);
    CHECK(taken() == "some bytes");
    CHECK(moving.moved() == 10);
    feed(numbered(65536));
    CHECK(moving.step() == copy_outcome::moved);
    CHECK(taken() == numbered(65536));
    CHECK(moving.step() == copy_outcome::source_empty);
    from.write_end.reset();
    CHECK(moving.step() == copy_outcome::source_ended);
}

TEST_CASE_METHOD(copier_fixture, "what a full target does not take is kept, and nothing more is read", "[process]") {
    copier moving(source, target, buffer);
    auto first = numbered(65536);
    auto second = numbered(40000);
    feed(first);
    CHECK(moving.step() == copy_outcome::moved);
    feed(second);
    CHECK(moving.step() == copy_outcome::target_full);
    CHECK(moving.kept() == second.size());
    CHECK(source->pending() == 0);
    feed("third");
    CHECK(moving.step() == copy_outcome::target_full);
    CHECK(source->pending() == 5);

    std::string all = taken(10000);
    while (moving.kept() > 0) {
        moving.step();
        all += taken(4096);
    }
    CHECK(moving.step() == copy_outcome::drained);
    for (auto more = taken(); !more.empty(); more = taken()) all += more;
    CHECK(all == first + second + "third");
    CHECK(moving.moved() == all.size());
}

TEST_CASE_METHOD(copier_fixture, "a broken target is told with its reason, and bytes are dropped when told to",
                 "[process]") {
    ::signal(SIGPIPE, SIG_IGN);
    copier moving(source, target, buffer);
    feed("lost");
    to.read_end.reset();
    CHECK(moving.step() == copy_outcome::target_broken);
    CHECK(moving.failure() == error_code(EPIPE, boost::system::system_category()));
    CHECK(moving.kept() == 4);
    moving.discard();
    CHECK(moving.kept() == 0);
    CHECK(moving.moved() == 4);
    feed("more");
    CHECK(moving.step() == copy_outcome::moved);
    CHECK(moving.moved() == 8);
    from.write_end.reset();
    CHECK(moving.step() == copy_outcome::source_ended);
}

TEST_CASE_METHOD(copier_fixture, "a write for which the kernel has no memory is tried again in smaller pieces",
                 "[process]") {
    copier moving(source, target, buffer);
    auto sent = numbered(40000);
    feed(sent);
    {
        failing_call no_memory("write", GENERATE(ENOMEM, ENOBUFS), 1);
        CHECK(moving.step() == copy_outcome::no_memory);
    }
    CHECK(moving.kept() == sent.size());
    CHECK(moving.step() == copy_outcome::moved);
    CHECK(moving.moved() == copier::small_piece);
    while (moving.kept() > 0) CHECK(moving.step() == copy_outcome::moved);
    CHECK(taken() == sent);
    feed(sent);
    CHECK(moving.step() == copy_outcome::drained);
    CHECK(moving.kept() == 0);
}

TEST_CASE_METHOD(copier_fixture, "no byte is lost for want of memory", "[process]") {
    copier moving(source, target, buffer);
    feed("first");
    auto step_without_memory = [&] {
        no_memory at_all;  // not for the assertion, which takes some
        return moving.step();
    };
    CHECK(step_without_memory() == copy_outcome::no_memory);
    CHECK(moving.step() == copy_outcome::drained);
    CHECK(taken() == "first");
    auto fill = numbered(65536);
    feed(fill);
    CHECK(moving.step() == copy_outcome::moved);
    feed("kept");
    CHECK(step_without_memory() == copy_outcome::target_full);
    CHECK(moving.kept() == 4);
    // The buffer that all share is kept for it: others have another.
    auto others = copier(source, target, buffer);
    feed("next");
    CHECK(others.step() == copy_outcome::target_full);
    CHECK(taken() == fill);
    CHECK(moving.step() == copy_outcome::moved);
    CHECK(others.step() == copy_outcome::moved);
    CHECK(taken() == "keptnext");
}
