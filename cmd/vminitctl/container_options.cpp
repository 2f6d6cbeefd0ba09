// SPDX-License-Identifier: Apache-2.0
#include "container_options.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <utility>

#include "environment_file.hpp"
#include "fresh_id.hpp"
#include "image_config.hpp"
#include "mount_option.hpp"
#include "quantity.hpp"
#include "spec_file.hpp"
#include "vminit/core/identifier.hpp"

namespace vminit::vminitctl {

namespace {

result<std::string> parse_directory(const std::string& text) {
    if (text.starts_with('/')) return text;
    return error(errc::invalid_argument, fmt::format("\"{}\" is not an absolute path", text));
}

result<annotation> parse_annotation(const std::string& text) {
    auto equals = text.find('=');
    if (equals == 0 || equals == std::string::npos)
        return error(errc::invalid_argument, fmt::format("\"{}\" is not NAME=VALUE", text));
    return annotation{text.substr(0, equals), text.substr(equals + 1)};
}

result<pid_namespace> parse_pids(const std::string& text) {
    if (text == "host") return pid_namespace::host;
    if (text == "own") return pid_namespace::own;
    return error(errc::invalid_argument, fmt::format("\"{}\" is not host or own", text));
}

// From the last to the first: what stands in a later one counts.
void add_environment_files(CLI::App& command, process_options& process) {
    auto take = [&process](const std::vector<std::string>& paths) {
        for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
            auto read = read_environment_file(*path);
            if (!read) throw CLI::ValidationError(read.error().message());
            add_default_environment(std::move(*read), process.environment);
        }
    };
    command
        .add_option_function<std::vector<std::string>>("--env-file", take,
                                                       "a file with a NAME=VALUE or NAME a line; may be repeated")
        ->allow_extra_args(false);
}

void declare_mounts(CLI::App& command, spec_options& spec) {
    add_parsed_list(command, "--mount", spec.mounts, parse_mount,
                    "type=T,source=S,target=D[,ro][,options=A:B]; paths are the guest's; may be repeated");
    add_parsed_list(
        command, "--volume,-v", spec.mounts, parse_volume,
        "SOURCE:TARGET[:ro], a path of the guest (not of this machine) to see in the container; may be repeated");
    add_parsed_list(command, "--tmpfs", spec.mounts, parse_tmpfs, "TARGET[:OPTION,OPTION]; may be repeated");
}

void declare_rights(CLI::App& command, container_options& options) {
    add_parsed_list(command, "--cap-add", options.spec.capabilities.added, parse_capability,
                    "a capability, or ALL (the default is all: after --cap-drop ALL, or with --spec)");
    add_parsed_list(command, "--cap-drop", options.spec.capabilities.dropped, parse_capability, "a capability, or ALL");
    command.add_flag("--privileged", options.privileged,
                     "every capability and device, nothing masked: so it is by default, but not with --spec");
}

result<void> check_together(const container_options& options) {
    if (!options.spec_file.empty() && !options.image_config.empty())
        return error(errc::invalid_argument, "--spec and --image-config exclude each other");
    if (options.privileged && !options.spec.capabilities.is_empty())
        return error(errc::invalid_argument, "--privileged and --cap-add or --cap-drop exclude each other");
    return {};
}

result<void> check_options(const container_options& options) {
    if (auto checked = check_together(options); !checked) return checked;
    if (!options.id.empty() && !options.name.empty() && options.id != options.name) {
        return error(errc::invalid_argument, "NAME and --id name different containers");
    }
    auto request = make_request(options);
    if (!request) return request.error();
    return {};
}

}  // namespace

result<void> check_id(const std::string& id, std::string_view what) {
    if (is_identifier(id)) return {};
    return error(errc::invalid_argument,
                 fmt::format("\"{}\" is not {} id (letters, digits, single . _ - between them, at most {})", id, what,
                             max_identifier_length));
}

void declare_process_options(CLI::App& command, process_options& process) {
    add_parsed(command, "--cwd,--workdir,-w", process.working_directory, parse_directory,
               "working directory (default /)");
    add_parsed_list(command, "--env,-e", process.environment, parse_environment,
                    "NAME=VALUE, or NAME for our own value; may be repeated");
    add_environment_files(command, process);
    add_parsed(command, "--user,-u", process.user, parse_user,
               "USER or USER:GROUP, names of the image or numbers (default 0:0)");
    command.add_flag("--tty,-t", process.terminal, "give it a terminal");
}

void declare_resources(CLI::App& command, resource_options& resources) {
    add_parsed(command, "--memory,-m", resources.memory, parse_bytes, "memory limit, e.g. 67108864 or 64M");
    add_parsed(command, "--cpus", resources.cpu_thousandths, parse_cpus, "CPU limit, e.g. 0.5");
    add_parsed(
        command, "--pids,--pids-limit", resources.pids,
        [](const std::string& text) { return parse_number(text, "a number of processes"); }, "limit of processes");
}

void declare_container_options(command_set& commands, CLI::App& command, container_options& options) {
    command.add_option("NAME", options.name, "the container's id (default: made up)");
    command.add_option("--id", options.id, "the same, as an option");
    command
        .add_option("--rootfs", options.rootfs,
                    "serial number of a disk, its device (/dev/vda), or a directory of the guest")
        ->required();
    command.add_option("--rootfs-type", options.rootfs_type, "filesystem on the disk")->capture_default_str();
    command.add_option(
        "--image-config", options.image_config,
        "an image's configuration (vminit-image disk leaves it beside a disk): command, environment, directory "
        "and user where none are given");
    command.add_option("--spec", options.spec_file, "an OCI config.json of one's own, which the other options change");
    declare_process_options(command, options.spec.process);
    command.add_option("--hostname", options.spec.hostname, "host name (default: the id)");
    declare_resources(command, options.spec.resources);
    add_parsed_list(command, "--ulimit", options.spec.limits, parse_process_limit,
                    "a limit of its processes, e.g. nofile=1024:4096 or core=unlimited; may be repeated");
    declare_mounts(command, options.spec);
    add_parsed_list(command, "--annotation", options.spec.annotations, parse_annotation, "NAME=VALUE; may be repeated");
    declare_rights(command, options);
    add_parsed(command, "--pid", options.spec.pids, parse_pids, "host: share the VM's pid namespace (default own)");
    command.add_flag("--init", options.has_init,
                     "vminitd as its PID 1, which passes signals on to the command and collects orphans");
    command.add_flag("--read-only", options.read_only, "make the root read-only");
    command.add_option("--stdout", options.stdout_uri,
                       "where its output goes when nobody is attached, e.g. file:///tmp/log");
    command.add_option("--stderr", options.stderr_uri, "the same for its errors");
    commands.takes_arguments(command, options.spec.process.arguments,
                             [&options] { return !options.image_config.empty() || !options.spec_file.empty(); });
    commands.checks(command, [&options] { return check_options(options); });
}

result<container_request> make_request(const container_options& options) {
    container_request request;
    request.id = !options.id.empty() ? options.id : !options.name.empty() ? options.name : fresh_container_id();
    if (auto checked = check_id(request.id, "a container"); !checked) return checked.error();
    auto rootfs = rootfs_mounts(options.rootfs, options.rootfs_type);
    if (!rootfs) return rootfs.error();
    request.rootfs = std::move(*rootfs);
    auto spec = options.spec;
    spec.id = request.id;
    if (!options.image_config.empty()) {
        auto applied = apply_image_config_file(options.image_config, spec.process);
        if (!applied) return applied.error();
    }
    if (!options.spec_file.empty()) {
        auto document = read_spec_file(options.spec_file);
        if (!document) return document.error();
        spec.document = std::move(*document);
    }
    if (options.privileged) spec.rights = privilege::full;
    if (options.has_init) spec.first = first_process::guests_init;
    spec.root = options.read_only ? root_access::read_only : root_access::writable;
    auto config = make_spec(spec);
    request.user_name = user_name_of(config.at("process").as_object());
    request.needs_init = options.has_init;
    request.config_json = boost::json::serialize(config);
    return request;
}

}  // namespace vminit::vminitctl
