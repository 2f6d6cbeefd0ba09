// SPDX-License-Identifier: Apache-2.0
#include "vminit/vmm/vm_record.hpp"

#include <catch2/catch.hpp>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::vmm;

namespace {

vm_record record_of(std::string space, std::vector<std::string> containers) {
    vm_record record;
    record.rpc = "hvsock:///run/vminit/x/vm.sock:1024";
    record.streams = "vsock://7:1025";
    record.pid = 42;
    record.keeper = 41;
    record.cpus = 2;
    record.memory_mib = 512;
    record.space = std::move(space);
    record.containers = std::move(containers);
    return record;
}

}  // namespace

TEST_CASE("a VM's record is read as it was written", "[vmm]") {
    auto read = parse_record(to_text(record_of("k8s.io", {"pod", "a\"b"})));
    REQUIRE(read);
    CHECK(read->rpc == "hvsock:///run/vminit/x/vm.sock:1024");
    CHECK(read->streams == "vsock://7:1025");
    CHECK(read->pid == 42);
    CHECK(read->keeper == 41);
    CHECK(read->cpus == 2);
    CHECK(read->memory_mib == 512);
    CHECK(read->space == "k8s.io");
    CHECK(read->containers == std::vector<std::string>{"pod", "a\"b"});
    for (const auto* wrong : {"", "[]", "{}", R"({"rpc":"x"})", R"({"containers":[]})"})
        CHECK(parse_record(wrong).error().kind() == errc::invalid_argument);
}

TEST_CASE("the record of a VM can be written before it runs", "[vmm]") {
    vm_plan plan;
    plan.directory = "/run/vminit/x";
    plan.guest_cid = 7;
    plan.cpus = 2;
    plan.memory_mib = 512;
    auto record = vmm::record_of(plan);
    CHECK(record.rpc == "vsock://7:1024");
    CHECK(record.streams == "vsock://7:1025");
    CHECK(record.cpus == 2);
    CHECK(record.memory_mib == 512);
    plan.vsock_device = "vhost-device-vsock";
    CHECK(vmm::record_of(plan).rpc == "hvsock:///run/vminit/x/vm.sock:1024");
}

TEST_CASE("records are found in the directories of VMs, whatever else is there", "[vmm]") {
    test::temporary_directory state;
    CHECK(read_records(state.path() + "/none")->empty());
    REQUIRE(make_directories(state.path() + "/one", 0700));
    REQUIRE(make_directories(state.path() + "/booting", 0700));
    REQUIRE(replace_file(state.path() + "/accelerator", "tcg", 0600));
    REQUIRE(replace_file(state.path() + "/one/vm.json", to_text(record_of("default", {"a"})), 0600));
    auto records = read_records(state.path());
    REQUIRE(records);
    REQUIRE(records->size() == 1);
    CHECK(records->front().containers.front() == "a");
    CHECK(records->front().directory == state.path() + "/one");
}

TEST_CASE("a container's VM is found by its id, or by how the id begins", "[vmm]") {
    std::vector<vm_record> records{record_of("default", {"abc", "abd"}), record_of("default", {"ab"}),
                                   record_of("k8s.io", {"xyz"})};
    CHECK(find_record(records, "default", "ab")->containers.size() == 1);
    CHECK(find_record(records, "default", "abc")->containers.size() == 2);
    CHECK(find_record(records, "k8s.io", "x"));
    CHECK(find_record(records, "default", "xyz").error().kind() == errc::not_found);
    CHECK(find_record(records, "default", "").error().kind() == errc::not_found);
    records[1].containers = {"a"};
    CHECK(find_record(records, "default", "ab").error().kind() == errc::failed_precondition);
}
