// SPDX-License-Identifier: Apache-2.0
#include "lasting_info.hpp"

#include <utility>

#include "github.com/spin-stack/spinbox/api/services/system/v1/info.pb.h"
#include "vminit/system/system_service.hpp"

namespace vminit::api {

lasting_info::lasting_info(asio::io_context& context)
    : system_(asio::use_service<system::system_service>(context)), capabilities_(context), runtime_(context) {}

awaitable<result<void>> lasting_info::look() {
    auto facts = co_await system_.info();
    if (!facts) co_return facts.error();
    auto runtime = co_await runtime_.ask();
    containerd::vminitd::services::system::v1::InfoResponse lasting;
    lasting.set_version(facts->version);
    lasting.set_kernel_version(facts->kernel_version);
    for (const auto& word : capabilities_.words()) lasting.add_capabilities(word);
    lasting.set_runtime_version(std::move(runtime.version));
    lasting.set_runtime_features(std::move(runtime.features));
    bytes_ = lasting.SerializeAsString();
    is_final_ = runtime_.is_known() && !facts->kernel_version.empty();
    co_return result<void>();
}

}  // namespace vminit::api
