// SPDX-License-Identifier: Apache-2.0
#include "vminit/runc/spec_fit.hpp"

#include "runc/machine.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::runc;
using namespace vminit::test;
namespace json = boost::json;

TEST_CASE("a spec for this machine stays as it is", "[runc]") {
    auto text = R"({"ociVersion": "1.0.2", "future": {"a": [1, 2.5, "x", null]},
        "process": {"args": ["sh"], "cwd": "/", "oomScoreAdj": 100,
                    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}]},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                   {"destination": "/x", "type": "tmpfs", "source": "tmpfs", "odd": 1}],
        "linux": {"futureToo": true, "cgroupsPath": "/default/x", "seccomp": {"defaultAction": "SCMP_ACT_ERRNO"},
                  "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"],
                  "sysctl": {"kernel.shmmax": "1"},
                  "namespaces": [{"type": "pid"}, {"type": "network"}],
                  "devices": [{"path": "/dev/vda", "type": "b", "major": 254, "minor": 0}],
                  "resources": {"memory": {"limit": 18446744073709551615}, "pids": {"limit": 5},
                                "cpu": {"cpus": "0-1", "mems": "0", "quota": 5},
                                "devices": [{"allow": false, "access": "rwm"}], "unified": {"memory.high": "1"}}}})";
    auto outcome = fit(text, make_machine(), make_options(GENERATE(spec_policy::keep, spec_policy::relax)));
    CHECK(outcome.spec == parsed(text).as_object());
    CHECK(outcome.said == "");
}

TEST_CASE("a spec of another machine is made to fit", "[runc]") {
    // What the host writes; what becomes of it; the remark.
    using row = std::tuple<std::string, std::string, std::string>;
    auto [given, expected, said] = GENERATE(values<row>({
        {R"("ociVersion": "1.3.0")", R"("ociVersion": "1.1.0")", "ociVersion 1.3.0 lowered to 1.1.0"},
        {R"("ociVersion": "1.2.1-dev")", R"("ociVersion": "1.1.0")", "ociVersion 1.2.1-dev lowered to 1.1.0"},
        {R"("ociVersion": "2.0.0")", R"("ociVersion": "2.0.0")", ""},
        {R"("process": {"apparmorProfile": "cri-containerd.apparmor.d"})", R"("process": {})",
         "apparmorProfile left out: no such profile is loaded"},
        {R"("process": {"apparmorProfile": "unconfined"})", R"("process": {})", ""},
        {R"("process": {"selinuxLabel": "system_u:object_r:x"})", R"("process": {})",
         "selinuxLabel left out: no SELinux"},
        {R"("process": {"oomScoreAdj": -2000})", R"("process": {"oomScoreAdj": -1000})",
         "oomScoreAdj clamped to -1000"},
        {R"("process": {"rlimits": [{"type": "RLIMIT_NOFILE", "hard": 18446744073709551615, "soft": 1073741816}]})",
         R"("process": {"rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1048576, "soft": 1048576}]})",
         "hard RLIMIT_NOFILE lowered to 1048576; soft RLIMIT_NOFILE lowered to 1048576"},
        {R"("process": {"rlimits": [{"type": "RLIMIT_MEMLOCK", "hard": 18446744073709551615, "soft": 5}, 7]})",
         R"("process": {"rlimits": [{"type": "RLIMIT_MEMLOCK", "hard": 18446744073709551615, "soft": 5}, 7]})", ""},
        {R"("linux": {"mountLabel": "system_u:object_r:x"})", R"("linux": {})", "mountLabel left out: no SELinux"},
        {R"("linux": {"intelRdt": {"closID": "a"}})", R"("linux": {})", "intelRdt left out: no resctrl"},
        {R"("linux": {"cgroupsPath": "system.slice:cri-containerd:x"})",
         R"("linux": {"cgroupsPath": "/cri-containerd-x"})",
         "cgroupsPath system.slice:cri-containerd:x is /cri-containerd-x"},
        {R"("linux": {"cgroupsPath": "user.slice::x"})", R"("linux": {"cgroupsPath": "/x"})",
         "cgroupsPath user.slice::x is /x"},
        {R"("linux": {"cgroupsPath": "/a:b/c:d"})", R"("linux": {"cgroupsPath": "/a:b/c:d"})", ""},
        {R"("hooks": {"prestart": [{"path": "/usr/bin/nvidia-hook"}, {"path": "/proc/7/exe"}, {"path": "/bin/hook"}],
            "startContainer": [{"path": "/in/the/image"}]})",
         R"("hooks": {"prestart": [{"path": "/bin/hook"}], "startContainer": [{"path": "/in/the/image"}]})",
         "prestart hook left out: /usr/bin/nvidia-hook is not here; prestart hook left out: /proc/7/exe is not here"},
        {R"("linux": {"namespaces": [{"type": "network", "path": "/var/run/netns/cni-1"}, {"type": "pid"}]})",
         R"("linux": {"namespaces": [{"type": "pid"}]})",
         "network namespace is the VM's: /var/run/netns/cni-1 is not here"},
        {R"("linux": {"namespaces": [{"type": "ipc", "path": "/proc/99/ns/ipc"}]})",
         R"("linux": {"namespaces": [{"type": "ipc", "path": "/proc/99/ns/ipc"}]})", ""},
    }));
    auto machine = make_machine();
    has_paths(machine, {{"/bin/hook", path_kind::present}, {"/proc/7/exe", path_kind::link}});
    auto outcome = fit("{" + given + "}", machine);
    auto wanted = parsed("{" + expected + "}").as_object();
    for (const char* part : {"linux", "mounts"}) {
        if (!wanted.contains(part)) outcome.spec.erase(part);
    }
    CHECK(outcome.spec == wanted);
    CHECK(outcome.said == said);
}

TEST_CASE("labels that mean something here are kept", "[runc]") {
    auto machine = make_machine();
    machine.process.has_selinux = true;
    machine.process.apparmor_profiles = {"web"};
    auto text = R"({"process": {"apparmorProfile": "web", "selinuxLabel": "a"}, "linux": {"mountLabel": "b"}})";
    auto outcome = fit(text, machine);
    CHECK(outcome.spec["process"] == parsed(text).at("process"));
    CHECK(outcome.spec["linux"] == parsed(text).at("linux"));
}

TEST_CASE("network parameters are the VM's for a container without a network namespace", "[runc]") {
    auto outcome = fit(R"({"linux": {"sysctl": {"net.ipv4.ip_unprivileged_port_start": "0", "kernel.msgmax": "1",
        "net.ipv4.conf.eth0/1.forwarding": "1", "net/core/somaxconn": "9", "net.../x": "1", "net.": "2", "net.a": 3}}})");
    CHECK(outcome.spec["linux"].at("sysctl") == parsed(R"({"kernel.msgmax": "1"})"));
    REQUIRE(outcome.parameters.size() == 3);
    CHECK(outcome.parameters[0].path == "net/ipv4/ip_unprivileged_port_start");
    CHECK(outcome.parameters[0].value == "0");
    CHECK(outcome.parameters[1].path == "net/ipv4/conf/eth0.1/forwarding");
    CHECK(outcome.parameters[2].path == "net/core/somaxconn");
    CHECK(outcome.said.find("net.../x left out") != std::string::npos);
    auto own = R"({"namespaces": [{"type": "network"}], "sysctl": {"net.core.somaxconn": "5"}})";
    auto kept = fit(R"({"linux": )" + std::string(own) + "}");
    CHECK(kept.spec["linux"] == parsed(own));
    CHECK(kept.parameters.empty());
}

TEST_CASE("what would lead out of the container is refused", "[runc]") {
    auto text = GENERATE(as<std::string>(), R"({"process": {"cwd": "/proc/self/fd/7"}})",
                         R"({"process": {"cwd": "//proc/thread-self/./fd/8/../9"}})",
                         R"({"mounts": [{"destination": "/proc/", "type": "bind", "source": "/tmp"}]})",
                         R"({"mounts": [{"destination": "/proc", "type": "tmpfs", "source": "tmpfs"}]})");
    CHECK(fit_spec(text, make_machine(), make_options()).error().kind() == errc::invalid_argument);
}

TEST_CASE("what is no OCI spec is refused", "[runc]") {
    auto text = GENERATE(as<std::string>(), "", "{", "[]", "null", R"({"linux": []})", R"({"mounts": {}})");
    auto refused = fit_spec(text, make_machine(), make_options(spec_policy::relax));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == errc::invalid_argument);
}

TEST_CASE("an exec's process is made to fit as init's is", "[runc]") {
    auto text = R"({"terminal": true, "args": ["sh"], "future": 1, "apparmorProfile": "x", "selinuxLabel": "y"})";
    process_facts facts;
    auto fitted = fit_process(text, terminal_mode::none, facts);
    REQUIRE(fitted);
    CHECK(parsed(fitted->text) == parsed(R"({"terminal": false, "args": ["sh"], "future": 1})"));
    CHECK(fitted->said.lines().size() == 2);
    CHECK(fit_process("{}", terminal_mode::terminal, facts)->text == R"({"terminal":true})");
    CHECK(fit_process(R"({ "args" :[]})", terminal_mode::none, facts)->text == R"({ "args" :[]})");
    for (const char* bad : {"", "null", "[]", "{", "{} x", R"({"cwd": "/proc/self/fd/9"})"}) {
        CHECK(fit_process(bad, terminal_mode::none, facts).error().kind() == errc::invalid_argument);
    }
    CHECK(fit_process("null", terminal_mode::none, facts).error().message() ==
          "process spec is no JSON object: invalid argument");
}

TEST_CASE("remarks are bounded", "[runc]") {
    std::string hooks;
    for (int i = 0; i < 1000; ++i) hooks += (i > 0 ? "," : "") + std::string(R"({"path": "/x"})");
    auto fitted = fit_spec(R"({"hooks": {"prestart": [)" + hooks + "]}}", make_machine(), make_options());
    REQUIRE(fitted);
    CHECK(fitted->said.lines().size() == remarks::max_lines);
}

TEST_CASE("a bundle's config.json is rewritten in place", "[runc]") {
    test::temporary_directory directory;
    auto path = directory.path("config.json");
    fit_options options;
    options.bundle = directory.path();
    options.resolv_conf.clear();
    auto missing = fit_bundle(options);
    REQUIRE(missing);
    CHECK(missing->unread->kind() == errc::not_found);
    REQUIRE(replace_file(path, R"({"ociVersion": "1.9", "linux": {"namespaces": [{"type": "pid"}]}})", 0644));
    auto fitted = fit_bundle(options);
    REQUIRE(fitted);
    CHECK(fitted->has_private_pid_namespace);
    CHECK(fitted->said.text() == "ociVersion 1.9 lowered to 1.1.0");
    CHECK(fitted->facts.most_open_files > 0);
    CHECK(parsed(read_file(path).value()).at("ociVersion") == "1.1.0");
    REQUIRE(replace_file(path, "broken", 0644));
    CHECK(fit_bundle(options).error().kind() == errc::invalid_argument);
    CHECK(read_file(path).value() == "broken");
    CHECK(directory.entries() == std::vector<std::string>{"config.json"});
}
