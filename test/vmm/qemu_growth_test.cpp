// SPDX-License-Identifier: Apache-2.0
#include "vmm/qemu_growth.hpp"

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "support/io_fixture.hpp"

using namespace vminit;
using namespace vminit::vmm;
namespace json = boost::json;

namespace {

vm_plan growing_plan() {
    vm_plan plan;
    plan.machine = machine_type::q35;
    plan.most = {3, 2048};
    return plan;
}

/// QEMU's answers, and what it was told.
struct monitor : test::io_fixture {
    result<void> grow(vm_size wanted) { return run(growth.grow(wanted)); }

    awaitable<result<json::value>> answer(std::string_view command, std::string arguments) {
        said.push_back(arguments.empty() ? std::string(command) : std::string(command) + " " + arguments);
        if (command == refused) co_return error(errc::unknown, "no");
        if (command == "query-hotpluggable-cpus")
            co_return json::parse(R"([
            {"type":"max-x86_64-cpu","props":{"core-id":2}},
            {"type":"max-x86_64-cpu","props":{"core-id":1},"qom-path":"/x"},
            {"type":"max-x86_64-cpu","props":{"core-id":0},"qom-path":"/x"}])");
        if (command == "query-memory-devices")
            co_return json::parse(R"([{"type":"dimm","data":{"id":"dimm-0","addr":4294967296,"size":268435456}}])");
        co_return json::value(json::object());
    }

    std::string refused;
    std::vector<std::string> said;
    qemu_growth growth{growing_plan(), [this](std::string_view command, std::string arguments) {
                           return answer(command, std::move(arguments));
                       }};
};

}  // namespace

TEST_CASE_METHOD(monitor, "a processor goes to the first free place", "[vmm]") {
    REQUIRE(grow({2, 256}));
    CHECK(said == std::vector<std::string>{"query-hotpluggable-cpus",
                                           R"(device_add {"driver":"max-x86_64-cpu","id":"cpu-1","core-id":2})"});
    CHECK(growth.size() == vm_size{2, 256});
    said.clear();
    REQUIRE(grow({1, 100}));
    CHECK(said.empty());
}

TEST_CASE_METHOD(monitor, "memory comes as a shared piece, and where it ends is known", "[vmm]") {
    REQUIRE(grow({1, 300}));
    CHECK(said == std::vector<std::string>{
                      R"(object-add {"qom-type":"memory-backend-memfd","id":"more-0","size":268435456,"share":true})",
                      R"(device_add {"driver":"pc-dimm","id":"dimm-0","memdev":"more-0"})", "query-memory-devices"});
    CHECK(growth.size() == vm_size{1, 512});
    CHECK(growth.memory_end() == 4563402752);
}

TEST_CASE_METHOD(monitor, "what QEMU refuses is undone and not counted", "[vmm]") {
    refused = "device_add";
    CHECK(grow({1, 300}).error().kind() == errc::unknown);
    CHECK(said.back() == R"(object-del {"id":"more-0"})");
    CHECK_FALSE(grow({2, 256}));
    CHECK(growth.size() == vm_size{1, 256});
    refused.clear();
    CHECK(grow({2, 300}));
}

TEST_CASE_METHOD(monitor, "beyond the plan nothing is asked for", "[vmm]") {
    CHECK(grow({4, 256}).error().context() == "4 processors: this VM can have at most 3");
    CHECK(grow({1, 2049}).error().context() == "2049 MiB of memory: this VM can have at most 2048 MiB");
    CHECK(said.empty());
    vm_plan board = growing_plan();
    for (auto machine : {machine_type::microvm, machine_type::virt}) {
        board.machine = machine;
        qemu_growth none(board, [this](std::string_view command, std::string) { return answer(command, {}); });
        CHECK(run(none.grow({2, 256})).error().kind() == errc::failed_precondition);
    }
}

TEST_CASE("a piece of memory is what is missing, at least what was there at boot, in whole blocks", "[vmm]") {
    CHECK(qemu_growth::piece_of(256, 256, 300, 4096) == 256);
    CHECK(qemu_growth::piece_of(256, 256, 600, 4096) == 384);
    CHECK(qemu_growth::piece_of(256, 512, 520, 600) == 0);
    CHECK(qemu_growth::piece_of(1000, 1000, 1001, 1256) == 256);
}
