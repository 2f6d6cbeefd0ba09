// SPDX-License-Identifier: Apache-2.0
#include "system/kernel_modules.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "support/temporary_directory.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/boot_steps.hpp"

using namespace vminit;
using namespace vminit::system;

namespace {

using names = std::vector<std::string>;

// No test may load a module into the kernel it runs on: the call always fails, with what the test chose.
int load_errno = ENOEXEC;
int loads = 0;
int intercept(std::string_view name) {
    if (name != "finit_module") return 0;
    ++loads;
    return load_errno;
}

struct modules_fixture {
    modules_fixture() {
        load_errno = ENOEXEC;
        loads = 0;
        syscalls::set_fault_hook(intercept);
        say("");
    }
    ~modules_fixture() { syscalls::set_fault_hook(nullptr); }

    std::string make(const std::string& name) {
        std::ofstream(directory.path(name)) << "not a module";
        return directory.path(name);
    }
    void list(const names& paths) {
        std::ofstream out(directory.path("modules"));
        for (const auto& path : paths) out << path << "\n";
    }
    void say(const std::string& cmdline) { std::ofstream(directory.path("cmdline")) << cmdline; }
    names load_serving() {
        step_notes notes;
        REQUIRE(steps::load_serving_modules(directory.path("modules"), directory.path("cmdline"), notes));
        return notes.texts();
    }
    names load_others() {
        step_notes notes;
        REQUIRE(steps::load_other_modules(notes));
        return notes.texts();
    }

    test::temporary_directory directory;
};

}  // namespace

TEST_CASE("a module list is one path a line", "[modules]") {
    CHECK(parse_module_list("/a.ko\n\n  /b.ko \r\n# no\n/c.ko") == names{"/a.ko", "/b.ko", "/c.ko"});
    CHECK(parse_module_list("").empty());
}

TEST_CASE("serving needs the modules up to the last one of vsock, by file name", "[modules]") {
    CHECK(count_serving_modules({"/m/virtio.ko", "/m/vsock.ko", "/m/vmw_vsock_virtio_transport.ko", "/m/erofs.ko"}) ==
          3);
    CHECK(count_serving_modules({"/m/virtio.ko", "/m/erofs.ko"}) == 2);
    CHECK(count_serving_modules({"/vsock/virtio.ko", "/m/vsock.ko", "/vsock/erofs.ko"}) == 2);
    CHECK(count_serving_modules({}) == 0);
}

TEST_CASE_METHOD(modules_fixture, "no list is nothing to do", "[modules]") {
    CHECK(load_serving().empty());
    CHECK(load_others().empty());
    CHECK(loads == 0);
}

TEST_CASE_METHOD(modules_fixture, "each failure is a note, and the others are still tried", "[modules]") {
    auto first = make("vsock.ko");
    auto second = make("b.ko");
    list({directory.path("gone.ko"), first, second});
    CHECK(load_serving() == names{"open " + directory.path("gone.ko") + ": No such file or directory",
                                  "finit_module " + first + ": Exec format error"});
    CHECK(loads == 1);
    CHECK(load_others() == names{"finit_module " + second + ": Exec format error"});
    CHECK(loads == 2);
    CHECK(load_others().empty());
    CHECK(loads == 2);
    CHECK(std::ifstream(first).good());
}

TEST_CASE_METHOD(modules_fixture, "a module that is loaded already is fine", "[modules]") {
    load_errno = EEXIST;
    list({make("a.ko")});
    CHECK(load_serving().empty());
    CHECK(loads == 1);
}

TEST_CASE_METHOD(modules_fixture, "a module that its parameters keep from loading is tried without them", "[modules]") {
    load_errno = EINVAL;
    auto path = make("a-b.ko");
    list({path});
    say("a_b.size=many c.d=1 -- a_b.late=1\n");
    CHECK(load_serving() == names{"finit_module " + path + ": Invalid argument (with size=many)",
                                  "finit_module " + path + ": Invalid argument"});
    CHECK(loads == 2);
}

TEST_CASE_METHOD(modules_fixture, "what is loaded later has its parameters too", "[modules]") {
    auto later = make("b.ko");
    list({make("vsock.ko"), later});
    say("b.x=1");
    load_serving();
    CHECK(load_others() == names{"finit_module " + later + ": Exec format error (with x=1)",
                                 "finit_module " + later + ": Exec format error"});
}

TEST_CASE_METHOD(modules_fixture, "without a command line modules are loaded all the same", "[modules]") {
    load_errno = EEXIST;
    list({make("a.ko")});
    std::filesystem::remove(directory.path("cmdline"));
    CHECK(load_serving() == names{"open " + directory.path("cmdline") + ": No such file or directory"});
    CHECK(loads == 1);
}
