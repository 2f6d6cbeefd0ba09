// SPDX-License-Identifier: Apache-2.0
#include "process/io_stat.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace vminit::process {

namespace {
using entries = std::vector<io_entry>;
}

TEST_CASE("io.stat has an entry a device", "[cgroup]") {
    CHECK(parse_io_stat("253:0 rbytes=4096 wbytes=1 rios=2 wios=3 dbytes=4 dios=5\n253:16 rbytes=8\n") ==
          entries{{253, 0, 4096, 1, 2, 3}, {253, 16, 8, 0, 0, 0}});
    CHECK(parse_io_stat("").empty());
}

TEST_CASE("lines of io.stat without a pair are skipped", "[cgroup]") {
    CHECK(parse_io_stat("8:0\n8:16 \n\nrubbish\n8:32 rubbish\n8:48 rios=1\n") == entries{{8, 48, 0, 0, 1, 0}});
}

TEST_CASE("a bad device number ends io.stat", "[cgroup]") {
    for (auto bad : {"8 rios=2", "a:0 rios=2", "8:b rios=2", ":0 rios=2", "8: rios=2", "8:0:0 rios=2", "-8:0 rios=2",
                     "(unknown) rios=2"}) {
        CAPTURE(bad);
        CHECK(parse_io_stat("7:0 rios=1\n" + std::string(bad) + "\n9:0 rios=3\n") == entries{{7, 0, 0, 0, 1, 0}});
    }
}

TEST_CASE("a bad value in io.stat leaves its key at zero", "[cgroup]") {
    CHECK(parse_io_stat("8:0 rbytes=x wbytes=-1 rios=1=2 wios=4 =5 rbytes= cost.usage=9\n") ==
          entries{{8, 0, 0, 0, 0, 4}});
}

TEST_CASE("of several devices on a line of io.stat the last had the I/O", "[cgroup]") {
    CHECK(parse_io_stat("7:7 7:6 253:0 rbytes=512 rios=1 9:9\n") == entries{{253, 0, 512, 0, 1, 0}});
}

TEST_CASE("io.stat is bounded", "[cgroup]") {
    std::string text;
    for (std::size_t device = 0; device < max_io_entries + 10; ++device) {
        text += "8:" + std::to_string(device) + " rios=1\n";
    }
    auto found = parse_io_stat(text);
    CHECK(found.size() == max_io_entries);
    CHECK(found.back().minor == max_io_entries - 1);
}

}  // namespace vminit::process
