// SPDX-License-Identifier: Apache-2.0
#include "guest_spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <optional>

namespace vminit::shim {

namespace json = boost::json;

namespace {

// Debian's crun takes this one and refuses newer; nothing that the newer ones added is used.
constexpr auto guest_oci_version = "1.0.2";

std::string text_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(json::string_view(name.data(), name.size()));
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

json::object* object_at(json::object& object, std::string_view name) {
    auto* value = object.if_contains(json::string_view(name.data(), name.size()));
    return value == nullptr ? nullptr : value->if_object();
}

bool has_option(const json::object& mount, std::string_view wanted) {
    const auto* options = mount.if_contains("options");
    if (options == nullptr || !options->is_array()) return false;
    const auto& all = options->get_array();
    return std::any_of(all.begin(), all.end(), [&](const auto& option) {
        return option.is_string() && std::string_view(option.get_string()) == wanted;
    });
}

bool is_bind(const json::object& mount) {
    return text_at(mount, "type") == "bind" || has_option(mount, "bind") || has_option(mount, "rbind");
}

class spec_editor {
public:
    spec_editor(json::object& spec, const guest_spec_input& input) : spec_(spec), input_(input) {}

    result<void> edit() {
        spec_["ociVersion"] = guest_oci_version;
        auto* root = object_at(spec_, "root");
        if (root == nullptr) return error(errc::invalid_argument, "config.json: no root");
        (*root)["path"] = "rootfs";
        if (spec_.erase("hooks") != 0) remark("hooks are programs of the host: left out");
        if (auto edited = edit_linux(); !edited) return edited;
        add_pod_files();
        return edit_mounts();
    }

    guest_spec take() && {
        found_.config_json = json::serialize(spec_);
        return std::move(found_);
    }

private:
    void remark(std::string text) { found_.remarks.push_back(std::move(text)); }

    result<void> edit_linux() {
        auto* os = object_at(spec_, "linux");
        if (os == nullptr) return {};
        (*os)["cgroupsPath"] = "/vminit/" + input_.id;
        auto* listed = os->if_contains("namespaces");
        if (listed == nullptr || !listed->is_array()) return {};
        json::array kept;
        for (auto& each : listed->get_array()) {
            auto fits = fit_namespace(each);
            if (!fits) return fits.error();
            if (*fits) kept.push_back(std::move(each));
        }
        *listed = std::move(kept);
        return {};
    }

    // False: the namespace goes.
    result<bool> fit_namespace(json::value& each) {
        auto* entry = each.if_object();
        if (entry == nullptr) return false;
        auto type = text_at(*entry, "type");
        if (type == "network" || type == "cgroup") return false;
        auto path = text_at(*entry, "path");
        if (path.empty()) return true;
        auto inside = input_.namespace_path(type, path);
        if (inside.empty()) {
            return error(errc::failed_precondition,
                         fmt::format("{} namespace {}: of no container in this VM", type, path));
        }
        (*entry)["path"] = inside;
        return true;
    }

    void add_pod_files() {
        if (input_.pod_files.empty()) return;
        auto& listed = spec_["mounts"];
        if (!listed.is_array()) listed = json::array();
        auto& mounts = listed.get_array();
        for (const auto& [place, source] : input_.pod_files) {
            bool is_there = std::any_of(mounts.begin(), mounts.end(), [&](const json::value& each) {
                return each.is_object() && text_at(each.get_object(), "destination") == place;
            });
            if (is_there) continue;
            json::object mount{{"destination", place}, {"type", "bind"}, {"source", source}};
            mount["options"] = {"rbind", "rprivate", "rw"};
            mounts.push_back(std::move(mount));
        }
    }

    result<void> edit_mounts() {
        auto* listed = spec_.if_contains("mounts");
        if (listed == nullptr || !listed->is_array()) return {};
        for (auto& each : listed->get_array()) {
            auto* mount = each.if_object();
            if (mount == nullptr || !is_bind(*mount)) continue;
            if (auto fits = fit_bind(*mount); !fits) return fits;
        }
        return {};
    }

    result<void> fit_bind(json::object& mount) {
        auto source = text_at(mount, "source");
        if (text_at(mount, "destination") == "/dev/shm") {
            mount["type"] = "tmpfs";
            mount["source"] = "shm";
            mount["options"] = json::array{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"};
            remark("/dev/shm is the guest's own");
            return {};
        }
        switch (input_.kind_of(source)) {
            case source_kind::missing:
                return error(errc::not_found, "bind mount of " + source + ": no such file or directory");
            case source_kind::directory:
            case source_kind::big_file:
                return share(mount, source);
            case source_kind::other:
                return error(errc::not_implemented,
                             "bind mount of " + source + ": only files and directories can be given to the VM");
            case source_kind::of_guest:
                return {};
            case source_kind::file:
                break;
        }
        auto name = fmt::format("mount-{}", found_.files.size());
        found_.files.emplace_back(source, name);
        mount["source"] = name;
        if (!has_option(mount, "ro")) remark("what is written to the copy of " + source + " stays in the guest");
        return {};
    }

    result<void> share(json::object& mount, const std::string& source) {
        if (input_.share_place.empty()) {
            return error(errc::not_implemented,
                         "bind mount of " + source + ": there is no virtiofsd to share it with the VM");
        }
        shared_source shared;
        shared.name = fmt::format("{}-{}", input_.share_name, found_.shares.size());
        shared.source = source;
        bool is_read_only = has_option(mount, "ro") || has_option(mount, "rro");
        shared.access = is_read_only ? share_access::read_only : share_access::read_write;
        bool is_shallow = has_option(mount, "bind") && !has_option(mount, "rbind");
        shared.depth = is_shallow ? share_depth::one_mount : share_depth::with_submounts;
        mount["source"] = input_.share_place + "/" + shared.name;
        found_.shares.push_back(std::move(shared));
        return {};
    }

    json::object& spec_;
    const guest_spec_input& input_;
    guest_spec found_;
};

}  // namespace

result<guest_spec> make_guest_spec(std::string_view config_json, const guest_spec_input& input) {
    error_code failure;
    auto document = json::parse(json::string_view(config_json.data(), config_json.size()), failure);
    if (failure) return error(errc::invalid_argument, "config.json: " + failure.message());
    auto* spec = document.if_object();
    if (spec == nullptr) return error(errc::invalid_argument, "config.json: not an object");
    spec_editor editor(*spec, input);
    if (auto edited = editor.edit(); !edited) return edited.error();
    return std::move(editor).take();
}

}  // namespace vminit::shim
