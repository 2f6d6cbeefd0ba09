// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "github.com/spin-stack/spinbox/api/services/bundle/v1/bundle.ttrpc.hpp"
#include "github.com/spin-stack/spinbox/api/services/system/v1/info.ttrpc.hpp"
#include "running_vminitd.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

namespace bundle = containerd::vminitd::services::bundle::v1;
namespace wire = containerd::vminitd::services::system::v1;
using info_result = result<wire::InfoResponse>;

constexpr clock::duration limit = std::chrono::seconds(60);

info_result ask(io_fixture& loop, ttrpc::client& client) { return loop.run(wire::SystemClient(client).Info({}, limit)); }

awaitable<void> ask_into(ttrpc::client& client, std::optional<info_result>& answer) {
    wire::SystemClient system(client);
    google::protobuf::Empty nothing;
    auto outcome = co_await system.Info(nothing, limit);
    answer.emplace(std::move(outcome));
}

bundle::CreateRequest bundle_of(const std::string& id, std::size_t bytes) {
    bundle::CreateRequest request;
    request.set_id(id);
    (*request.mutable_files())["big"] = std::string(bytes, 'x');
    return request;
}

void hang_up(io_fixture& loop, ttrpc::client& client) {
    client.close();
    loop.run(client.join());
}

}  // namespace

TEST_CASE_METHOD(io_fixture, "without a descriptor left connections wait until there is one again", "[vminitd]") {
    running_vminitd server;
    ttrpc::client known(server.connect(*this), log());
    REQUIRE(ask(*this, known));
    server.set_limit(RLIMIT_NOFILE, server.next_descriptor());
    ttrpc::client waiting(server.connect(*this), log());
    std::optional<info_result> answer;
    task_group tasks(ex(), log());
    tasks.spawn("waiting", ask_into(waiting, answer));
    // Those who have a connection are served as ever, and nobody is lost.
    for (int round = 0; round < 50; ++round) CHECK(ask(*this, known));
    CHECK_FALSE(answer);
    CHECK(server.is_alive());
    server.lift_limit(RLIMIT_NOFILE);
    pump([&] { return answer.has_value(); });
    CHECK(*answer);
    hang_up(*this, known);
    hang_up(*this, waiting);
}

TEST_CASE_METHOD(io_fixture, "a request that there is no memory for fails, and nothing else", "[vminitd]") {
    running_vminitd server;
    ttrpc::client known(server.connect(*this), log());
    REQUIRE(ask(*this, known));
    server.set_limit(RLIMIT_AS, server.used_addresses() + (std::size_t{1} << 20));
    constexpr std::size_t almost_a_frame = (std::size_t{4} << 20) - 4096;
    {
        ttrpc::client greedy(server.connect(*this), log());
        bundle::BundleClient bundles(greedy);
        CHECK_FALSE(run(bundles.Create(bundle_of("greedy", almost_a_frame), limit)));
        hang_up(*this, greedy);
    }
    CHECK(server.is_alive());
    CHECK(ask(*this, known));
    server.lift_limit(RLIMIT_AS);
    ttrpc::client modest(server.connect(*this), log());
    bundle::BundleClient bundles(modest);
    CHECK(run(bundles.Create(bundle_of("modest", almost_a_frame), limit)));
    hang_up(*this, modest);
    hang_up(*this, known);
}
