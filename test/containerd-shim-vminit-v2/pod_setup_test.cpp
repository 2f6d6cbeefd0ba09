// SPDX-License-Identifier: Apache-2.0
#include "pod_setup.hpp"

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

#include "guest_spec.hpp"
#include "k8s.io/cri-api/pkg/apis/runtime/v1/api.pb.h"
#include "network_wish.hpp"
#include "pod_metrics.hpp"
#include "spec_facts.hpp"

using namespace vminit;
using namespace vminit::shim;
namespace wire = containerd::runtime::sandbox::v1;
namespace cri = ::runtime::v1;

namespace {

const host_identity machine{"host", "127.0.0.1 localhost\n", "nameserver 1.1.1.1\n"};

wire::CreateSandboxRequest request_for(const cri::PodSandboxConfig& config) {
    wire::CreateSandboxRequest request;
    request.set_sandbox_id("pod1");
    request.set_bundle_path("/run/bundle");
    request.set_netns_path("/run/netns/n");
    request.mutable_options()->set_type_url("runtime.v1.PodSandboxConfig");
    request.mutable_options()->set_value(config.SerializeAsString());
    return request;
}

std::string namespaces_in(const pod_setup& pod) {
    std::string all;
    auto spec = boost::json::parse(pod.config_json);
    for (const auto& each : spec.at("linux").at("namespaces").as_array())
        all += std::string(each.at("type").as_string()) + " ";
    return all;
}

}  // namespace

TEST_CASE("a pod's configuration becomes the spec of what holds its namespaces", "[shim]") {
    cri::PodSandboxConfig config;
    config.set_hostname("web");
    (*config.mutable_annotations())["io.vminit.vcpus"] = "3";
    auto& os = *config.mutable_linux();
    (*os.mutable_sysctls())["net.ipv4.tcp_sack"] = "0";
    os.set_cgroup_parent("/kubepods/pod1");
    os.mutable_resources()->set_memory_limit_in_bytes(1 << 28);
    os.mutable_resources()->set_cpu_quota(150000);
    os.mutable_resources()->set_cpu_period(100000);
    auto pod = make_pod_setup(request_for(config), machine);
    REQUIRE(pod);
    CHECK(pod->id == "pod1");
    CHECK(pod->bundle == "/run/bundle");
    CHECK(namespaces_in(*pod) == "mount uts pid ipc network ");
    auto facts = read_spec_facts(pod->config_json);
    REQUIRE(facts);
    CHECK(facts->vcpus == 3);
    CHECK(facts->pod == resource_limits{1 << 28, 1500});
    CHECK(facts->net_sysctls.at("net.ipv4.tcp_sack") == "0");
    CHECK(facts->cgroups_path == "/kubepods/pod1/pod1");
    CHECK(network_wish_of(pod->config_json, network_mode::name_space)->path == "/run/netns/n");
    auto spec = boost::json::parse(pod->config_json);
    CHECK(spec.at("hostname") == "web");
    CHECK(spec.at("process").at("args") == boost::json::value({"/pause", "--hold-namespaces"}));
    CHECK(spec.at("process").at("user").at("uid") == 65534);
    CHECK(spec.at("root").at("readonly") == true);
}

TEST_CASE("what holds a pod's namespaces runs the guest's own program", "[shim]") {
    auto pod = make_pod_setup(request_for(cri::PodSandboxConfig()), machine);
    REQUIRE(pod);
    guest_spec_input input;
    input.id = "pod1";
    input.kind_of = [](const std::string&) { return source_kind::of_guest; };
    auto inside = make_guest_spec(pod->config_json, input);
    REQUIRE(inside);
    CHECK(inside->files.empty());
    auto spec = boost::json::parse(inside->config_json);
    CHECK(spec.at("mounts").at(2).at("source") == "/init");
    CHECK(spec.at("mounts").at(2).at("options") == boost::json::value({"bind", "ro", "nosuid", "nodev"}));
    CHECK(spec.at("linux").at("namespaces").as_array().size() == 4);  // the VM is the border of the network
}

TEST_CASE("a pod's files are its configuration's, or this machine's", "[shim]") {
    cri::PodSandboxConfig config;
    auto pod = make_pod_setup(request_for(config), machine);
    REQUIRE(pod);
    CHECK(pod->files.at("/etc/hostname") == "host\n");
    CHECK(pod->files.at("/etc/hosts") == machine.hosts);
    CHECK(pod->files.at("/etc/resolv.conf") == machine.resolv_conf);
    CHECK(read_spec_facts(pod->config_json)->cgroups_path.empty());
    config.set_hostname("web");
    config.mutable_dns_config()->add_servers("10.0.0.1");
    config.mutable_dns_config()->add_servers("10.0.0.2");
    config.mutable_dns_config()->add_searches("a.example");
    config.mutable_dns_config()->add_searches("b.example");
    config.mutable_dns_config()->add_options("ndots:5");
    pod = make_pod_setup(request_for(config), machine);
    REQUIRE(pod);
    CHECK(pod->files.at("/etc/hostname") == "web\n");
    CHECK(pod->files.at("/etc/resolv.conf") ==
          "search a.example b.example\nnameserver 10.0.0.1\nnameserver 10.0.0.2\noptions ndots:5\n");
}

TEST_CASE("a container has the pod's files where it has none of its own", "[shim]") {
    guest_spec_input input;
    input.kind_of = [](const std::string&) { return source_kind::file; };
    input.pod_files = {{"/etc/hosts", "/vm/pod-hosts"}, {"/etc/hostname", "/vm/pod-hostname"}};
    auto spec = make_guest_spec(
        R"({"root":{},"mounts":[{"destination":"/etc/hosts","type":"bind","source":"/own","options":["ro"]}]})", input);
    REQUIRE(spec);
    CHECK(spec->files == std::vector<bundle_file>{{"/own", "mount-0"}, {"/vm/pod-hostname", "mount-1"}});
    auto inside = boost::json::parse(spec->config_json);
    CHECK(inside.at("mounts").at(1).at("destination") == "/etc/hostname");
    CHECK(inside.at("mounts").at(1).at("source") == "mount-1");
    CHECK(make_guest_spec(R"({"root":{}})", input)->files.size() == 2);
}

TEST_CASE("what a pod shares with this machine is left out of its own", "[shim]") {
    cri::PodSandboxConfig config;
    auto& options = *config.mutable_linux()->mutable_security_context()->mutable_namespace_options();
    options.set_pid(cri::NODE);
    options.set_ipc(cri::NODE);
    CHECK(namespaces_in(*make_pod_setup(request_for(config), machine)) == "mount uts network ");
    options.set_network(cri::NODE);
    auto pod = make_pod_setup(request_for(config), machine);
    CHECK(network_wish_of(pod->config_json, network_mode::name_space).error().kind() == errc::not_implemented);
}

TEST_CASE("systemd's slices are named as CRI does", "[shim]") {
    cri::PodSandboxConfig config;
    config.mutable_linux()->set_cgroup_parent("/kubepods.slice/kubepods-podx.slice/");
    auto pod = make_pod_setup(request_for(config), machine);
    CHECK(read_spec_facts(pod->config_json)->cgroups_path == "kubepods-podx.slice:cri-containerd:pod1");
}

TEST_CASE("a pod without options is one with the usual, and other options are refused", "[shim]") {
    wire::CreateSandboxRequest request;
    CHECK(make_pod_setup(request, machine).error().kind() == errc::invalid_argument);
    request.set_sandbox_id("pod1");
    CHECK(make_pod_setup(request, machine));
    request.mutable_options()->set_type_url("runtime.v1.Other");
    CHECK(make_pod_setup(request, machine).error().message().find("runtime.v1.Other") != std::string::npos);
    request.mutable_options()->set_type_url("runtime.v1.PodSandboxConfig");
    request.mutable_options()->set_value("\xff\xff\xff");
    CHECK_FALSE(make_pod_setup(request, machine));
}

TEST_CASE("a pod uses what its containers use together", "[shim]") {
    io::containerd::cgroups::v2::Metrics total, each;
    each.mutable_cpu()->set_usage_usec(5);
    each.mutable_memory()->set_usage(7);
    each.mutable_memory()->set_inactive_file(2);
    each.mutable_memory()->set_usage_limit(100);
    each.mutable_pids()->set_current(3);
    add_metrics(total, each);
    add_metrics(total, each);
    CHECK(total.cpu().usage_usec() == 10);
    CHECK(total.memory().usage() == 14);
    CHECK(total.memory().inactive_file() == 4);
    CHECK(total.memory().usage_limit() == 0);
    CHECK(total.pids().current() == 6);
}
