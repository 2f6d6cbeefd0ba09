// SPDX-License-Identifier: Apache-2.0
#include "initrd.hpp"

#include <unistd.h>

#include <filesystem>

#include "kernel_modules.hpp"
#include "shared_libraries.hpp"

namespace vminit::image {

namespace fs = std::filesystem;

const std::vector<std::string> usual_modules{"virtio_pci", "virtio_mmio", "vmw_vsock_virtio_transport",
                                             "virtio_blk", "erofs",       "overlay",
                                             "ext4",       "virtio_net",  "button",
                                             "fuse",       "virtiofs"};

namespace {

result<void> check_program(const std::string& path, const char* what) {
    std::error_code failure;
    bool is_program = fs::is_regular_file(path, failure) && ::access(path.c_str(), X_OK) == 0;
    if (is_program) return {};
    return error(errc::invalid_argument, path + " is no executable file, which " + what + " must be");
}

result<void> add_program(file_tree& tree, const std::string& source, const std::string& path) {
    auto added = tree.add_copy(source, path);
    if (!added) return added;
    auto libraries = libraries_of(source);
    if (!libraries) return libraries.error();
    for (const auto& library : *libraries) {
        added = tree.add_copy(library, library);
        if (!added) return added;
    }
    return {};
}

// Their names in the guest have no suffix of a compression, for they are not compressed there.
std::string guest_path(const std::string& module, const std::string& directory) {
    auto path = "/lib/modules/" + fs::path(directory).filename().string() + module.substr(directory.size());
    for (std::string_view suffix : {".xz", ".zst", ".gz"}) {
        if (path.ends_with(suffix)) path.resize(path.size() - suffix.size());
    }
    return path;
}

result<void> add_modules(file_tree& tree, const initrd_options& options) {
    auto directory = options.module_directory;
    while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
    auto modules = modules_in_load_order(directory, options.modules, options.usual);
    if (!modules) return modules.error();
    std::string list;
    for (const auto& module : *modules) {
        auto bytes = module_bytes(module, options.keeps_signatures);
        if (!bytes) return bytes.error();
        auto path = guest_path(module, directory);
        list += path + "\n";
        tree.add(path, {file_tree::written_file{std::move(*bytes)}, 0644});
    }
    if (options.module_list.empty()) tree.add("/etc/vminit/modules", {file_tree::written_file{std::move(list)}, 0644});
    return {};
}

}  // namespace

result<void> make_initrd(const initrd_options& options) {
    if (auto checked = check_program(options.init, "init"); !checked) return checked;
    file_tree tree;
    for (const char* directory : {"/proc", "/sys", "/dev", "/run", "/etc", "/var/lib", "/sbin"})
        tree.add(directory, {file_tree::directory{}, 0755});
    tree.add("/tmp", {file_tree::directory{}, 01777});
    tree.add("/root", {file_tree::directory{}, 0700});
    auto added = add_program(tree, options.init, "/init");
    if (added && !options.runtime.empty()) added = check_program(options.runtime, "the runtime");
    if (added && !options.runtime.empty())
        added = add_program(tree, options.runtime, "/sbin/" + fs::path(options.runtime).filename().string());
    if (added && !options.module_directory.empty()) added = add_modules(tree, options);
    if (added && !options.module_list.empty()) added = tree.add_copy(options.module_list, "/etc/vminit/modules");
    for (const auto& [source, path] : options.files) {
        if (added) added = tree.add_copy(source, path);
    }
    if (!added) return added;
    return write_cpio(tree, options.output, options.how);
}

}  // namespace vminit::image
