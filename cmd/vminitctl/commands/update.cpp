// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "commands/commands.hpp"
#include "commands/process_argument.hpp"
#include "quantity.hpp"

namespace vminit::vminitctl {

namespace {

struct update_options {
    std::string id;
    resource_options resources;
};

awaitable<result<int>> update(client_session& guest, update_options options) {
    containerd::task::v3::UpdateTaskRequest request;
    request.set_id(options.id);
    request.mutable_resources()->set_type_url("types.containerd.io/opencontainers/runtime-spec/1/LinuxResources");
    request.mutable_resources()->set_value(boost::json::serialize(make_resources(options.resources)));
    auto tasks = guest.task();
    auto updated = co_await tasks.Update(std::move(request), guest.call_limit());
    if (!updated) co_return updated.error();
    record facts{{"id", options.id}, {"resources", make_resources(options.resources)}};
    if (guest.out().is_json()) guest.out().answer(facts);
    co_return 0;
}

result<void> check_options(const update_options& options) {
    if (!options.resources.is_empty()) return {};
    return error(errc::invalid_argument, "give at least one of --memory, --cpus and --pids");
}

}  // namespace

void add_update(command_set& commands) {
    auto options = std::make_shared<update_options>();
    auto& command = commands.add("update", "change the limits of a container",
                                 [options](client_session& guest) { return update(guest, *options); });
    declare_container(command, options->id);
    declare_resources(command, options->resources);
    commands.checks(command, [options] { return check_options(*options); });
}

}  // namespace vminit::vminitctl
