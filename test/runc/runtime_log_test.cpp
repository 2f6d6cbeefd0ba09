#include "runc/runtime_log.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::runc;

namespace {

const std::string crun_error =
    "{\"msg\":\"crun's error\",\"level\":\"error\",\"time\":\"2026-11-23T10:38:14.325490Z\"}\n";
const std::string runc_error = "{\"level\":\"error\",\"msg\":\"runc's error\",\"time\":\"2026-11-23T10:39:56Z\"}\n";
const std::string debug = "{\"level\":\"debug\",\"msg\":\"an error, it says\"}\n";
const std::string fatal = "{\"level\":\"fatal\",\"msg\":\"nsexec-1: error context\"}\n";

}  // namespace

TEST_CASE("the last record of level error counts", "[runc]") {
    CHECK(last_logged_error("") == std::nullopt);
    CHECK(last_logged_error(debug + fatal) == std::nullopt);
    CHECK(last_logged_error(crun_error + debug + fatal) == "crun's error");
    CHECK(last_logged_error(crun_error + runc_error) == "runc's error");
    CHECK(last_logged_error(runc_error + crun_error + debug) == "crun's error");
    CHECK(last_logged_error(runc_error.substr(0, runc_error.size() - 1)) == "runc's error");
}

TEST_CASE("what is no record of an error is skipped", "[runc]") {
    auto noise = GENERATE(as<std::string>(), "not json, no error\n", "{\"level\":\"error\",\"msg\":\"cut", "\n\n",
                          "[\"error\"]\n", "{\"level\":\"error\"}\n", "{\"level\":\"error\",\"msg\":5}\n",
                          "{\"msg\":\"error without level\"}\n", std::string("\0\xff error\n", 9));
    CHECK(last_logged_error(runc_error + noise) == "runc's error");
    CHECK(last_logged_error(noise) == std::nullopt);
}

TEST_CASE("a record's time is not looked at and its message is trimmed", "[runc]") {
    CHECK(last_logged_error("{\"level\":\"error\",\"msg\":\"  spaced\\n\",\"time\":\"yesterday\"}\n") == "spaced");
}

TEST_CASE("only what is appended after the mark counts", "[runc]") {
    test::temporary_directory directory;
    auto path = directory.path("log.json");
    SECTION("no log, now or later") { CHECK(log_mark(path).last_error() == std::nullopt); }
    SECTION("a log that begins afterwards") {
        log_mark mark(path);
        REQUIRE(replace_file(path, runc_error, 0600));
        CHECK(mark.last_error() == "runc's error");
    }
    SECTION("an older error is somebody else's") {
        REQUIRE(replace_file(path, runc_error, 0600));
        log_mark mark(path);
        CHECK(mark.last_error() == std::nullopt);
        REQUIRE(replace_file(path, runc_error + debug, 0600));
        CHECK(mark.last_error() == std::nullopt);
        REQUIRE(replace_file(path, runc_error + debug + crun_error, 0600));
        CHECK(mark.last_error() == "crun's error");
    }
    SECTION("a log that has been emptied meanwhile is all new") {
        REQUIRE(replace_file(path, runc_error + runc_error, 0600));
        log_mark mark(path);
        REQUIRE(replace_file(path, crun_error, 0600));
        CHECK(mark.last_error() == "crun's error");
    }
    SECTION("no more than the tail is read") {
        log_mark mark(path);
        REQUIRE(replace_file(path, crun_error + std::string(max_log_tail, 'x') + "\n" + debug, 0600));
        CHECK(mark.last_error() == std::nullopt);
        REQUIRE(replace_file(path, std::string(max_log_tail, 'x') + "\n" + crun_error + debug, 0600));
        CHECK(mark.last_error() == "crun's error");
    }
}

TEST_CASE("a log is emptied when it is longer than it may be", "[runc]") {
    test::temporary_directory directory;
    auto path = directory.path("log.json");
    rotate_log(path);
    CHECK_FALSE(std::filesystem::exists(path));
    REQUIRE(replace_file(path, std::string(max_idle_log, 'x'), 0600));
    rotate_log(path);
    CHECK(std::filesystem::file_size(path) == max_idle_log);
    REQUIRE(replace_file(path, std::string(max_idle_log + 1, 'x'), 0600));
    rotate_log(path);
    CHECK(std::filesystem::file_size(path) == 0);
}
