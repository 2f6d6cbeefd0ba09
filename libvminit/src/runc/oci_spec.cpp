#include "vminit/runc/oci_spec.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <initializer_list>

#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::runc {

namespace {

namespace json = boost::json;

// A bundle's files come in one frame of at most 4 MiB.
constexpr std::size_t max_spec = std::size_t{4} << 20;

json::string_view view(std::string_view text) { return {text.data(), text.size()}; }

error not_a(std::string_view what) { return error(errc::invalid_argument, std::string(what)); }

result<json::object> parse_object(std::string_view text, std::string_view what) {
    error_code failed;
    auto document = json::parse(view(text), failed);
    if (failed) return not_a(std::string(what) + ": " + failed.message());
    if (!document.is_object()) return not_a(std::string(what) + " is no JSON object");
    return std::move(document.as_object());
}

std::string text_of(const json::object& object, json::string_view key) {
    const auto* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return {};
    return std::string(value->as_string().data(), value->as_string().size());
}

bool has_option(const json::object& mount, std::initializer_list<std::string_view> wanted) {
    const auto* options = mount.if_contains("options");
    if (options == nullptr || !options->is_array()) return false;
    for (const auto& option : options->as_array()) {
        if (!option.is_string()) continue;
        std::string_view text(option.as_string().data(), option.as_string().size());
        if (std::find(wanted.begin(), wanted.end(), text) != wanted.end()) return true;
    }
    return false;
}

bool is_bind(const json::object& mount) {
    return text_of(mount, "type") == "bind" || has_option(mount, {"bind", "rbind"});
}

// `/dev/` and `/./dev` are /dev.
std::string destination_of(const json::value& mount) {
    if (!mount.is_object()) return {};
    auto path = std::filesystem::path(text_of(mount.as_object(), "destination")).lexically_normal().string();
    if (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
}

json::object bind_mount(json::string_view destination, json::string_view source, json::string_view access) {
    return json::object{
        {"destination", destination}, {"type", "bind"}, {"source", source}, {"options", json::array{"rbind", access}}};
}

void relax_linux(json::object& linux, resource_limits limits) {
    for (const char* key : {"readonlyPaths", "maskedPaths", "seccomp"}) linux.erase(key);
    json::array devices{json::object{{"allow", true}, {"access", "rwm"}}};
    auto& resources = linux["resources"];
    if (limits == resource_limits::drop || !resources.is_object()) resources = json::object();
    resources.as_object()["devices"] = std::move(devices);
}

// A bare relative source is a file that came with the bundle.
void resolve_source(json::object& mount, const std::string& bundle) {
    auto source = text_of(mount, "source");
    bool is_bare = !source.empty() && source.find('/') == std::string::npos && source != "." && source != "..";
    if (is_bare && is_bind(mount)) mount["source"] = bundle + "/" + source;
}

void relax_mounts(json::array& mounts, const relax_options& options) {
    json::array kept;
    bool has_resolv_conf = false;
    for (auto& mount : mounts) {
        auto destination = destination_of(mount);
        if (destination == "/dev/pts" || destination == "/dev/shm" || destination == "/dev/mqueue") continue;
        has_resolv_conf = has_resolv_conf || destination == "/etc/resolv.conf";
        if (destination == "/dev") mount = bind_mount("/dev", "/dev", "rw");
        if (mount.is_object()) resolve_source(mount.as_object(), options.bundle);
        kept.push_back(std::move(mount));
    }
    if (!has_resolv_conf && !options.resolv_conf.empty()) {
        kept.push_back(bind_mount("/etc/resolv.conf", view(options.resolv_conf), "ro"));
    }
    mounts = std::move(kept);
}

bool exists(const std::string& path) {
    struct stat status{};
    return syscalls::raw("stat", [&] { return ::stat(path.c_str(), &status); }).has_value();
}

bool is_own_pid_namespace(const json::value& entry) {
    if (!entry.is_object()) return false;
    return text_of(entry.as_object(), "type") == "pid" && text_of(entry.as_object(), "path").empty();
}

bool has_private_pids(const json::object& spec) {
    const auto* linux = spec.if_contains("linux");
    const auto* namespaces =
        linux != nullptr && linux->is_object() ? linux->as_object().if_contains("namespaces") : nullptr;
    if (namespaces == nullptr || !namespaces->is_array()) return false;
    const auto& entries = namespaces->as_array();
    return std::any_of(entries.begin(), entries.end(), is_own_pid_namespace);
}

result<json::object> relaxed_object(std::string_view config_json, const relax_options& options) {
    auto spec = parse_object(config_json, "OCI spec");
    if (!spec) return spec.error();
    auto& linux = (*spec)["linux"];
    if (linux.is_null()) linux = json::object();
    if (!linux.is_object()) return not_a("OCI spec: linux is no object");
    relax_linux(linux.as_object(), options.limits);
    auto& mounts = (*spec)["mounts"];
    if (mounts.is_null()) mounts = json::array();
    if (!mounts.is_array()) return not_a("OCI spec: mounts is no array");
    relax_mounts(mounts.as_array(), options);
    return std::move(*spec);
}

}  // namespace

result<std::string> relax_spec(std::string_view config_json, const relax_options& options) {
    auto spec = relaxed_object(config_json, options);
    if (!spec) return spec.error();
    return std::string(json::serialize(*spec));
}

result<bundle_facts> relax_bundle(const relax_options& options) {
    auto path = options.bundle + "/config.json";
    auto text = read_file(path, max_spec);
    if (!text) return text.error();
    auto present = options;
    if (!exists(options.resolv_conf)) present.resolv_conf.clear();
    auto spec = relaxed_object(*text, present);
    if (!spec) return spec.error();
    auto written = replace_file(path, json::serialize(*spec), 0600);
    if (!written) return written.error();
    bundle_facts facts;
    facts.has_private_pid_namespace = has_private_pids(*spec);
    return facts;
}

bool has_private_pid_namespace(std::string_view config_json) {
    auto spec = parse_object(config_json, "OCI spec");
    return spec && has_private_pids(*spec);
}

bool bundle_has_private_pid_namespace(const std::string& bundle) {
    auto text = read_file(bundle + "/config.json", max_spec);
    return text && has_private_pid_namespace(*text);
}

result<std::string> with_terminal(std::string_view process_json, terminal_mode mode) {
    auto process = parse_object(process_json, "process spec");
    if (!process) return process.error();
    bool wanted = mode == terminal_mode::terminal;
    const auto* said = process->if_contains("terminal");
    bool is_right = said == nullptr ? !wanted : *said == json::value(wanted);
    if (is_right) return std::string(process_json);
    (*process)["terminal"] = wanted;
    return std::string(json::serialize(*process));
}

result<void> check_json_object(std::string_view text, std::string_view what) {
    auto object = parse_object(text, what);
    if (!object) return object.error();
    return {};
}

}  // namespace vminit::runc
