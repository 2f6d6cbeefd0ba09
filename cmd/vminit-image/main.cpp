// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>

#include "build_commit.hpp"
#include "commands.hpp"

namespace vminit::image {

int fail(const error& failure) {
    fmt::print(stderr, "vminit-image: {}\n", failure.message());
    return exit_failure;
}

namespace {

constexpr auto mapped_mark = "VMINIT_IMAGE_MAPPED";  // in the environment of a run that plays root

// Owners other than one's own need root, at least that of a user namespace with a range of ids (newuidmap(1)). Returns
// only if it cannot be had.
int run_as_root(int argc, char** argv) {
    std::error_code failure;
    auto self = std::filesystem::read_symlink("/proc/self/exe", failure).string();
    std::vector<std::string> words{"unshare", "--map-auto", "--map-root-user", "--", self};
    words.insert(words.end(), argv + 1, argv + argc);
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::setenv(mapped_mark, "1", 1);
    ::execvp(arguments[0], arguments.data());
    return fail(error(errc::permission_denied, "unpacking layers needs root, or unshare(1) of util-linux to play it"));
}

int run(int argc, char** argv) {
    CLI::App app("Makes what a guest boots from: an initrd, disks; and looks whether a kernel has what it needs.",
                 "vminit-image");
    app.set_version_flag("--version", "vminit-image " + version_with_commit(VMINIT_VERSION));
    app.require_subcommand(1);
    auto* initrd_app = app.add_subcommand("initrd", "make an initrd: vminitd, a runtime, kernel modules");
    auto* disk_app = app.add_subcommand("disk", "make a disk from a container image");
    auto* kernel_app = app.add_subcommand("check-kernel", "compare a kernel's configuration with what a guest needs");
    auto initrd = make_initrd_command(*initrd_app);
    auto disk = make_disk_command(*disk_app);
    auto kernel = make_check_kernel_command(*kernel_app);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& stop) {
        return app.exit(stop) == 0 ? 0 : exit_usage;
    }
    if (initrd_app->parsed()) return initrd->run();
    if (kernel_app->parsed()) return kernel->run();
    bool is_root = ::geteuid() == 0 || std::getenv(mapped_mark) != nullptr;
    return is_root ? disk->run() : run_as_root(argc, argv);
}

}  // namespace

}  // namespace vminit::image

int main(int argc, char** argv) try { return vminit::image::run(argc, argv); } catch (const std::exception& thrown) {
    return vminit::image::fail(vminit::error(vminit::errc::internal, thrown.what()));
}
