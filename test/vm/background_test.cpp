// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>

#include "client_program.hpp"
#include "observer.hpp"
#include "support/temporary_directory.hpp"
#include "virtual_machine.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::test;
namespace fs = std::filesystem;

// What a person does with a container that runs in the background, with the real client and guest.

namespace {

struct answer {
    int status;
    std::string out;
    std::string err;
};

answer ask(std::vector<std::string> words) {
    client_program client(virtual_machine::shared_address(), std::move(words));
    auto out = client.rest();
    auto status = client.wait();
    return {status, std::move(out), client.complaint()};
}

std::string run_in_background(const std::string& script) {
    auto id = guest::fresh_id();
    auto started = ask({"run", "-d", "--log", "--rootfs", "root", id, "--", "/bin/sh", "-c", script});
    INFO(started.err);
    REQUIRE(started.status == 0);
    return id;
}

}  // namespace

TEST_CASE("a container in the background can be followed, read later and stopped", "[vm]") {
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    auto before = eye.remains();
    auto id = run_in_background("trap 'echo bye; exit 7' TERM; echo up; echo down >&2; while :; do sleep 1; done");
    client_program follower(virtual_machine::shared_address(), {"logs", "-f", id});
    CHECK(follower.read(8) == "up\ndown\n");
    client_program attached(virtual_machine::shared_address(), {"attach", id});
    // It has said nothing yet: when it is asked, so is attach.
    CHECK(ask({"logs", "--tail", "1", id}).out == "down\n");
    auto stopped = ask({"stop", "--json", "--time", "100", id});
    CHECK(stopped.status == 0);
    CHECK(stopped.out.find("\"exit_status\":7") != std::string::npos);
    CHECK(follower.rest() == "bye\n");
    CHECK(follower.wait() == 0);
    CHECK(attached.wait() == 7);
    CHECK(ask({"logs", id}).out == "up\ndown\nbye\n");
    CHECK(ask({"delete", id}).status == 0);
    CHECK(ask({"logs", id}).status == 1);
    CHECK(eye.remains() == before);
}

TEST_CASE("a log that overflows keeps its end and holds back no exit", "[vm]") {
    constexpr std::size_t written = 8 << 20;
    auto id = run_in_background("exec /bin/worker pattern " + std::to_string(written));
    CHECK(ask({"wait", id}).status == 0);
    auto kept = ask({"logs", "--json", id});
    CHECK(kept.out.size() == std::size_t{1} << 20);
    CHECK(kept.err.find("\"lost\":" + std::to_string(written - (1 << 20))) != std::string::npos);
    CHECK(ask({"delete", id}).status == 0);
}

TEST_CASE("a container in the background is typed into, left and typed into again", "[vm]") {
    auto id = guest::fresh_id();
    REQUIRE(ask({"run", "-d", "-i", "--rootfs", "root", id, "--", "/bin/cat"}).status == 0);
    client_program first(virtual_machine::shared_address(), {"attach", "-i", id});
    first.type("one\n");
    CHECK(first.read(4) == "one\n");
    auto refused = ask({"attach", "-i", id});
    CHECK(refused.status == 125);
    CHECK(refused.err.find("somebody is attached to its input") != std::string::npos);
    first.signal(SIGTERM);
    CHECK(first.wait() == 128 + SIGTERM);
    client_program second(virtual_machine::shared_address(), {"attach", "-i", id});
    second.type("two\n");
    CHECK(second.read(4) == "two\n");
    second.close_input();
    CHECK(second.wait() == 0);
    CHECK(ask({"logs", id}).out == "one\ntwo\n");
    CHECK(ask({"delete", id}).status == 0);
}

TEST_CASE("a process runs as the user whose name the image knows", "[vm]") {
    auto id = guest::fresh_id();
    auto whole = "id -u; id -g; id -G; echo $HOME";
    auto ran = ask({"run", "--rootfs", "root", "--user", "nobody", id, "--", "/bin/sh", "-c", whole});
    CHECK(ran.out == "65534\n65534\n65534\n/\n");
    auto unknown = ask({"run", "--rootfs", "root", "--user", "nginx", id, "--", "/bin/true"});
    CHECK(unknown.status == 125);
    CHECK(unknown.err.find("no user \"nginx\" in the container's /etc/passwd") != std::string::npos);
    id = run_in_background("while :; do sleep 1; done");
    CHECK(ask({"exec", "--user", "nobody:tty", id, "--", "/bin/sh", "-c", whole}).out == "65534\n5\n5\n/\n");
    CHECK(ask({"exec", "--user", "nginx", id, "--", "/bin/true"}).status == 125);
    CHECK(ask({"delete", "-f", id}).status == 0);
}

TEST_CASE("files go into a container and come out as they were", "[vm]") {
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    auto before = eye.remains();
    temporary_directory dir;
    fs::create_directories(dir.path("app/sub"));
    std::string big(3 << 20, '\0');
    for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(i * 2654435761U >> 23);
    REQUIRE(replace_file(dir.path("app/sub/big"), big, 0755));
    fs::create_symlink("sub/big", dir.path("app/link"));
    auto id = run_in_background("mkdir /t && mount -t tmpfs none /t && echo ready; while :; do sleep 1; done");
    client_program ready(virtual_machine::shared_address(), {"logs", "-f", id});
    CHECK(ready.read(6) == "ready\n");
    auto in = ask({"cp", dir.path("app"), id + ":/srv"});
    INFO(in.err);
    CHECK(in.status == 0);
    auto seen = ask({"exec", id, "--", "/bin/sh", "-c", "stat -c %a /srv/sub/big; readlink /srv/link; id -u"});
    CHECK(seen.out == "755\nsub/big\n0\n");
    CHECK(ask({"cp", id + ":/srv", dir.path("back")}).status == 0);
    CHECK((read_file(dir.path("back/sub/big"), big.size() + 1).value() == big));
    CHECK(fs::read_symlink(dir.path("back/link")) == "sub/big");
    // A link of the container leads to what it means there.
    CHECK(ask({"exec", id, "--", "/bin/ln", "-s", "/../../../srv/sub", "/t/way"}).status == 0);
    CHECK(ask({"cp", id + ":/t/way/big", dir.path("big")}).status == 0);
    CHECK((read_file(dir.path("big"), big.size() + 1).value() == big));
    auto none = ask({"cp", id + ":/sbin/vminitd", dir.path("x")});
    CHECK(none.status == 1);
    CHECK(none.err.find("not found") != std::string::npos);
    CHECK(ask({"stop", "--time", "0", id}).status == 0);
    // Also when nothing of it runs any more.
    CHECK(ask({"cp", id + ":/srv/sub/big", dir.path("later")}).status == 0);
    CHECK((read_file(dir.path("later"), big.size() + 1).value() == big));
    CHECK(ask({"delete", id}).status == 0);
    CHECK(eye.remains() == before);
}
