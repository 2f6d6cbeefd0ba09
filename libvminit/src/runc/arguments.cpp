// SPDX-License-Identifier: Apache-2.0
#include "runc/arguments.hpp"

#include <initializer_list>

namespace vminit::runc {

namespace {

void append(arguments& to, std::initializer_list<std::string> words) { to.insert(to.end(), words); }

void append_if(arguments& to, bool condition, const char* flag) {
    if (condition) to.emplace_back(flag);
}

void append_value(arguments& to, const char* flag, const std::string& value) {
    if (!value.empty()) append(to, {flag, value});
}

}  // namespace

const std::string& binary_of(const runc_config& config, const runtime_ref& container) {
    return container.binary.empty() ? config.binary : container.binary;
}

const std::string& root_of(const runc_config& config, const runtime_ref& container) {
    return container.root.empty() ? config.root : container.root;
}

arguments global_arguments(const runc_config& config, const runtime_ref& container) {
    arguments all = {binary_of(config, container)};
    append_value(all, "--root", root_of(config, container));
    append_if(all, config.debug, "--debug");
    return all;
}

arguments create_arguments(const runc_config& config, const create_options& options) {
    auto all = global_arguments(config, options.container);
    const auto& bundle = options.container.bundle;
    append(all, {"create", "--bundle", bundle, "--pid-file", runc_service::init_pid_file(bundle)});
    append_value(all, "--console-socket", options.console_socket);
    append_if(all, options.no_pivot, "--no-pivot");
    append_if(all, options.no_new_keyring, "--no-new-keyring");
    all.push_back(options.container.id);
    return all;
}

arguments exec_arguments(const runc_config& config, const exec_options& options, const std::string& process_file) {
    auto all = global_arguments(config, options.container);
    append(all, {"exec", "--process", process_file});
    append_value(all, "--console-socket", options.console_socket);
    auto pid_file = runc_service::exec_pid_file(options.container.bundle, options.exec_id);
    append(all, {"--detach", "--pid-file", pid_file, options.container.id});
    return all;
}

arguments kill_arguments(const runc_config& config, const runtime_ref& container, int signal, kill_scope scope) {
    auto all = global_arguments(config, container);
    all.emplace_back("kill");
    append_if(all, scope == kill_scope::all, "--all");
    append(all, {container.id, std::to_string(signal)});
    return all;
}

arguments delete_arguments(const runc_config& config, const runtime_ref& container, remove_mode mode) {
    auto all = global_arguments(config, container);
    all.emplace_back("delete");
    append_if(all, mode == remove_mode::force, "--force");
    all.push_back(container.id);
    return all;
}

arguments ps_arguments(const runc_config& config, const runtime_ref& container) {
    auto all = global_arguments(config, container);
    append(all, {"ps", "--format", "json", container.id});
    return all;
}

arguments update_arguments(const runc_config& config, const runtime_ref& container) {
    auto all = global_arguments(config, container);
    append(all, {"update", "--resources=-", container.id});
    return all;
}

arguments checkpoint_arguments(const runc_config& config, const checkpoint_options& options) {
    auto all = global_arguments(config, options.container);
    all.emplace_back("checkpoint");
    append_value(all, "--image-path", options.image_path);
    append_value(all, "--work-path", options.work_path);
    append_value(all, "--parent-path", options.parent_path);
    append_if(all, options.open_tcp, "--tcp-established");
    append_if(all, options.external_unix_sockets, "--ext-unix-sk");
    append_if(all, options.terminal, "--shell-job");
    append_value(all, "--page-server", options.page_server);
    append_if(all, options.file_locks, "--file-locks");
    append_value(all, "--manage-cgroups-mode", options.cgroups_mode);
    for (const auto& kind : options.empty_namespaces) append_value(all, "--empty-ns", kind);
    append_if(all, options.lazy_pages, "--lazy-pages");
    append_if(all, options.leave_running, "--leave-running");
    all.push_back(options.container.id);
    return all;
}

arguments simple_arguments(const runc_config& config, const runtime_ref& container, std::string verb) {
    auto all = global_arguments(config, container);
    append(all, {std::move(verb), container.id});
    return all;
}

}  // namespace vminit::runc
