// SPDX-License-Identifier: Apache-2.0
#include "vmm/console_reader.hpp"

#include <catch2/catch.hpp>

#include "support/io_fixture.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace vminit::vmm;

namespace {

struct console : io_fixture {
    console() {
        auto pair = ttrpc::connected_pair(ex());
        REQUIRE(pair);
        guest = std::move(pair->second);
        reader = std::make_unique<console_reader>(ctx, std::move(pair->first));
    }
    void print(std::string_view text) {
        REQUIRE(syscalls::write_all(guest.get(), text, "console"));
        poll();
    }

    unique_fd guest;
    std::unique_ptr<console_reader> reader;
};

}  // namespace

TEST_CASE_METHOD(console, "a line that is waited for may have come before, or come in pieces", "[vmm]") {
    print("one\r\ntwo phase=se");
    SECTION("before") { CHECK(run(reader->wait_for("one"))); }
    SECTION("in pieces") {
        print("rve\r\n");
        CHECK(run(reader->wait_for("phase=serve")));
    }
    SECTION("never") {
        guest = unique_fd();
        CHECK_FALSE(run(reader->wait_for("three")));
    }
}

TEST_CASE_METHOD(console, "the last lines are kept, within bounds", "[vmm]") {
    for (int line = 0; line < 150; ++line) print("line " + std::to_string(line) + "\r\n");
    print("unfinished");
    CHECK(reader->last_lines(2) == "line 148\nline 149\nunfinished");
    auto all = reader->last_lines(1000);
    CHECK(all.starts_with("line 50\n"));
    print("\n" + std::string(5000, 'x') + "\n");
    CHECK(reader->last_lines(1) == std::string(console_reader::longest_line, 'x') + "\n");
}
