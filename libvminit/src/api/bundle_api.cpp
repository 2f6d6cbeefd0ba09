// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/bundle_api.hpp"

#include <map>
#include <utility>

#include "github.com/spin-stack/spinbox/api/services/bundle/v1/bundle.ttrpc.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/runc/bundle.hpp"

namespace vminit::api {

namespace {

namespace bundle = containerd::vminitd::services::bundle::v1;

class bundle_api final : public bundle::BundleService {
public:
    bundle_api(asio::io_context& context, std::string root)
        : pool_(asio::use_service<blocking_service>(context)), store_(std::move(root)) {}

    awaitable<result<bundle::CreateResponse>> Create(ttrpc::call_context&, bundle::CreateRequest request) override {
        std::map<std::string, std::string> files;
        for (auto& [name, content] : *request.mutable_files()) files.emplace(name, std::move(content));
        // Files go to a tmpfs, but four megabytes of them can still meet reclaim.
        auto job = [store = store_, id = request.id(), files = std::move(files)] { return store.create(id, files); };
        auto path = co_await pool_.run(blocking_lane::files, std::move(job), "bundle " + request.id());
        if (!path) co_return path.error();
        bundle::CreateResponse response;
        response.set_bundle(*path);
        co_return response;
    }

private:
    blocking_service& pool_;
    runc::bundle_store store_;
};

}  // namespace

std::shared_ptr<ttrpc::service_base> make_bundle_api(asio::io_context& context, std::string root) {
    return std::make_shared<bundle_api>(context, std::move(root));
}

}  // namespace vminit::api
