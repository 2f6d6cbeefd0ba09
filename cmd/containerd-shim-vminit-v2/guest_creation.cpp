// SPDX-License-Identifier: Apache-2.0
#include "guest_creation.hpp"

#include "vminit/core/file.hpp"

namespace vminit::shim {

namespace {

constexpr auto call_limit = std::chrono::seconds(60);

}  // namespace

result<std::string> read_bundle_file(const std::string& path) {
    auto text = read_file(path, largest_bundle_file + 1);
    if (!text) return text.error();
    if (text->size() > largest_bundle_file) return error(errc::resource_exhausted, path + ": more than 1 MiB");
    return text;
}

awaitable<result<std::string>> create_guest_bundle(guest_link::calls calls, std::string id, guest_spec spec) {
    containerd::vminitd::services::bundle::v1::CreateRequest message;
    message.set_id(std::move(id));
    auto& files = *message.mutable_files();
    files["config.json"] = std::move(spec.config_json);
    for (const auto& file : spec.files) {
        auto bytes = read_bundle_file(file.source);
        if (!bytes) co_return bytes.error().within("bind mount");
        files[file.name] = std::move(*bytes);
    }
    auto bundles = calls.bundle();
    auto made = co_await bundles.Create(std::move(message), ttrpc::call_options(call_limit));
    if (!made) co_return made.error();
    co_return made->bundle();
}

containerd::task::v3::CreateTaskRequest guest_create_request(const shim_container& container, const stdio_names& names,
                                                             std::string bundle) {
    containerd::task::v3::CreateTaskRequest inside;
    inside.set_id(container.id());
    inside.set_bundle(std::move(bundle));
    for (const auto& entry : container.storage.rootfs.in_guest) {
        auto& mount = *inside.add_rootfs();
        mount.set_type(entry.type);
        mount.set_source(entry.source);
        for (const auto& option : entry.options) mount.add_options(option);
    }
    inside.set_terminal(names.is_terminal);
    inside.set_stdin(names.in);
    inside.set_stdout(names.out);
    inside.set_stderr(names.err);
    return inside;
}

}  // namespace vminit::shim
