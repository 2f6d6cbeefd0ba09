// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/read_until.hpp>
#include <catch2/catch.hpp>

#include "guest.hpp"
#include "stdio_streams.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

std::vector<std::string> freeze(guest& vm) {
    auto frozen = vm.run(vm.system().FreezeFilesystems({}, guest::limit));
    REQUIRE(frozen);
    return {frozen->frozen().begin(), frozen->frozen().end()};
}

void thaw(guest& vm) { REQUIRE(vm.run(vm.system().ThawFilesystems({}, guest::limit))); }

}  // namespace

TEST_CASE("a freeze stops a writer on ext4 in the middle, the thaw lets it go on", "[vm]") {
    guest vm(virtual_machine::equipped_address());
    // Prints a line, writes until it is killed, and prints another when something has been written after `thawed` appeared.
    container_wish writer(R"(echo begun; while [ ! -e /dev/shm/thawed ]; do echo more >>/file; done
        echo once more >>/file && echo ended)");
    writer.id = guest::fresh_id();
    writer.rootfs.emplace_back("ext4", "serial:data", "", std::vector<std::string>{"rw"});
    auto out_id = guest::fresh_number();
    auto out = vm.open_stream(out_id);
    REQUIRE(vm.create(writer, vminitctl::stdio_uris("", vminitctl::stream_uri(out_id), "")));
    auto pid = vm.start(writer.id);
    REQUIRE(pid);

    auto frozen = freeze(vm);
    CHECK(frozen == std::vector<std::string>{"/run/bundles/" + writer.id + "/rootfs"});
    CHECK(freeze(vm) == frozen);
    // It sleeps in the kernel (state D) when it comes to its next write; nothing wakes it but the thaw.
    auto number = std::to_string(*pid);
    vm.look_inside("until grep -q '^State:.D' /proc/" + number + "/status; do :; done");
    CHECK(vm.run_container(container_wish("echo others go on")).out == "others go on\n");
    vm.look_inside("grep -q '^State:.D' /proc/" + number + "/status && touch /proc/" + number + "/root/dev/shm/thawed");
    thaw(vm);
    thaw(vm);
    CHECK(vm.run(read_to_end(out)) == "begun\nended\n");
    auto exit = vm.wait(writer.id);
    REQUIRE(exit);
    CHECK(exit->exit_status() == 0);
    CHECK(vm.remove(writer.id));
    CHECK(freeze(vm).empty());
    thaw(vm);
}
