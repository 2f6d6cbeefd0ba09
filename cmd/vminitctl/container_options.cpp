#include "container_options.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <utility>

#include "fresh_id.hpp"
#include "image_config.hpp"
#include "mount_option.hpp"
#include "quantity.hpp"
#include "vminit/core/identifier.hpp"

namespace vminit::vminitctl {

namespace {

result<std::string> parse_environment(const std::string& text) {
    if (text.empty() || text.front() == '=') {
        return error(errc::invalid_argument, fmt::format("\"{}\" is not NAME=VALUE or NAME", text));
    }
    return text;
}

result<std::string> parse_directory(const std::string& text) {
    if (text.starts_with('/')) return text;
    return error(errc::invalid_argument, fmt::format("\"{}\" is not an absolute path", text));
}

result<void> check_options(const container_options& options) {
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
    add_parsed(command, "--cwd,-w", process.working_directory, parse_directory, "working directory (default /)");
    add_parsed_list(command, "--env,-e", process.environment, parse_environment,
                    "NAME=VALUE, or NAME for our own value; may be repeated");
    add_parsed(command, "--user,-u", process.user, parse_user, "UID or UID:GID (default 0:0)");
    command.add_flag("--tty,-t", process.terminal, "give it a terminal");
}

void declare_resources(CLI::App& command, resource_options& resources) {
    add_parsed(command, "--memory,-m", resources.memory, parse_bytes, "memory limit, e.g. 67108864 or 64M");
    add_parsed(command, "--cpus", resources.cpu_thousandths, parse_cpus, "CPU limit, e.g. 0.5");
    add_parsed(
        command, "--pids", resources.pids,
        [](const std::string& text) { return parse_number(text, "a number of processes"); }, "limit of processes");
}

void declare_container_options(command_set& commands, CLI::App& command, container_options& options) {
    command.add_option("NAME", options.name, "the container's id (default: made up)");
    command.add_option("--id", options.id, "the same, as an option");
    command.add_option("--rootfs", options.rootfs, "serial number of a disk, its device (/dev/vda), or a directory of the guest")->required();
    command.add_option("--rootfs-type", options.rootfs_type, "filesystem on the disk")->capture_default_str();
    command.add_option("--image-config", options.image_config,
                       "an image's configuration (vminit-image disk leaves it beside a disk): command, environment, directory "
                       "and user where none are given");
    declare_process_options(command, options.spec.process);
    command.add_option("--hostname", options.spec.hostname, "host name (default: the id)");
    declare_resources(command, options.spec.resources);
    add_parsed_list(command, "--mount", options.spec.mounts, parse_mount,
                    "type=T,source=S,target=D[,ro][,options=A:B]; paths are the guest's; may be repeated");
    auto parse_pid = [](const std::string& text) -> result<pid_namespace> {
        if (text == "host") return pid_namespace::host;
        if (text == "own") return pid_namespace::own;
        return error(errc::invalid_argument, fmt::format("\"{}\" is not host or own", text));
    };
    add_parsed(command, "--pid", options.spec.pids, parse_pid, "host: share the VM's pid namespace (default own)");
    command.add_flag("--read-only", options.read_only, "make the root read-only");
    command.add_option("--stdout", options.stdout_uri,
                       "where its output goes when nobody is attached, e.g. file:///tmp/log");
    command.add_option("--stderr", options.stderr_uri, "the same for its errors");
    commands.takes_arguments(command, options.spec.process.arguments, [&options] { return !options.image_config.empty(); });
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
    spec.root = options.read_only ? root_access::read_only : root_access::writable;
    request.config_json = boost::json::serialize(make_spec(spec));
    return request;
}

}  // namespace vminit::vminitctl
