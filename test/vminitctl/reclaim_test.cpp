// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "fake_machine.hpp"
#include "program.hpp"

using namespace vminit;
using namespace vminit::vminitctl;
using test::program;

TEST_CASE("reclaim says what was used before and after", "[vminitctl]") {
    program terminal;
    auto& answer = terminal.guest.machine->reclaimed;
    answer.mutable_before()->set_free(1 << 20);
    answer.mutable_after()->set_free(3 << 20);
    answer.mutable_before()->set_cached(4 << 20);
    answer.add_remarks("compaction needs CONFIG_COMPACTION");
    CHECK(terminal.run({"reclaim"}) == 0);
    CHECK(terminal.output.out_text() ==
          "free:       1.0 MiB -> 3.0 MiB\n"
          "available:  0 B -> 0 B\n"
          "cached:     4.0 MiB -> 0 B\n");
    CHECK(terminal.output.err_text() == "vminitctl: warning: compaction needs CONFIG_COMPACTION\n");
    CHECK(terminal.guest.machine->reclaim_asked.bytes() == 0);
    CHECK_FALSE(terminal.guest.machine->reclaim_asked.skip_compaction());
}

TEST_CASE("reclaim is about one container, an amount, and may be stopped", "[vminitctl]") {
    program terminal;
    auto& answer = terminal.guest.machine->reclaimed;
    answer.set_container_before(100);
    answer.set_container_after(60);
    answer.set_stopped(true);
    CHECK(terminal.run({"reclaim", "--id", "web", "--bytes", "64M", "--no-compaction", "--json"}) == 0);
    CHECK(terminal.guest.machine->reclaim_asked.id() == "web");
    CHECK(terminal.guest.machine->reclaim_asked.bytes() == 64 << 20);
    CHECK(terminal.guest.machine->reclaim_asked.skip_compaction());
    auto facts = terminal.out_json().as_object();
    CHECK(facts["container"].as_object()["before"] == 100);
    CHECK(facts["container"].as_object()["after"] == 60);
    CHECK(facts["stopped"] == true);
    CHECK(terminal.output.err_text() == "vminitctl: warning: stopped after 10 s: there may be more to have\n");
}

TEST_CASE("reclaim fails as the guest says", "[vminitctl]") {
    program terminal;
    terminal.guest.failures["Reclaim"] = error(errc::failed_precondition, "memory is being reclaimed already");
    CHECK(terminal.run({"reclaim"}) == exit_failure);
    CHECK(terminal.output.err_text() == "vminitctl: failed precondition: memory is being reclaimed already\n");
}
