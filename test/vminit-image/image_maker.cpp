// SPDX-License-Identifier: Apache-2.0
#include "image_maker.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "tool.hpp"
#include "vminit/core/file.hpp"

namespace vminit::test {

namespace json = boost::json;

namespace {

tar_entry entry_of(std::string path, tar_entry::kind type, std::string content, unsigned mode) {
    tar_entry entry;
    entry.path = std::move(path);
    entry.type = type;
    entry.content = std::move(content);
    entry.mode = mode;
    return entry;
}

}  // namespace

tar_entry directory(std::string path) { return entry_of(std::move(path), tar_entry::kind::directory, {}, 0755); }
tar_entry file(std::string path, std::string content) {
    return entry_of(std::move(path), tar_entry::kind::file, std::move(content), 0644);
}
tar_entry soft_link(std::string path, std::string target) {
    return entry_of(std::move(path), tar_entry::kind::symlink, std::move(target), 0777);
}
tar_entry hard_link(std::string path, std::string target) {
    return entry_of(std::move(path), tar_entry::kind::hard_link, std::move(target), 0644);
}

namespace {

void check(::archive* tar, int status) {
    if (status < ARCHIVE_WARN) throw std::runtime_error(::archive_error_string(tar));
}

void write_entry(::archive* tar, const tar_entry& one) {
    std::unique_ptr<::archive_entry, void (*)(::archive_entry*)> entry(::archive_entry_new(), ::archive_entry_free);
    auto* out = entry.get();
    ::archive_entry_set_pathname(out, one.path.c_str());
    ::archive_entry_set_uid(out, one.uid);
    ::archive_entry_set_gid(out, one.gid);
    ::archive_entry_set_mtime(out, one.time, 0);
    ::archive_entry_set_size(out, 0);
    ::archive_entry_set_filetype(out, AE_IFREG);
    if (one.type == tar_entry::kind::file) ::archive_entry_set_size(out, static_cast<la_int64_t>(one.content.size()));
    if (one.type == tar_entry::kind::directory) ::archive_entry_set_filetype(out, AE_IFDIR);
    if (one.type == tar_entry::kind::device) ::archive_entry_set_filetype(out, AE_IFCHR);
    if (one.type == tar_entry::kind::symlink) ::archive_entry_set_filetype(out, AE_IFLNK);
    if (one.type == tar_entry::kind::symlink) ::archive_entry_set_symlink(out, one.content.c_str());
    if (one.type == tar_entry::kind::hard_link) ::archive_entry_set_hardlink(out, one.content.c_str());
    ::archive_entry_set_perm(out, one.mode);
    for (const auto& [name, value] : one.attributes)
        ::archive_entry_xattr_add_entry(out, name.c_str(), value.data(), value.size());
    check(tar, ::archive_write_header(tar, out));
    if (one.type == tar_entry::kind::file && ::archive_write_data(tar, one.content.data(), one.content.size()) < 0)
        throw std::runtime_error(::archive_error_string(tar));
}

std::string digest_of(const std::string& path) {
    auto sum = image::output_of({"sha256sum", path}).value();
    return sum.substr(0, sum.find(' '));
}

// Moves a file to where its digest says.
json::object take_blob(const std::string& layout, const std::string& path, const std::string& media_type) {
    auto digest = digest_of(path);
    auto size = std::filesystem::file_size(path);
    std::filesystem::create_directories(layout + "/blobs/sha256");
    std::filesystem::rename(path, layout + "/blobs/sha256/" + digest);
    return {{"mediaType", media_type}, {"digest", "sha256:" + digest}, {"size", size}};
}

json::object blob_of(const std::string& layout, const std::string& bytes, const std::string& media_type) {
    auto path = layout + "/new";
    replace_file(path, bytes, 0644).value();
    return take_blob(layout, path, media_type);
}

json::object manifest_of(const std::string& layout, const layout_image& image) {
    json::array layers;
    for (const auto& layer : image.layers) {
        write_tar(layout + "/new", layer, tar_compression::gzip);
        layers.push_back(take_blob(layout, layout + "/new", "application/vnd.oci.image.layer.v1.tar+gzip"));
    }
    json::object manifest{{"schemaVersion", 2},
                          {"config", blob_of(layout, image.config, "application/vnd.oci.image.config.v1+json")},
                          {"layers", std::move(layers)}};
    auto descriptor = blob_of(layout, json::serialize(manifest), "application/vnd.oci.image.manifest.v1+json");
    descriptor["platform"] = json::object{{"architecture", image.architecture}, {"os", "linux"}};
    return descriptor;
}

}  // namespace

bool may_unpack() {
    if (::geteuid() == 0) return true;
    WARN("skipped: only root may change roots and owners");
    return false;
}

void write_tar(const std::string& path, const std::vector<tar_entry>& entries, tar_compression how) {
    std::unique_ptr<::archive, int (*)(::archive*)> tar(::archive_write_new(), ::archive_write_free);
    ::archive_write_set_format_pax_restricted(tar.get());
    if (how == tar_compression::gzip) ::archive_write_add_filter_gzip(tar.get());
    if (how == tar_compression::gzip) ::archive_write_set_filter_option(tar.get(), "gzip", "timestamp", nullptr);
    if (how == tar_compression::zstd) ::archive_write_add_filter_zstd(tar.get());
    check(tar.get(), ::archive_write_open_filename(tar.get(), path.c_str()));
    for (const auto& entry : entries) write_entry(tar.get(), entry);
    check(tar.get(), ::archive_write_close(tar.get()));
}

std::string add_blob(const std::string& layout, const std::string& bytes) {
    return std::string(blob_of(layout, bytes, "").at("digest").as_string());
}

void make_layout(const std::string& directory, const std::vector<layout_image>& images) {
    std::filesystem::create_directories(directory);
    replace_file(directory + "/oci-layout", R"({"imageLayoutVersion":"1.0.0"})", 0644).value();
    std::map<std::string, json::array> named;
    for (const auto& image : images) named[image.name].push_back(manifest_of(directory, image));
    json::array manifests;
    for (auto& [name, platforms] : named) {
        json::object descriptor = platforms.front().as_object();
        if (platforms.size() > 1) {
            json::object index{{"schemaVersion", 2}, {"manifests", platforms}};
            descriptor = blob_of(directory, json::serialize(index), "application/vnd.oci.image.index.v1+json");
        }
        descriptor["annotations"] = json::object{{"org.opencontainers.image.ref.name", name}};
        manifests.push_back(std::move(descriptor));
    }
    json::object index{{"schemaVersion", 2}, {"manifests", std::move(manifests)}};
    replace_file(directory + "/index.json", json::serialize(index), 0644).value();
}

}  // namespace vminit::test
