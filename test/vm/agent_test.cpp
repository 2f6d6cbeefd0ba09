#include <catch2/catch.hpp>

#include "guest.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

namespace wire = spinbox::services::vmevents::v1;
using event_stream = ttrpc::duplex_stream<wire::StreamRequest, containerd::types::Envelope>;

/// Topics of the agent's events, until it was started for the third time.
awaitable<std::vector<std::string>> topics_until_third_start(event_stream& stream) {
    constexpr std::string_view prefix = "/vminit/supervisor/";
    std::vector<std::string> topics;
    for (int starts = 0; starts < 3;) {
        auto event = co_await stream.read();
        if (!event || !*event) co_return topics;
        if (!(*event)->topic().starts_with(prefix)) continue;
        topics.push_back((*event)->topic().substr(prefix.size()));
        if (topics.back() == "started") ++starts;
    }
    co_return topics;
}

}  // namespace

TEST_CASE("an agent that crashes is started again, with events, pid file, log and cgroup", "[vm]") {
    guest vm(virtual_machine::equipped_address());
    auto client = vm.connect();
    vminitctl::events_client events(client);
    auto stream = events.Stream();
    REQUIRE(stream);
    REQUIRE(vm.run(stream->write(wire::StreamRequest())));
    CHECK(vm.run(topics_until_third_start(*stream)) ==
          std::vector<std::string>{"started", "exited", "restarting", "started", "exited", "restarting", "started"});
    client.close();
    vm.run(client.join());

    auto seen = vm.look_inside(R"(cd /proc/1/root; until [ -e run/spin-supervisor.pid ]; do :; done
        pid=$(cat run/spin-supervisor.pid); stat -c %a run/spin-supervisor.pid
        until grep -q 'run 3' var/log/spin-supervisor.log; do :; done; cat var/log/spin-supervisor.log
        tr '\0' '\n' </proc/$pid/environ; tr '\0' ' ' </proc/$pid/cmdline; echo
        cat /proc/$pid/oom_score_adj; awk '{ print $6 == $1 }' /proc/$pid/stat; cat /proc/$pid/cgroup
        cat /sys/fs/cgroup/spin-supervisor/memory.max)");
    CHECK(seen ==
          "644\nrun 1\nrun 2\nrun 3\n"
          "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
          "/run/spin-stack/busybox sh /run/spin-stack/spin-supervisor \n"
          "0\n1\n0::/spin-supervisor\n67108864\n");
}
