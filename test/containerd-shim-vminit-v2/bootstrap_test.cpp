// SPDX-License-Identifier: Apache-2.0
#include "bootstrap.hpp"

#include <catch2/catch.hpp>

#include "commands.hpp"
#include "github.com/containerd/containerd/api/runtime/bootstrap/v1/bootstrap.pb.h"
#include "github.com/containerd/containerd/api/types/introspection.pb.h"
#include "github.com/containerd/containerd/api/types/mount.pb.h"

using namespace vminit::shim;
using containerd::runtime::bootstrap::v1::BootstrapParams;
using containerd::runtime::bootstrap::v1::BootstrapResult;

namespace {

shim_request request() {
    shim_request made;
    made.id = "c1";
    made.space = "default";
    made.grpc_address = "/flag.sock";
    made.ttrpc_address = "/flag.ttrpc";
    return made;
}

BootstrapParams params() {
    BootstrapParams made;
    made.set_instance_id("c1");
    made.set_namespace_("default");
    made.set_containerd_grpc_address("/message.sock");
    return made;
}

}  // namespace

TEST_CASE("a daemon that writes BootstrapParams reads a BootstrapResult", "[shim]") {
    auto message = params();
    message.set_log_level(-4);
    message.set_socket_dir("/run/sockets");
    auto how = read_bootstrap(request(), message.SerializeAsString());
    CHECK(how.form == answer_form::message);
    CHECK(how.request.grpc_address == "/message.sock");
    CHECK(how.request.ttrpc_address == "/flag.ttrpc");  // not in the message
    CHECK(how.request.is_debug);
    CHECK(how.socket_directory == "/run/sockets");
    BootstrapResult answer;
    REQUIRE(answer.ParseFromString(start_answer(how.form, "unix:///s")));
    CHECK(answer.version() == 3);
    CHECK(answer.address() == "unix:///s");
    CHECK(answer.protocol() == "ttrpc");
    REQUIRE(answer.extensions_size() == 1);
    CHECK(answer.extensions(0).value().type_url() == "containerd.types.MountCapabilities");
    containerd::types::MountCapabilities mounts;
    REQUIRE(mounts.ParseFromString(answer.extensions(0).value().value()));
    CHECK(mounts.types_size() == 2);
    CHECK(mounts.transforms(1) == "format");
}

TEST_CASE("the runtime says which mounts are its own", "[shim]") {
    containerd::types::RuntimeInfo info;
    REQUIRE(info.ParseFromString(runtime_info()));
    CHECK(info.name() == "io.containerd.vminit.v2");
    CHECK(info.annotations().at("containerd.io/runtime-allow-mounts") == "mkdir/*,format/*,erofs,ext4");
}

TEST_CASE("other input is the runtime's options, whatever it decodes as", "[shim]") {
    auto stranger = params();
    stranger.set_instance_id("another");
    auto input = GENERATE_COPY(std::string(), std::string("\x0a\x05hello"), std::string("\xff\xff"),
                               stranger.SerializeAsString());
    auto how = read_bootstrap(request(), input);
    CHECK(how.form == answer_form::plain);
    CHECK(how.request.grpc_address == "/flag.sock");
    CHECK(how.socket_directory == "/run/containerd/s");
}

TEST_CASE("older daemons read JSON or a bare address", "[shim]") {
    auto newer = request();
    newer.knows_json = true;
    auto how = read_bootstrap(newer, {});
    CHECK(how.form == answer_form::json);
    CHECK(start_answer(how.form, "unix:///s") == R"({"version":2,"address":"unix:///s","protocol":"ttrpc"})");
    CHECK(start_answer(answer_form::plain, "unix:///s") == "unix:///s");
}
