// SPDX-License-Identifier: Apache-2.0
#include "container_image.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>

#include "archive.hpp"
#include "tool.hpp"
#include "vminit/core/file.hpp"

namespace vminit::image {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

constexpr std::size_t longest_document = std::size_t{4} << 20;  // the image specification's own advice for manifests
constexpr int deepest_index = 4;
constexpr auto name_annotation = "org.opencontainers.image.ref.name";

result<json::value> parse_file(const std::string& path) {
    auto text = read_file(path, longest_document);
    if (!text) return text.error();
    json::error_code failure;
    auto value = json::parse(*text, failure);
    if (failure) return error(errc::invalid_argument, path + " is not JSON: " + failure.message());
    return value;
}

std::string text_at(const json::value& value, std::string_view key) {
    const auto* object = value.if_object();
    const auto* found = object != nullptr ? object->if_contains(key) : nullptr;
    const auto* text = found != nullptr ? found->if_string() : nullptr;
    return text != nullptr ? std::string(*text) : std::string();
}

const json::value& value_at(const json::value& value, std::string_view key) {
    static const json::value none;
    const auto* object = value.if_object();
    const auto* found = object != nullptr ? object->if_contains(key) : nullptr;
    return found != nullptr ? *found : none;
}

const json::array& list_at(const json::value& value, std::string_view key) {
    static const json::array none;
    const auto* list = value_at(value, key).if_array();
    return list != nullptr ? *list : none;
}

std::string architecture_of_machine() {
    struct utsname names{};
    ::uname(&names);
    std::string machine = names.machine;
    if (machine == "x86_64") return "amd64";
    return machine == "aarch64" ? "arm64" : machine;
}

// Only what the specification allows: a digest becomes a path.
result<std::string> blob_path(const std::string& layout, const std::string& digest) {
    auto colon = digest.find(':');
    auto is_name = [](unsigned char byte) { return std::isdigit(byte) != 0 || std::islower(byte) != 0; };
    bool is_digest = colon != std::string::npos && colon > 0 && colon + 1 < digest.size() &&
                     std::all_of(digest.begin(), digest.begin() + static_cast<std::ptrdiff_t>(colon), is_name) &&
                     std::all_of(digest.begin() + static_cast<std::ptrdiff_t>(colon) + 1, digest.end(), is_name);
    if (!is_digest) return error(errc::invalid_argument, fmt::format("\"{}\" is not a digest", digest));
    return layout + "/blobs/" + digest.substr(0, colon) + "/" + digest.substr(colon + 1);
}

result<void> check_digests(const std::vector<std::string>& paths) {
    std::vector<std::string> command{"sha256sum"};
    for (const auto& path : paths) {
        if (fs::path(path).parent_path().filename() == "sha256") command.push_back(path);
    }
    if (command.size() == 1) return {};
    auto sums = output_of(command);
    if (!sums) return sums.error();
    std::size_t at = 0;
    for (std::size_t file = 1; file < command.size(); ++file) {
        auto end = sums->find('\n', at);
        auto wanted = fs::path(command[file]).filename().string();
        if (end == std::string::npos || sums->compare(at, wanted.size(), wanted) != 0)
            return error(errc::data_loss, command[file] + ": its content is not what its digest says");
        at = end + 1;
    }
    return {};
}

// One layout: an index, in it manifests, in them a configuration and layers.
class layout_reader {
public:
    layout_reader(std::string directory, const image_choice& choice)
        : directory_(std::move(directory)),
          reference_(choice.reference),
          architecture_(choice.architecture.empty() ? architecture_of_machine() : choice.architecture) {}

    result<container_image> read() {
        auto index = parse_file(directory_ + "/index.json");
        if (!index) return index.error();
        auto named = choose_named(list_at(*index, "manifests"));
        if (!named) return named.error();
        auto manifest = follow(*named);
        if (!manifest) return manifest.error();
        return contents_of(*manifest);
    }

private:
    result<json::value> choose_named(const json::array& manifests) const {
        std::string names;
        std::vector<json::value> chosen;
        for (const auto& descriptor : manifests) {
            auto name = text_at(value_at(descriptor, "annotations"), name_annotation);
            auto long_name = text_at(value_at(descriptor, "annotations"), "io.containerd.image.name");
            if (reference_.empty() || name == reference_ || long_name == reference_) chosen.push_back(descriptor);
            names += (names.empty() ? "" : ", ") + (name.empty() ? text_at(descriptor, "digest") : name);
        }
        if (chosen.size() > 1) std::erase_if(chosen, [this](const json::value& one) { return !fits(one); });
        if (chosen.size() == 1) return chosen.front();
        if (names.empty()) return error(errc::invalid_argument, directory_ + "/index.json names no image");
        if (chosen.empty())
            return error(errc::not_found,
                         fmt::format("an image \"{}\" for {}; there are {}", reference_, architecture_, names));
        return error(errc::invalid_argument, "several images are in it, choose one of " + names);
    }

    bool fits(const json::value& descriptor) const {
        const auto& platform = value_at(descriptor, "platform");
        return platform.is_null() ||
               (text_at(platform, "architecture") == architecture_ && text_at(platform, "os") == "linux");
    }

    // From an index to the manifest for one architecture.
    result<json::value> follow(json::value descriptor) {
        for (int depth = 0; depth < deepest_index; ++depth) {
            auto path = blob_path(directory_, text_at(descriptor, "digest"));
            if (!path) return path.error();
            used_.push_back(*path);
            auto document = parse_file(*path);
            if (!document) return document.error();
            if (document->is_object() && document->as_object().contains("layers")) return document;
            const auto& manifests = list_at(*document, "manifests");
            auto match =
                std::find_if(manifests.begin(), manifests.end(), [this](const json::value& one) { return fits(one); });
            if (match == manifests.end())
                return error(errc::not_found, "an image for " + architecture_ + " in " + *path);
            descriptor = *match;
        }
        return error(errc::invalid_argument, directory_ + ": index in index in index");
    }

    result<container_image> contents_of(const json::value& manifest) {
        container_image image;
        image.identity = json::serialize(manifest);
        auto config = blob_path(directory_, text_at(value_at(manifest, "config"), "digest"));
        if (!config) return config.error();
        used_.push_back(*config);
        for (const auto& layer : list_at(manifest, "layers")) {
            auto path = blob_path(directory_, text_at(layer, "digest"));
            if (!path) return path.error();
            used_.push_back(*path);
            image.layers.push_back(std::move(*path));
        }
        auto checked = check_digests(used_);
        if (!checked) return checked.error();
        auto text = read_file(*config, longest_document);
        if (!text) return text.error();
        image.config = std::move(*text);
        return image;
    }

    std::string directory_;
    std::string reference_;
    std::string architecture_;
    std::vector<std::string> used_;
};

// A name in manifest.json may be a link to another layer, but to nothing outside.
result<std::string> member(const std::string& directory, const std::string& name) {
    std::error_code failure;
    auto path = fs::canonical(fs::path(directory) / name, failure);
    if (failure) return error(error_code(failure), name);
    auto root = fs::canonical(directory, failure).string() + "/";
    if (!path.string().starts_with(root)) return error(errc::invalid_argument, name + " is outside the image");
    return path.string();
}

// What `docker save` wrote before it wrote OCI layouts.
result<container_image> read_docker(const std::string& directory, const image_choice& choice) {
    auto manifest = parse_file(directory + "/manifest.json");
    if (!manifest) return manifest.error();
    if (!manifest->is_array()) return error(errc::invalid_argument, "manifest.json is not a list of images");
    std::string names;
    std::vector<json::value> chosen;
    for (const auto& one : manifest->as_array()) {
        bool is_wanted = choice.reference.empty();
        for (const auto& tag : list_at(one, "RepoTags")) {
            if (!tag.is_string()) continue;
            is_wanted = is_wanted || tag.as_string() == choice.reference;
            names += (names.empty() ? "" : ", ") + std::string(tag.as_string());
        }
        if (is_wanted) chosen.push_back(one);
    }
    if (chosen.empty())
        return error(errc::not_found, fmt::format("an image \"{}\"; there are {}", choice.reference, names));
    if (chosen.size() > 1) return error(errc::invalid_argument, "several images are in it, choose one of " + names);
    container_image image;
    image.identity = json::serialize(chosen.front());
    auto config = member(directory, text_at(chosen.front(), "Config"));
    if (!config) return config.error();
    auto text = read_file(*config, longest_document);
    if (!text) return text.error();
    image.config = std::move(*text);
    for (const auto& layer : list_at(chosen.front(), "Layers")) {
        auto path = member(directory, layer.is_string() ? std::string(layer.as_string()) : std::string());
        if (!path) return path.error();
        image.layers.push_back(std::move(*path));
    }
    return image;
}

result<container_image> open_directory(const std::string& path, const image_choice& choice) {
    if (fs::exists(path + "/oci-layout") || fs::exists(path + "/index.json")) return layout_reader(path, choice).read();
    if (fs::exists(path + "/manifest.json")) return read_docker(path, choice);
    container_image image;
    image.directory = path;
    return image;
}

bool holds_images(const std::vector<std::string>& names) {
    auto is_list = [](std::string_view name) {
        if (name.starts_with("./")) name.remove_prefix(2);
        return name == "index.json" || name == "manifest.json";
    };
    return std::any_of(names.begin(), names.end(), is_list);
}

result<container_image> open_archive(const std::string& path, const image_choice& choice) {
    auto names = names_in_tar(path);
    if (!names) return names.error();
    if (!holds_images(*names)) {
        container_image root;
        root.layers = {path};
        return root;
    }
    auto scratch = scratch_directory::make();
    if (!scratch) return scratch.error();
    auto unpacked = unpack_tar(path, scratch->path());
    if (!unpacked) return unpacked.error();
    auto image = open_directory(scratch->path(), choice);
    if (!image) return image.error();
    image->unpacked.emplace(std::move(*scratch));
    return image;
}

}  // namespace

result<container_image> open_image(const std::string& path, const image_choice& choice) {
    std::error_code failure;
    auto status = fs::status(path, failure);
    if (!fs::exists(status)) return error(errc::not_found, path);
    auto opened = fs::is_directory(status) ? open_directory(path, choice) : open_archive(path, choice);
    if (!opened) return opened.error().within("image " + path);
    return opened;
}

}  // namespace vminit::image
