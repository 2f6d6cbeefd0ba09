// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "github.com/spin-stack/spinbox/api/services/bundle/v1/bundle.ttrpc.hpp"
#include "github.com/spin-stack/spinbox/api/services/system/v1/info.ttrpc.hpp"
#include "running_vminitd.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

namespace bundle = containerd::vminitd::services::bundle::v1;
namespace wire = containerd::vminitd::services::system::v1;

constexpr clock::duration limit = std::chrono::seconds(60);

}  // namespace

TEST_CASE_METHOD(io_fixture, "a service that is left out is not implemented, the others are served", "[vminitd]") {
    running_vminitd server({"-disabled-plugins=io.containerd.ttrpc.v1.bundle,no.such.plugin"});
    CHECK(server.has_stream_port());
    ttrpc::client client(server.connect(*this), log());
    bundle::CreateRequest request;
    request.set_id("one");
    auto created = run(bundle::BundleClient(client).Create(request, limit));
    REQUIRE_FALSE(created);
    CHECK(created.error().kind() == errc::not_implemented);
    CHECK(run(wire::SystemClient(client).Info({}, limit)));
    client.close();
    run(client.join());
}

TEST_CASE_METHOD(io_fixture, "without task and streaming nothing listens on the stream port", "[vminitd]") {
    running_vminitd server({"-disabled-plugins", "io.containerd.ttrpc.v1.task,spinbox.streaming.v1.vsock"});
    CHECK_FALSE(server.has_stream_port());
    ttrpc::client client(server.connect(*this), log());
    CHECK(run(wire::SystemClient(client).Info({}, limit)));
    client.close();
    run(client.join());
}
