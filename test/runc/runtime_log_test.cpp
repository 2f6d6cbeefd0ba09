// SPDX-License-Identifier: Apache-2.0
#include "runc/runtime_log.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>

#include <filesystem>
#include <optional>

#include "support/descriptor_guard.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;
using namespace vminit::runc;

namespace {

const std::string crun_error =
    "{\"msg\":\"crun's error\",\"level\":\"error\",\"time\":\"2026-11-23T10:38:14.325490Z\"}\n";
const std::string runc_error = "{\"level\":\"error\",\"msg\":\"runc's error\",\"time\":\"2026-11-23T10:39:56Z\"}\n";
const std::string debug = "{\"level\":\"debug\",\"msg\":\"an error, it says\"}\n";
const std::string fatal = "{\"level\":\"fatal\",\"msg\":\"nsexec-1: error context\"}\n";

// As runtimes do.
void append(const std::string& path, const std::string& text) {
    auto file = syscalls::open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    REQUIRE(file);
    REQUIRE(syscalls::write_all(file->get(), text, path));
}

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

TEST_CASE("each log is a file of its own, written to by its path", "[runc]") {
    auto log = runtime_log::create().value();
    auto other = runtime_log::create().value();
    CHECK(log.last_error() == std::nullopt);
    append(log.path(), runc_error);
    append(other.path(), debug);
    CHECK(log.last_error() == "runc's error");
    CHECK(other.last_error() == std::nullopt);
    append(log.path(), crun_error);
    CHECK(log.last_error() == "crun's error");
}

TEST_CASE("no more than the tail of a log is read", "[runc]") {
    auto log = runtime_log::create().value();
    append(log.path(), crun_error + std::string(max_log_tail - debug.size() - 1, 'x') + "\n" + debug);
    CHECK(log.last_error() == std::nullopt);
    append(log.path(), runc_error + debug);
    CHECK(log.last_error() == "runc's error");
}

TEST_CASE_METHOD(test::descriptor_guard, "a log is gone with its object, its writers keep theirs", "[runc]") {
    std::optional<runtime_log> log = runtime_log::create().value();
    auto path = log->path();
    auto writer = syscalls::open(path, O_WRONLY | O_APPEND | O_CREAT, 0600).value();
    log.reset();
    CHECK(syscalls::write_all(writer.get(), debug, path));
    CHECK_FALSE(std::filesystem::exists(path));
}
