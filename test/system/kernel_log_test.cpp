// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/kernel_log.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

#include "support/fake_kernel_log.hpp"
#include "support/io_fixture.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using namespace vminit::system;

namespace {

struct kernel_log_fixture : test::io_fixture {
    ~kernel_log_fixture() { syscalls::set_fault_hook(nullptr); }
    std::string next() {
        auto record = log.next();
        if (!record) return record.error().message();
        return *record ? (*record)->text : "-";
    }

    test::fake_kernel_log file;
    kernel_log log = kernel_log::open(ex(), file.path()).value();
};

}  // namespace

TEST_CASE("a record of /dev/kmsg is read", "[kmsg]") {
    auto record = parse_kernel_record("30,1234,5678901,-;usb 1-1: new\\x0a; device\n SUBSYSTEM=usb\n DEVICE=c1:1\n");
    REQUIRE(record);
    CHECK(record->level == 6);  // 30 is facility 3, level 6
    CHECK(record->sequence == 1234);
    CHECK(record->time_us == 5678901);
    CHECK(record->text == "usb 1-1: new\\x0a; device");
    CHECK(record->lost == 0);
    CHECK_FALSE(parse_kernel_record(""));
    CHECK_FALSE(parse_kernel_record("6,1,2,-"));
    auto cut = parse_kernel_record("x,7;");
    REQUIRE(cut);
    CHECK(cut->level == 0);
    CHECK(cut->sequence == 7);
    CHECK(cut->time_us == 0);
    CHECK(cut->text.empty());
    CHECK(parse_kernel_record("99999999999999999999,1,1,-;x")->level == 0);
}

TEST_CASE_METHOD(kernel_log_fixture, "the kernel's log is read to its end without waiting", "[kmsg]") {
    file.add("6,0,1,-;one\n");
    file.add("no record");
    file.add("6,1,2,-;two\n");
    CHECK(next() == "one");
    CHECK(next() == "two");
    CHECK(next() == "-");
    CHECK_FALSE(log.is_over());
    file.add("6,2,3,-;three\n");
    file.close();
    CHECK(next() == "three");
    CHECK(next() == "-");
    CHECK(log.is_over());
}

TEST_CASE_METHOD(kernel_log_fixture, "what was overwritten before it was read is counted", "[kmsg]") {
    file.add("6,10,1,-;first\n");
    CHECK(log.next().value()->lost == 10);
    static int failures;
    failures = 2;
    syscalls::set_fault_hook([](std::string_view name) { return name == "read" && failures-- > 0 ? EPIPE : 0; });
    file.add("6,15,2,-;later\n");
    auto later = log.next().value();
    CHECK(later->text == "later");
    CHECK(later->lost == 4);
    file.add("6,16,2,-;next\n");
    CHECK(log.next().value()->lost == 0);
    // A kernel that overwrites faster than we read does not keep us.
    failures = 1000;
    CHECK(next() == "-");
    CHECK(failures > 900);
    syscalls::set_fault_hook([](std::string_view name) { return name == "read" ? EIO : 0; });
    CHECK(next() == "read " + file.path() + ": Input/output error");
}

TEST_CASE_METHOD(kernel_log_fixture, "who waits for the kernel's next line is woken by it", "[kmsg]") {
    auto wait = [](kernel_log& target, std::string& text) -> awaitable<void> {
        co_await target.wait();
        text = target.next().value()->text;
    };
    std::string got;
    task_group tasks(ex(), log_of(ctx));
    tasks.spawn("reader", wait(log, got));
    poll();
    CHECK(got.empty());
    file.add("6,0,1,-;now\n");
    pump([&] { return tasks.size() == 0; });
    CHECK(got == "now");
}

TEST_CASE("a kernel's log that is not there is an error", "[kmsg]") {
    test::io_fixture io;
    auto log = kernel_log::open(io.ex(), "/nonexistent/kmsg");
    REQUIRE_FALSE(log);
    CHECK(log.error().message() == "open /nonexistent/kmsg: No such file or directory");
}
