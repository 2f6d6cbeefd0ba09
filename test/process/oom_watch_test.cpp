// SPDX-License-Identifier: Apache-2.0
#include "process/oom_watch.hpp"

#include <boost/asio/post.hpp>
#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "process/failing_call.hpp"
#include "process/fake_cgroup.hpp"
#include "support/io_fixture.hpp"
#include "vminit/core/file.hpp"

namespace vminit::process {

namespace {

struct fixture : vminit::test::io_fixture {
    fixture() {
        set("c1", 0);
        set("c2", 0);
    }

    // As the kernel notifies: the file changes in one step.
    void set(const std::string& name, int kills, int failures = 0) const {
        cgroups.write(name + "/memory.events", "low 0\nhigh 0\nmax 9\noom " + std::to_string(failures) + "\noom_kill " +
                                                   std::to_string(kills) + "\n");
        cgroups.write(name + "/cgroup.events", "populated 1\nfrozen 0\n");
    }

    oom_watch watch(const std::string& name, int& told) {
        auto started = service.watch(cgroups.path(name), [&told] { ++told; });
        REQUIRE(started);
        return std::move(*started);
    }

    void remove(const std::string& name) const { std::filesystem::remove_all(cgroups.path(name)); }

    bool has_work() {
        poll();
        return !ctx.stopped();
    }

    test::fake_cgroup cgroups;
    oom_watch_service& service = asio::use_service<oom_watch_service>(ctx);
    int told = 0, told_too = 0;
};

}  // namespace

TEST_CASE_METHOD(fixture, "each observed increase of oom_kill is told once", "[oom]") {
    auto watch = this->watch("c1", told);
    poll();
    CHECK(told == 0);
    set("c1", 1);
    poll();
    CHECK(told == 1);
    poll();
    CHECK(told == 1);
    set("c1", 4);
    poll();
    CHECK(told == 2);
}

TEST_CASE_METHOD(fixture, "coalesced kills are told once", "[oom]") {
    auto watch = this->watch("c1", told);
    set("c1", 1);
    set("c1", 2);
    set("c1", 3);
    poll();
    CHECK(told == 1);
}

TEST_CASE_METHOD(fixture, "an oom without a kill is not told", "[oom]") {
    auto watch = this->watch("c1", told);
    set("c1", 0, 5);
    poll();
    watch.stop();
    CHECK(told == 0);
}

TEST_CASE_METHOD(fixture, "a change of cgroup.events makes it look too", "[oom]") {
    auto watch = this->watch("c1", told);
    poll();
    // A new file under the old name notifies nobody.
    cgroups.write("c1/new", "oom_kill 1\n");
    std::filesystem::rename(cgroups.path("c1/new"), cgroups.path("c1/memory.events"));
    poll();
    told = 0;
    cgroups.write("c1/new", "oom_kill 2\n");
    std::filesystem::rename(cgroups.path("c1/new"), cgroups.path("c1/memory.events"));
    poll();
    CHECK(told == 0);
    cgroups.write("c1/cgroup.events", "populated 0\n");
    poll();
    CHECK(told == 1);
}

TEST_CASE_METHOD(fixture, "kills from before the watch are told, but not inside the call", "[oom]") {
    set("c1", 1);
    auto watch = this->watch("c1", told);
    CHECK(told == 0);
    poll();
    CHECK(told == 1);
}

TEST_CASE_METHOD(fixture, "stop looks a last time and nothing is told after it", "[oom]") {
    auto watch = this->watch("c1", told);
    CHECK(static_cast<bool>(watch));
    poll();
    set("c1", 1);
    watch.stop();
    CHECK(told == 1);
    CHECK_FALSE(static_cast<bool>(watch));
    set("c1", 2);
    watch.stop();
    CHECK_FALSE(has_work());
    CHECK(told == 1);
    CHECK(service.size() == 0);
}

TEST_CASE_METHOD(fixture, "stop before the first turn of the loop tells once", "[oom]") {
    set("c1", 1);
    auto watch = this->watch("c1", told);
    watch.stop();
    CHECK(told == 1);
    poll();
    CHECK(told == 1);
}

TEST_CASE_METHOD(fixture, "a watch that is destroyed tells nothing", "[oom]") {
    {
        auto watch = this->watch("c1", told);
        set("c1", 1);
    }
    CHECK(service.size() == 0);
    CHECK_FALSE(has_work());
    CHECK(told == 0);
}

TEST_CASE_METHOD(fixture, "a watch that is assigned to ends what it held", "[oom]") {
    auto watch = this->watch("c1", told);
    watch = this->watch("c2", told_too);
    CHECK(service.size() == 1);
    set("c1", 1);
    set("c2", 1);
    poll();
    CHECK(told == 0);
    CHECK(told_too == 1);
}

TEST_CASE_METHOD(fixture, "containers are told apart", "[oom]") {
    auto first = watch("c1", told);
    auto second = watch("c2", told_too);
    poll();
    set("c2", 1);
    poll();
    CHECK(told == 0);
    CHECK(told_too == 1);
    first.stop();
    set("c2", 2);
    poll();
    CHECK(told_too == 2);
}

TEST_CASE_METHOD(fixture, "a new container with an old cgroup path starts anew", "[oom]") {
    auto first = watch("c1", told);
    set("c1", 3);
    first.stop();
    CHECK(told == 1);
    remove("c1");
    set("c1", 1);
    auto second = watch("c1", told_too);
    poll();
    CHECK(told_too == 1);
}

TEST_CASE_METHOD(fixture, "two containers may share a cgroup", "[oom]") {
    auto first = watch("c1", told);
    set("c1", 1);
    poll();
    auto second = watch("c1", told_too);
    poll();
    CHECK(told == 1);
    CHECK(told_too == 0);
    set("c1", 2);
    poll();
    CHECK(told == 2);
    CHECK(told_too == 1);
    first.stop();
    poll();
    set("c1", 3);
    poll();
    CHECK(told == 2);
    CHECK(told_too == 2);
}

TEST_CASE_METHOD(fixture, "a removed cgroup is watched no more and not complained of", "[oom]") {
    auto watch = this->watch("c1", told);
    poll();
    remove("c1");
    CHECK_FALSE(has_work());
    watch.stop();
    CHECK(told == 0);
    CHECK(lines.empty());
}

TEST_CASE_METHOD(fixture, "a kill is told though the cgroup went away with it", "[oom]") {
    auto watch = this->watch("c1", told);
    poll();
    set("c1", 1);
    std::filesystem::remove(cgroups.path("c1/cgroup.events"));
    poll();
    CHECK(told == 1);
    remove("c1");
    poll();
    watch.stop();
    CHECK(told == 1);
}

TEST_CASE_METHOD(fixture, "an unreadable memory.events is logged", "[oom]") {
    auto watch = this->watch("c1", told);
    poll();
    test::failing_call denied("open", EACCES);
    watch.stop();
    CHECK(has_line("memory.events cannot be read"));
    CHECK(has_line("Permission denied"));
}

TEST_CASE_METHOD(fixture, "a lost notification is made up for", "[oom]") {
    auto first = watch("c1", told);
    auto second = watch("c2", told_too);
    poll();
    auto limit = read_file("/proc/sys/fs/inotify/max_queued_events");
    REQUIRE(limit);
    // Equal events in a row are merged, so two files in turn; the queue is full before the kill.
    int events = std::stoi(*limit) + 10;
    for (int count = 0; count < events; ++count) {
        REQUIRE(write_file(cgroups.path(count % 2 == 0 ? "c1/cgroup.events" : "c1/memory.events"), "low 0"));
    }
    set("c2", 1);
    poll();
    CHECK(told == 0);
    CHECK(told_too == 1);
}

TEST_CASE_METHOD(fixture, "a callback may end its own watch", "[oom]") {
    enum class way { stop, destroy, replace };
    auto chosen = GENERATE(way::stop, way::destroy, way::replace);
    std::optional<oom_watch> watch;
    auto end_it = [&] {
        ++told;
        if (chosen == way::stop) watch->stop();
        if (chosen == way::destroy) watch.reset();
        if (chosen == way::replace) watch = this->watch("c2", told_too);
    };
    watch = *service.watch(cgroups.path("c1"), end_it);
    set("c1", 1);
    SECTION("when notified") { poll(); }
    SECTION("when it is stopped") { watch->stop(); }
    CHECK(told == 1);
    set("c1", 2);
    set("c2", 1);
    poll();
    CHECK(told == 1);
    CHECK(told_too == (chosen == way::replace ? 1 : 0));
}

TEST_CASE_METHOD(fixture, "a callback may end the watch of another container", "[oom]") {
    std::optional<oom_watch> second;
    auto first = service.watch(cgroups.path("c1"), [&] { second.reset(); });
    REQUIRE(first);
    second = watch("c2", told);
    poll();
    set("c1", 1);
    set("c2", 1);
    poll();
    CHECK(told == 0);
}

TEST_CASE_METHOD(fixture, "a watch that is made while the last one closes is told", "[oom]") {
    auto first = watch("c1", told);
    poll();
    first.stop();
    auto second = watch("c1", told_too);
    poll();
    set("c1", 1);
    poll();
    CHECK(told_too == 1);
    second.stop();
    CHECK_FALSE(has_work());
}

TEST_CASE_METHOD(fixture, "what cannot be watched is an error and leaves nothing behind", "[oom]") {
    auto callback = [this] { ++told; };
    SECTION("no such cgroup") {
        auto watch = service.watch(cgroups.path("c3"), callback);
        REQUIRE_FALSE(watch);
        CHECK(watch.error().message() ==
              "inotify_add_watch " + cgroups.path("c3") + "/memory.events: No such file or directory");
    }
    SECTION("no cgroup.events") {
        std::filesystem::remove(cgroups.path("c1/cgroup.events"));
        auto watch = service.watch(cgroups.path("c1"), callback);
        REQUIRE_FALSE(watch);
        CHECK(watch.error().kind() == errc::not_found);
    }
    SECTION("no inotify instance") {
        test::failing_call full("inotify_init1", EMFILE);
        auto watch = service.watch(cgroups.path("c1"), callback);
        REQUIRE_FALSE(watch);
        CHECK(watch.error().message() == "inotify_init1: Too many open files");
    }
    SECTION("no inotify watch") {
        test::failing_call full("inotify_add_watch", ENOSPC, 1, 1);
        auto watch = service.watch(cgroups.path("c1"), callback);
        REQUIRE_FALSE(watch);
        CHECK(watch.error().kind() == errc::resource_exhausted);
    }
    set("c1", 1);
    CHECK(service.size() == 0);
    CHECK_FALSE(has_work());
    CHECK(told == 0);
}

TEST_CASE_METHOD(fixture, "an error of one container does not end another's watch", "[oom]") {
    auto watch = this->watch("c1", told);
    CHECK_FALSE(service.watch(cgroups.path("c3"), [] {}));
    poll();
    set("c1", 1);
    poll();
    CHECK(told == 1);
}

TEST_CASE_METHOD(fixture, "when inotify breaks, stop still tells", "[oom]") {
    auto watch = this->watch("c1", told);
    poll();
    set("c1", 1);
    {
        test::failing_call broken("read", EIO, 1);
        CHECK_FALSE(has_work());
    }
    CHECK(has_line("OOM kills are told late: inotify failed"));
    CHECK(told == 0);
    watch.stop();
    CHECK(told == 1);
}

TEST_CASE("a watch may outlive its context", "[oom]") {
    test::fake_cgroup cgroups;
    cgroups.write("memory.events", "oom_kill 1\n");
    cgroups.write("cgroup.events", "populated 1\n");
    oom_watch watch;
    int told = 0;
    {
        asio::io_context ctx{1};
        auto started = asio::use_service<oom_watch_service>(ctx).watch(cgroups.path(), [&told] { ++told; });
        REQUIRE(started);
        watch = std::move(*started);
    }
    watch.stop();
    CHECK(told == 0);
}

TEST_CASE("a watch and its owner do not keep each other alive", "[oom]") {
    struct owner {
        oom_watch watch;
    };
    test::fake_cgroup cgroups;
    cgroups.write("memory.events", "oom_kill 0\n");
    cgroups.write("cgroup.events", "populated 1\n");
    std::weak_ptr<owner> watched;
    asio::io_context ctx{1};
    {
        auto container = std::make_shared<owner>();
        watched = container;
        auto started =
            asio::use_service<oom_watch_service>(ctx).watch(cgroups.path(), [container] { (void)container; });
        REQUIRE(started);
        container->watch = std::move(*started);
        container->watch.stop();
    }
    CHECK(watched.expired());
}

}  // namespace vminit::process
