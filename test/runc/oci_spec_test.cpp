#include "vminit/runc/oci_spec.hpp"

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::runc;
namespace json = boost::json;

namespace {

const auto allow_all = json::parse(R"([{"allow": true, "access": "rwm"}])");

relax_options make_options() {
    relax_options options;
    options.bundle = "/run/bundles/web";
    options.resolv_conf.clear();
    return options;
}

json::object relaxed(std::string_view spec, const relax_options& options = make_options()) {
    auto text = relax_spec(spec, options);
    REQUIRE(text);
    return json::parse(json::string_view(text->data(), text->size())).as_object();
}

}  // namespace

TEST_CASE("confinement that the VM makes needless is taken out of the spec", "[runc]") {
    auto spec = relaxed(R"({"linux": {"readonlyPaths": ["/proc/sys"], "maskedPaths": ["/proc/kcore"],
        "seccomp": {"defaultAction": "x"}, "namespaces": [{"type": "pid"}]}})");
    const auto& linux = spec["linux"].as_object();
    CHECK_FALSE(linux.contains("readonlyPaths"));
    CHECK_FALSE(linux.contains("maskedPaths"));
    CHECK_FALSE(linux.contains("seccomp"));
    CHECK(linux.at("namespaces") == json::parse(R"([{"type": "pid"}])"));
}

TEST_CASE("limits are kept unless they are to be dropped, devices are all allowed", "[runc]") {
    auto text = R"({"linux": {"resources": {"memory": {"limit": 18446744073709551615}, "pids": {"limit": 5},
        "devices": [{"allow": false, "access": "rwm"}], "unified": {"memory.high": "1"}}}})";
    auto options = make_options();
    auto kept = relaxed(text, options);
    CHECK(kept["linux"].at("resources").at("devices") == allow_all);
    CHECK(kept["linux"].at("resources").at("memory").at("limit").as_uint64() == 18446744073709551615u);
    CHECK(kept["linux"].at("resources").at("pids").at("limit") == 5);
    CHECK(kept["linux"].at("resources").at("unified").at("memory.high") == "1");
    options.limits = resource_limits::drop;
    auto dropped = relaxed(text, options);
    CHECK(dropped["linux"].at("resources") == json::object{{"devices", allow_all}});
}

TEST_CASE("a spec without linux gets one", "[runc]") {
    CHECK(relaxed("{}")["linux"].at("resources").at("devices") == allow_all);
    CHECK(relaxed(R"({"linux": null, "mounts": null})")["linux"].at("resources").at("devices") == allow_all);
}

TEST_CASE("what is unknown stays as it is", "[runc]") {
    auto spec = relaxed(R"({"ociVersion": "9.9", "future": {"a": [1, 2.5, "x", null]}, "linux": {"futureToo": true},
        "mounts": [{"destination": "/x", "type": "tmpfs", "source": "tmpfs", "odd": 1}]})");
    CHECK(spec["future"] == json::parse(R"({"a": [1, 2.5, "x", null]})"));
    CHECK(spec["ociVersion"] == "9.9");
    CHECK(spec["linux"].at("futureToo") == true);
    CHECK(spec["mounts"].at(0) ==
          json::parse(R"({"destination": "/x", "type": "tmpfs", "source": "tmpfs", "odd": 1})"));
}

TEST_CASE("the VM's /dev takes the place of the container's", "[runc]") {
    auto dev = GENERATE(as<std::string>(), "/dev", "/dev/");
    auto spec = relaxed(R"({"mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": ")" +
                        dev + R"(", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts"},
        {"destination": "/dev/shm/", "type": "tmpfs", "source": "shm"},
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue"},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs"}]})");
    CHECK(spec["mounts"] == json::parse(R"([
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "bind", "source": "/dev", "options": ["rbind", "rw"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs"}])"));
}

TEST_CASE("the VM's resolv.conf is bound unless there is one", "[runc]") {
    auto options = make_options();
    options.resolv_conf = "/etc/resolv.conf";
    auto bound = json::parse(
        R"([{"destination": "/etc/resolv.conf", "type": "bind", "source": "/etc/resolv.conf", "options": ["rbind", "ro"]}])");
    CHECK(relaxed("{}", options)["mounts"] == bound);
    CHECK(relaxed("{}")["mounts"] == json::array());
    auto own = R"([{"destination": "/etc/resolv.conf", "type": "bind", "source": "/other", "options": ["bind"]}])";
    CHECK(relaxed(R"({"mounts": )" + std::string(own) + "}", options)["mounts"] == json::parse(own));
}

TEST_CASE("a bind of a bare name means the file that came with the bundle", "[runc]") {
    auto spec = relaxed(R"({"mounts": [
        {"destination": "/etc/hosts", "type": "bind", "source": "hosts", "options": ["rbind", "ro"]},
        {"destination": "/etc/name", "source": "name", "options": ["ro", "bind"]},
        {"destination": "/a", "type": "bind", "source": "/absolute"},
        {"destination": "/b", "type": "bind", "source": "with/slash"},
        {"destination": "/c", "type": "bind", "source": ".."},
        {"destination": "/proc", "type": "proc", "source": "proc"}]})");
    std::vector<std::string> sources;
    for (const auto& mount : spec["mounts"].as_array()) sources.emplace_back(mount.at("source").as_string());
    CHECK(sources == std::vector<std::string>{"/run/bundles/web/hosts", "/run/bundles/web/name", "/absolute",
                                              "with/slash", "..", "proc"});
}

TEST_CASE("what is no OCI spec is refused", "[runc]") {
    auto text = GENERATE(as<std::string>(), "", "{", "[]", "null", R"({"linux": []})", R"({"mounts": {}})");
    auto refused = relax_spec(text, make_options());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == errc::invalid_argument);
}

TEST_CASE("a bundle's config.json is rewritten in place", "[runc]") {
    test::temporary_directory directory;
    auto path = directory.path("config.json");
    relax_options options;
    options.bundle = directory.path();
    CHECK(relax_bundle(options).error().kind() == errc::not_found);
    REQUIRE(replace_file(path, R"({"mounts": []})", 0644));
    options.resolv_conf = directory.path("resolv.conf");
    REQUIRE(relax_bundle(options));
    CHECK(json::parse(read_file(path).value()).at("mounts") == json::array());
    REQUIRE(replace_file(options.resolv_conf, "", 0644));
    REQUIRE(relax_bundle(options));
    CHECK(json::parse(read_file(path).value()).at("mounts").at(0).at("source") == json::value(options.resolv_conf));
    REQUIRE(replace_file(path, "broken", 0644));
    CHECK_FALSE(relax_bundle(options));
    CHECK(read_file(path).value() == "broken");
    CHECK(directory.entries() == std::vector<std::string>{"config.json", "resolv.conf"});
}

TEST_CASE("a private pid namespace is one without a path", "[runc]") {
    auto [namespaces, expected] =
        GENERATE(table<std::string, bool>({{R"([{"type": "mount"}, {"type": "pid"}])", true},
                                           {R"([{"type": "pid", "path": ""}])", true},
                                           {R"([{"type": "pid", "path": "/proc/1/ns/pid"}])", false},
                                           {R"([{"type": "mount"}])", false},
                                           {R"([])", false},
                                           {R"([5, "pid"])", false},
                                           {R"({"type": "pid"})", false}}));
    CHECK(has_private_pid_namespace(R"({"linux": {"namespaces": )" + namespaces + "}}") == expected);
}

TEST_CASE("a spec that cannot be read has no private pid namespace", "[runc]") {
    for (const char* text : {"", "{", "[]", "{}", R"({"linux": 5})"}) CHECK_FALSE(has_private_pid_namespace(text));
    CHECK_FALSE(bundle_has_private_pid_namespace("/nonexistent"));
    test::temporary_directory directory;
    REQUIRE(replace_file(directory.path("config.json"), R"({"linux": {"namespaces": [{"type": "pid"}]}})", 0600));
    CHECK(bundle_has_private_pid_namespace(directory.path()));
}

TEST_CASE("a process object's terminal is what was asked for", "[runc]") {
    auto text = R"({"terminal": true, "args": ["sh"], "future": 1})";
    CHECK(json::parse(with_terminal(text, terminal_mode::none).value()) ==
          json::parse(R"({"terminal": false, "args": ["sh"], "future": 1})"));
    CHECK(json::parse(with_terminal("{}", terminal_mode::terminal).value()) == json::parse(R"({"terminal": true})"));
    for (const char* bad : {"", "null", "[]", "{", "{} x"}) {
        CHECK(with_terminal(bad, terminal_mode::none).error().kind() == errc::invalid_argument);
    }
    CHECK(with_terminal("null", terminal_mode::none).error().message() ==
          "process spec is no JSON object: invalid argument");
}

TEST_CASE("objects that are only passed on are checked", "[runc]") {
    CHECK(check_json_object("{\"a\": 1}", "resources"));
    CHECK(check_json_object("", "resources").error().kind() == errc::invalid_argument);
    CHECK(check_json_object("[]", "resources").error().message() == "resources is no JSON object: invalid argument");
}
