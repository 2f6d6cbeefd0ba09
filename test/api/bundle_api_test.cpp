// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/bundle_api.hpp"

#include <catch2/catch.hpp>

#include "api/api_fixture.hpp"
#include "github.com/spin-stack/spinbox/api/services/bundle/v1/bundle.ttrpc.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
namespace proto = containerd::vminitd::services::bundle::v1;

TEST_CASE("a bundle holds exactly the bytes that were sent", "[api]") {
    test::api_fixture io;
    test::temporary_directory directory;
    io.server().add(api::make_bundle_api(io.ctx, directory.path("bundles")));
    REQUIRE(make_directories(directory.path("bundles"), 0750));
    proto::CreateRequest request;
    request.set_id("c1");
    (*request.mutable_files())["config.json"] = "{}";
    (*request.mutable_files())["a..b"] = std::string("\0\xff", 2);
    auto made = io.run(proto::BundleClient(io.rpc()).Create(request));
    REQUIRE(made);
    CHECK(made->bundle() == directory.path("bundles/c1"));
    CHECK(read_file(directory.path("bundles/c1/config.json")).value() == "{}");
    CHECK(read_file(directory.path("bundles/c1/a..b")).value() == std::string("\0\xff", 2));

    auto again = io.run(proto::BundleClient(io.rpc()).Create(request));
    REQUIRE_FALSE(again);
    CHECK(again.error().message() == "bundle c1: already exists");
    request.set_id("a/b");
    auto refused = io.run(proto::BundleClient(io.rpc()).Create(request));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message() == "invalid bundle ID: \"a/b\": invalid argument");
}
