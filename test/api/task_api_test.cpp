// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/task_api.hpp"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>

#include "api/task_fixture.hpp"
#include "github.com/containerd/containerd/api/types/runc/options/oci.pb.h"
#include "github.com/spin-stack/spinbox/api/types/spinbox/v1/options.pb.h"

using namespace vminit;
using namespace vminit::test;

namespace {

constexpr std::int64_t go_zero_time = -62135596800;

}  // namespace

TEST_CASE("a task lives from Create to Delete as containerd expects", "[api]") {
    task_fixture io;
    auto pid = io.create("c1", {"exit", "7"});
    auto created = io.run(io.client().State(task_fixture::named<task::StateRequest>("c1")));
    REQUIRE(created);
    CHECK(created->id() == "c1");
    CHECK(created->pid() == pid);
    CHECK(created->status() == containerd::v1::types::CREATED);
    CHECK(created->exited_at().seconds() == go_zero_time);

    auto started = io.run(io.client().Start(task_fixture::named<task::StartRequest>("c1")));
    REQUIRE(started);
    CHECK(started->pid() == pid);
    auto exit = io.run(io.client().Wait(task_fixture::named<task::WaitRequest>("c1")));
    REQUIRE(exit);
    CHECK(exit->exit_status() == 7);
    CHECK(exit->exited_at().seconds() > 1700000000);
    auto deleted = io.run(io.client().Delete(task_fixture::named<task::DeleteRequest>("c1")));
    REQUIRE(deleted);
    CHECK(deleted->pid() == pid);
    CHECK(deleted->exit_status() == 7);
    CHECK(deleted->exited_at().seconds() == exit->exited_at().seconds());

    auto gone = io.run(io.client().State(task_fixture::named<task::StateRequest>("c1")));
    REQUIRE_FALSE(gone);
    CHECK(gone.error().message() == "container not created: not found");
    CHECK(gone.error().kind() == errc::not_found);
}

TEST_CASE("v2 callers reach the same tasks", "[api]") {
    task_fixture io;
    auto pid = io.create("c1", {"exit", "0"});
    task::ConnectRequest request;
    request.set_id("c1");
    task::ConnectResponse response;
    REQUIRE(io.run(io.rpc().call("containerd.task.v2.Task", "Connect", request, response, {})));
    CHECK(response.shim_pid() == static_cast<std::uint32_t>(::getpid()));
    CHECK(response.task_pid() == pid);
    CHECK(response.version().empty());
    CHECK(io.run(io.client().Delete(task_fixture::named<task::DeleteRequest>("c1"))));
}

TEST_CASE("a second Create of an id is refused at once and the first is unharmed", "[api]") {
    task_fixture io;
    io.create("c1", {"exit", "0"});
    task::CreateTaskRequest request;
    request.set_id("c1");
    request.set_bundle(io.runtime.bundle("c1"));
    auto second = io.run(io.client().Create(request));
    REQUIRE_FALSE(second);
    CHECK(second.error().message() == "container c1 already exists: already exists");
    CHECK(io.run(io.client().State(task_fixture::named<task::StateRequest>("c1"))));
    CHECK(io.run(io.client().Delete(task_fixture::named<task::DeleteRequest>("c1"))));
}

TEST_CASE("options that cannot be decoded are refused, unknown ones cost a warning", "[api]") {
    task_fixture io;
    auto container = io.runtime.make_container("c1", {"exit", "0"});
    task::CreateTaskRequest request;
    request.set_id("c1");
    request.set_bundle(container.bundle);
    request.mutable_options()->set_type_url("types.googleapis.com/containerd.runc.v1.Options");
    request.mutable_options()->set_value("\xff\xff\xff");
    auto refused = io.run(io.client().Create(request));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == errc::invalid_argument);

    request.mutable_options()->set_type_url("example.Unknown");
    CHECK(io.run(io.client().Create(request)));
    CHECK(io.has_line("create options of an unknown type"));
    CHECK(io.run(io.client().Delete(task_fixture::named<task::DeleteRequest>("c1"))));
}

TEST_CASE("runc options reach the runtime's command line", "[api]") {
    task_fixture io;
    auto container = io.runtime.make_container("c1", {"exit", "0"});
    containerd::runc::v1::Options options;
    options.set_no_pivot_root(true);
    options.set_no_new_keyring(true);
    task::CreateTaskRequest request;
    request.set_id("c1");
    request.set_bundle(container.bundle);
    request.mutable_options()->set_type_url("containerd.runc.v1.Options");
    options.SerializeToString(request.mutable_options()->mutable_value());
    REQUIRE(io.run(io.client().Create(request)));
    auto words = fake_runtime::words_of(io.runtime.calls("create").at(0));
    CHECK(std::find(words.begin(), words.end(), "--no-pivot") != words.end());
    CHECK(std::find(words.begin(), words.end(), "--no-new-keyring") != words.end());
    CHECK(io.run(io.client().Delete(task_fixture::named<task::DeleteRequest>("c1"))));
}

TEST_CASE("both kinds of options say whose the pipes are", "[api]") {
    auto prefix = GENERATE(as<std::string>(), "", "type.googleapis.com/");
    auto is_spinbox = GENERATE(false, true);
    task_fixture io;
    auto request = io.create_request("c1", {"exit", "0"});
    containerd::runc::v1::Options runc_options;
    runc_options.set_io_uid(7);
    runc_options.set_io_gid(8);
    io::containerd::spinbox::v1::SpinboxOpts spinbox_options;
    spinbox_options.set_memory_mb(512);
    spinbox_options.set_io_uid(7);
    spinbox_options.set_io_gid(8);
    auto& any = *request.mutable_options();
    any.set_type_url(prefix + (is_spinbox ? "io.containerd.spinbox.v1.SpinboxOpts" : "containerd.runc.v1.Options"));
    any.set_value(is_spinbox ? spinbox_options.SerializeAsString() : runc_options.SerializeAsString());
    REQUIRE(io.run(io.client().Create(request)));
    CHECK(read_file(request.bundle() + "/options.json").value() == R"({"io_uid":7,"io_gid":8})");
    CHECK(io.run(io.client().Delete(task_fixture::named<task::DeleteRequest>("c1"))));
}

TEST_CASE("a runtime error reaches the host with the runtime's own words", "[api]") {
    task_fixture io;
    auto container = io.runtime.make_container("c1", {"exit", "0"});
    io.runtime.set_fault("create", R"({"fault": "error", "message": "no such luck"})");
    task::CreateTaskRequest request;
    request.set_id("c1");
    request.set_bundle(container.bundle);
    auto failed = io.run(io.client().Create(request));
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message() == "OCI runtime create failed: no such luck");
    CHECK(failed.error().kind() == errc::unknown);
}

TEST_CASE("requests without what they need are refused, not crashed on", "[api]") {
    task_fixture io;
    io.create("c1", {"exit", "0"});
    task::ExecProcessRequest exec;
    exec.set_id("c1");
    exec.set_exec_id("e1");
    auto no_spec = io.run(io.client().Exec(exec));
    REQUIRE_FALSE(no_spec);
    CHECK(no_spec.error().kind() == errc::invalid_argument);
    auto no_resources = io.run(io.client().Update(task_fixture::named<task::UpdateTaskRequest>("c1")));
    REQUIRE_FALSE(no_resources);
    CHECK(no_resources.error().kind() == errc::invalid_argument);
    CHECK(io.run(io.client().Delete(task_fixture::named<task::DeleteRequest>("c1"))));
}

TEST_CASE("CloseIO without its stdin flag does nothing but look the process up", "[api]") {
    task_fixture io;
    auto missing = io.run(io.client().CloseIO(task_fixture::named<task::CloseIORequest>("nobody")));
    REQUIRE_FALSE(missing);
    CHECK(missing.error().kind() == errc::not_found);
    io.create("c1", {"exit", "0"});
    CHECK(io.run(io.client().CloseIO(task_fixture::named<task::CloseIORequest>("c1"))));
    CHECK(io.run(io.client().Delete(task_fixture::named<task::DeleteRequest>("c1"))));
}

TEST_CASE("Shutdown is taken only when no container is left", "[api]") {
    task_fixture io;
    io.create("c1", {"exit", "0"});
    CHECK(io.run(io.client().Shutdown({})));
    CHECK(io.shutdowns == 0);
    CHECK(io.run(io.client().Delete(task_fixture::named<task::DeleteRequest>("c1"))));
    CHECK(io.run(io.client().Shutdown({})));
    CHECK(io.shutdowns == 1);
}
