// SPDX-License-Identifier: Apache-2.0
#include "runc/output_capture.hpp"

#include <catch2/catch.hpp>
#include <csignal>

#include "support/io_fixture.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;
using namespace vminit::runc;
using test::io_fixture;

namespace {

// Writes all of `text`, letting the loop read whenever the pipe is full.
void feed(io_fixture& fixture, const unique_fd& end, std::string_view text) {
    while (!text.empty()) {
        auto piece = text.substr(0, 4096);
        REQUIRE(syscalls::write_all(end.get(), piece, "pipe"));
        text.remove_prefix(piece.size());
        fixture.poll();
    }
}

}  // namespace

TEST_CASE_METHOD(io_fixture, "what is written before and after the last read is captured", "[runc]") {
    auto capture = std::make_shared<output_capture>(ex(), 100, capture_part::tail);
    auto end = capture->start().value();
    feed(*this, end, "one ");
    REQUIRE(syscalls::write_all(end.get(), "two", "pipe"));
    CHECK(capture->finish() == "one two");
    CHECK_FALSE(capture->is_truncated());
}

TEST_CASE_METHOD(io_fixture, "a holder of the pipe cannot make the end wait", "[runc]") {
    auto capture = std::make_shared<output_capture>(ex(), 100, capture_part::tail);
    auto end = capture->start().value();
    poll();
    CHECK(capture->finish().empty());  // `end` is still open
    poll();                            // and what was pending is harmless
}

TEST_CASE_METHOD(io_fixture, "an output longer than the limit keeps the part that counts", "[runc]") {
    std::string text;
    for (int i = 0; text.size() < 100000; ++i) text += std::to_string(i) + " ";
    auto part = GENERATE(capture_part::head, capture_part::tail);
    auto capture = std::make_shared<output_capture>(ex(), 1000, part);
    auto end = capture->start().value();
    feed(*this, end, text);
    auto expected = part == capture_part::head ? text.substr(0, 1000) : text.substr(text.size() - 1000);
    CHECK(capture->finish() == expected);
    CHECK(capture->is_truncated());
}

TEST_CASE_METHOD(io_fixture, "an output of exactly the limit is whole", "[runc]") {
    auto part = GENERATE(capture_part::head, capture_part::tail);
    auto capture = std::make_shared<output_capture>(ex(), 5, part);
    auto end = capture->start().value();
    feed(*this, end, "12345");
    CHECK(capture->finish() == "12345");
    CHECK_FALSE(capture->is_truncated());
}

TEST_CASE_METHOD(io_fixture, "a capture may go while it waits", "[runc]") {
    auto capture = std::make_shared<output_capture>(ex(), 5, capture_part::head);
    auto end = capture->start().value();
    poll();
    capture.reset();
    poll();
    auto before = std::signal(SIGPIPE, SIG_IGN);
    CHECK_FALSE(syscalls::write_all(end.get(), "x", "pipe"));  // nobody reads
    std::signal(SIGPIPE, before);
}
