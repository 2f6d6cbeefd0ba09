// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/kmsg_profile.hpp"

#include <catch2/catch.hpp>

using namespace vminit::system;

TEST_CASE("initcalls are summed and listed by cost", "[kmsg]") {
    kmsg_profile profile;
    profile.add("6,100,2000,-;initcall cheap+0x0/0x10 returned 0 after 7 usecs\n SUBSYSTEM=x\n");
    profile.add("6,101,3000,-;initcall dear+0x0/0x20 [mod] returned -19 after 12345678 usecs\n");
    profile.add("6,102,4000,-;initcall middle returned 0 after 100 usecs");
    REQUIRE(profile.lines().size() == 4);
    CHECK(profile.lines()[0] == "KMSG_PROFILE initcalls=3 sum_us=12345785 last_ts_us=4000");
    CHECK(profile.lines()[1] == "KMSG_PROFILE 12345678 us  dear+0x0/0x20 [mod]");
    CHECK(profile.lines()[2] == "KMSG_PROFILE      100 us  middle");
    CHECK(profile.lines()[3] == "KMSG_PROFILE        7 us  cheap+0x0/0x10");
}

TEST_CASE("other records do not count", "[kmsg]") {
    kmsg_profile profile;
    auto record = GENERATE(as<std::string>{}, "", "no header", "6,1,2,-;calling  x @ 1",
                           "6,1,2,-;initcall x returned 0", "6,1,2,-;text\n initcall x returned 0 after 1 usecs",
                           "6,1,2,-;initcall x after 1 usecs", "6,1,2,-; initcall x returned 0 after 1 usecs");
    profile.add(record);
    CHECK(profile.initcalls() == 0);
    CHECK(profile.lines().empty());
}

TEST_CASE("a record whose header is short counts with time 0", "[kmsg]") {
    kmsg_profile profile;
    profile.add("6,1;initcall x returned 0 after 5 usecs");
    CHECK(profile.lines()[0] == "KMSG_PROFILE initcalls=1 sum_us=5 last_ts_us=0");
}

TEST_CASE("only the 25 dearest are listed, equal ones in the order they came", "[kmsg]") {
    kmsg_profile profile;
    for (int number = 0; number < 40; ++number) {
        profile.add("6,1,2,-;initcall n" + std::to_string(number) + " returned 0 after " + std::to_string(number / 2) +
                    " usecs");
    }
    auto lines = profile.lines();
    REQUIRE(lines.size() == 1 + kmsg_profile::max_listed);
    CHECK(lines[1] == "KMSG_PROFILE       19 us  n38");
    CHECK(lines[2] == "KMSG_PROFILE       19 us  n39");
    CHECK(lines[25] == "KMSG_PROFILE        7 us  n14");
}

TEST_CASE("a kernel log that cannot be read is an error", "[kmsg]") {
    CHECK_FALSE(read_kmsg_profile("/nonexistent/kmsg"));
    CHECK(read_kmsg_profile("/dev/null")->initcalls() == 0);
}
