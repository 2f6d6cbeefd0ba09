// SPDX-License-Identifier: Apache-2.0
#include "runc/arguments.hpp"

#include <catch2/catch.hpp>

using namespace vminit::runc;

namespace {

runc_config make_config() {
    runc_config config;
    config.binary = "/sbin/crun";
    return config;
}

const runtime_ref web("web", "/run/bundles/web");

// What follows the global flags.
arguments after_globals(const arguments& all) {
    auto globals = global_arguments(make_config(), web);
    REQUIRE(all.size() > globals.size());
    auto middle = all.begin() + static_cast<std::ptrdiff_t>(globals.size());
    CHECK(arguments(all.begin(), middle) == globals);
    return arguments(middle, all.end());
}

}  // namespace

TEST_CASE("global flags come first and in order", "[runc]") {
    auto config = make_config();
    CHECK(global_arguments(config, web) == arguments{"/sbin/crun", "--root", "/run/runc", "--debug"});
    auto special = web;
    special.root = "/run/other";
    special.binary = "runc";
    config.debug = false;
    CHECK(global_arguments(config, special) == arguments{"runc", "--root", "/run/other"});
}

TEST_CASE("create has the pid file in the bundle", "[runc]") {
    create_options options(web);
    CHECK(after_globals(create_arguments(make_config(), options)) ==
          arguments{"create", "--bundle", "/run/bundles/web", "--pid-file", "/run/bundles/web/init.pid", "web"});
    options.console_socket = "/tmp/pty1/pty.sock";
    options.no_pivot = options.no_new_keyring = true;
    CHECK(after_globals(create_arguments(make_config(), options)) ==
          arguments{"create", "--bundle", "/run/bundles/web", "--pid-file", "/run/bundles/web/init.pid",
                    "--console-socket", "/tmp/pty1/pty.sock", "--no-pivot", "--no-new-keyring", "web"});
}

TEST_CASE("exec is detached and has a pid file of its own", "[runc]") {
    exec_options options(web, "e1", "{}");
    CHECK(after_globals(exec_arguments(make_config(), options, "/tmp/p")) ==
          arguments{"exec", "--process", "/tmp/p", "--detach", "--pid-file", "/run/bundles/web/e1.pid", "web"});
    options.console_socket = "/s";
    CHECK(after_globals(exec_arguments(make_config(), options, "/tmp/p")) ==
          arguments{"exec", "--process", "/tmp/p", "--console-socket", "/s", "--detach", "--pid-file",
                    "/run/bundles/web/e1.pid", "web"});
}

TEST_CASE("the other subcommands are as runtimes know them", "[runc]") {
    auto config = make_config();
    CHECK(after_globals(kill_arguments(config, web, 15, kill_scope::one)) == arguments{"kill", "web", "15"});
    CHECK(after_globals(kill_arguments(config, web, 9, kill_scope::all)) == arguments{"kill", "--all", "web", "9"});
    CHECK(after_globals(delete_arguments(config, web, remove_mode::normal)) == arguments{"delete", "web"});
    CHECK(after_globals(delete_arguments(config, web, remove_mode::force)) == arguments{"delete", "--force", "web"});
    CHECK(after_globals(ps_arguments(config, web)) == arguments{"ps", "--format", "json", "web"});
    CHECK(after_globals(update_arguments(config, web)) == arguments{"update", "--resources=-", "web"});
    CHECK(after_globals(simple_arguments(config, web, "start")) == arguments{"start", "web"});
}

TEST_CASE("checkpoint names only what is asked for", "[runc]") {
    checkpoint_options options(web);
    CHECK(after_globals(checkpoint_arguments(make_config(), options)) == arguments{"checkpoint", "web"});
    options.image_path = "/i";
    options.work_path = "/w";
    options.parent_path = "/p";
    options.page_server = "a:1";
    options.cgroups_mode = "soft";
    options.empty_namespaces = {"network", "ipc"};
    options.open_tcp = options.external_unix_sockets = options.terminal = options.file_locks = true;
    options.lazy_pages = options.leave_running = true;
    CHECK(after_globals(checkpoint_arguments(make_config(), options)) == arguments{"checkpoint",
                                                                                   "--image-path",
                                                                                   "/i",
                                                                                   "--work-path",
                                                                                   "/w",
                                                                                   "--parent-path",
                                                                                   "/p",
                                                                                   "--tcp-established",
                                                                                   "--ext-unix-sk",
                                                                                   "--shell-job",
                                                                                   "--page-server",
                                                                                   "a:1",
                                                                                   "--file-locks",
                                                                                   "--manage-cgroups-mode",
                                                                                   "soft",
                                                                                   "--empty-ns",
                                                                                   "network",
                                                                                   "--empty-ns",
                                                                                   "ipc",
                                                                                   "--lazy-pages",
                                                                                   "--leave-running",
                                                                                   "web"});
}
