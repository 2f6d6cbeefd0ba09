// SPDX-License-Identifier: Apache-2.0
#include "pod_setup.hpp"

#include <unistd.h>

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "k8s.io/cri-api/pkg/apis/runtime/v1/api.pb.h"
#include "vminit/core/file.hpp"

namespace vminit::shim {

namespace json = boost::json;
namespace cri = ::runtime::v1;
namespace wire = containerd::runtime::sandbox::v1;

namespace {

constexpr std::string_view config_type = "runtime.v1.PodSandboxConfig";
constexpr std::string_view slice_suffix = ".slice";
constexpr int nobody = 65534;

result<cri::PodSandboxConfig> read_options(const google::protobuf::Any& options) {
    cri::PodSandboxConfig config;
    if (options.type_url().empty() && options.value().empty()) return config;
    bool is_read = options.type_url().ends_with(config_type) && config.ParseFromString(options.value());
    if (!is_read) return error(errc::invalid_argument, "sandbox options of type \"" + options.type_url() + "\"");
    return config;
}

// As CRI writes it for the pod's containers.
std::string cgroups_path(std::string parent, const std::string& id) {
    if (parent.empty()) return {};
    while (parent.size() > 1 && parent.back() == '/') parent.pop_back();
    if (!parent.ends_with(slice_suffix)) return parent + "/" + id;
    return parent.substr(parent.rfind('/') + 1) + ":cri-containerd:" + id;
}

json::object annotations_of(const cri::PodSandboxConfig& config, const wire::CreateSandboxRequest& request) {
    json::object annotations;
    for (const auto& [name, value] : request.annotations()) annotations[name] = value;
    for (const auto& [name, value] : config.annotations()) annotations[name] = value;
    const auto& resources = config.linux().resources();
    annotations["io.kubernetes.cri.sandbox-memory"] = std::to_string(resources.memory_limit_in_bytes());
    annotations["io.kubernetes.cri.sandbox-cpu-quota"] = std::to_string(resources.cpu_quota());
    annotations["io.kubernetes.cri.sandbox-cpu-period"] = std::to_string(resources.cpu_period());
    return annotations;
}

json::array namespaces_of(const cri::PodSandboxConfig& config, const std::string& network_path) {
    const auto& wanted = config.linux().security_context().namespace_options();
    json::array namespaces{json::object{{"type", "mount"}}, json::object{{"type", "uts"}}};
    if (wanted.pid() != cri::NODE) namespaces.push_back(json::object{{"type", "pid"}});
    if (wanted.ipc() != cri::NODE) namespaces.push_back(json::object{{"type", "ipc"}});
    json::object network{{"type", "network"}};
    if (!network_path.empty()) network["path"] = network_path;
    if (wanted.network() != cri::NODE) namespaces.push_back(std::move(network));
    return namespaces;
}

// It can do nothing, and nothing is in its root but itself.
json::object holder_process() {
    json::object process;
    process["user"] = {{"uid", nobody}, {"gid", nobody}};
    process["args"] = {holder_program, holder_option};
    process["cwd"] = "/";
    process["noNewPrivileges"] = true;
    return process;
}

json::object spec_of(const cri::PodSandboxConfig& config, const wire::CreateSandboxRequest& request) {
    json::object sysctls;
    for (const auto& [name, value] : config.linux().sysctls()) sysctls[name] = value;
    json::object os{{"namespaces", namespaces_of(config, request.netns_path())}, {"sysctl", std::move(sysctls)}};
    auto cgroup = cgroups_path(config.linux().cgroup_parent(), request.sandbox_id());
    if (!cgroup.empty()) os["cgroupsPath"] = cgroup;
    json::object program{{"destination", holder_program}, {"type", "bind"}, {"source", holder_source}};
    program["options"] = {"bind", "ro", "nosuid", "nodev"};
    json::object proc{{"destination", "/proc"}, {"type", "proc"}, {"source", "proc"}};
    json::object dev{{"destination", "/dev"}, {"type", "tmpfs"}, {"source", "dev"}};
    json::object spec{{"ociVersion", "1.0.2"}, {"process", holder_process()}, {"linux", std::move(os)}};
    spec["root"] = {{"path", "rootfs"}, {"readonly", true}};
    if (!config.hostname().empty()) spec["hostname"] = config.hostname();
    spec["mounts"] = json::array{std::move(proc), std::move(dev), std::move(program)};
    spec["annotations"] = annotations_of(config, request);
    return spec;
}

template <class Words>
void add_line(std::string& text, std::string_view keyword, const Words& words) {
    if (words.empty()) return;
    text += keyword;
    for (const auto& word : words) text += " " + word;
    text += "\n";
}

std::string resolv_conf_of(const cri::DNSConfig& dns) {
    std::string text;
    add_line(text, "search", dns.searches());
    for (const auto& server : dns.servers()) add_line(text, "nameserver", std::array{server});
    add_line(text, "options", dns.options());
    return text;
}

}  // namespace

host_identity read_host_identity() {
    host_identity host;
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) == 0) host.hostname = name.data();
    if (auto hosts = read_file("/etc/hosts")) host.hosts = std::move(*hosts);
    if (auto resolv_conf = read_file("/etc/resolv.conf")) host.resolv_conf = std::move(*resolv_conf);
    return host;
}

result<pod_setup> make_pod_setup(const wire::CreateSandboxRequest& request, const host_identity& host) {
    if (request.sandbox_id().empty()) return error(errc::invalid_argument, "no sandbox id");
    auto config = read_options(request.options());
    if (!config) return config.error();
    pod_setup pod;
    pod.id = request.sandbox_id();
    pod.bundle = request.bundle_path();
    pod.config_json = json::serialize(spec_of(*config, request));
    auto resolv_conf = resolv_conf_of(config->dns_config());
    pod.files["/etc/resolv.conf"] = resolv_conf.empty() ? host.resolv_conf : resolv_conf;
    pod.files["/etc/hostname"] = (config->hostname().empty() ? host.hostname : config->hostname()) + "\n";
    pod.files["/etc/hosts"] = host.hosts;
    return pod;
}

}  // namespace vminit::shim
