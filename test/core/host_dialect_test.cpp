// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/host_dialect.hpp"

#include <catch2/catch.hpp>

using namespace vminit;

TEST_CASE("the default dialect is spinbox", "[core]") {
    host_dialect dialect;
    CHECK(dialect == host_dialect::spinbox());
    CHECK(dialect.handshake == stream_handshake::number);
    CHECK(dialect.events_service == "spinbox.services.vmevents.v1.Events");
    CHECK(dialect.task_delete == delete_event::left_to_host);
    CHECK(dialect.close_io == close_io_meaning::nothing);
    CHECK(dialect.pause == pause_support::refused);
    CHECK(dialect.spec == spec_policy::relax);
}

TEST_CASE("nerdbox's guest behaves as containerd's shim", "[core]") {
    auto dialect = host_dialect::nerdbox();
    CHECK(dialect.handshake == stream_handshake::name);
    CHECK(dialect.events_service == "nerdbox.services.vmevents.v1.Events");
    CHECK(dialect.task_delete == delete_event::published);
    CHECK(dialect.close_io == close_io_meaning::closes_stdin);
    CHECK(dialect.pause == pause_support::by_runtime);
    CHECK(dialect.spec == spec_policy::keep);
}

TEST_CASE("dialects are known by name", "[core]") {
    CHECK(host_dialect::named("spinbox") == host_dialect::spinbox());
    CHECK(host_dialect::named("nerdbox") == host_dialect::nerdbox());
    CHECK_FALSE(host_dialect::named("shim"));
    CHECK_FALSE(host_dialect::named(""));
}
