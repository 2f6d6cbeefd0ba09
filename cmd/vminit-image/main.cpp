#include <fmt/format.h>
#include <unistd.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <cstdio>
#include <exception>
#include <filesystem>

#include "build_commit.hpp"
#include "container_image.hpp"
#include "disk.hpp"
#include "initrd.hpp"
#include "kernel_config.hpp"

namespace {

using namespace vminit;
using namespace vminit::image;

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

int fail(const error& failure) {
    fmt::print(stderr, "vminit-image: {}\n", failure.message());
    return exit_failure;
}

// Owners other than one's own need root, at least that of a user namespace with a range of ids (newuidmap(1)).
[[noreturn]] void become_root(int argc, char** argv) {
    std::vector<std::string> words{"unshare", "--map-auto", "--map-root-user", "--", "/proc/self/exe"};
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    for (int at = 1; at < argc; ++at) arguments.push_back(argv[at]);
    arguments.push_back(nullptr);
    std::error_code failure;
    auto self = std::filesystem::read_symlink("/proc/self/exe", failure).string();
    arguments[4] = self.data();
    ::setenv("VMINIT_IMAGE_MAPPED", "1", 1);
    ::execvp(arguments[0], arguments.data());
    std::exit(
        fail(error(errc::permission_denied, "unpacking layers needs root, or unshare(1) of util-linux to play it")));
}

struct initrd_command {
    initrd_options options;
    std::string kernel;
    std::vector<std::string> modules;
    std::vector<std::string> files;

    void declare(CLI::App& app) {
        static const std::map<std::string, compression> ways{
            {"none", compression::none}, {"gzip", compression::gzip}, {"zstd", compression::zstd}};
        app.add_option("INIT", options.init, "the guest's vminitd")->required()->type_name("FILE");
        app.add_option("-o,--output", options.output, "the initrd to write")->required()->type_name("FILE");
        app.add_option("--runtime", options.runtime, "crun or runc, becomes /sbin/<its name> with its libraries")
            ->type_name("FILE");
        app.add_option("--kernel", kernel, "lib/modules/RELEASE of the guest's kernel: its modules come along")
            ->type_name("DIRECTORY");
        app.add_option("--module", modules, "another module than the usual ones; with --only, instead of them")
            ->type_name("NAME");
        app.add_flag("--only", only, "no modules but those of --module");
        app.add_option("--module-list", options.module_list, "this file as /etc/vminit/modules")->type_name("FILE");
        app.add_flag("--keep-signatures", options.keeps_signatures, "for a kernel that takes signed modules only");
        app.add_option("--add", files, "another file: SOURCE:/PLACE/IN/THE/GUEST")->type_name("PAIR");
        app.add_option("--compress", options.how, "none, gzip or zstd (default none: the fastest to boot)")
            ->transform(CLI::CheckedTransformer(ways))
            ->option_text("WAY");
        app.footer("The usual modules: " + fmt::format("{}", fmt::join(usual_modules, " ")) +
                   ". Those that a kernel does not have are left out; those of --module must be there.");
    }

    int run() {
        for (const auto& pair : files) {
            auto colon = pair.rfind(":/");
            if (colon == std::string::npos || colon == 0)
                return fail(error(errc::invalid_argument, fmt::format("--add {} is not SOURCE:/PLACE", pair)));
            options.files.emplace_back(pair.substr(0, colon), pair.substr(colon + 1));
        }
        options.module_directory = kernel;
        options.modules = modules;
        if (!only) options.usual = usual_modules;
        auto made = make_initrd(options);
        if (!made) return fail(made.error());
        fmt::print("{}\n", options.output);
        return 0;
    }

    bool only = false;
};

struct disk_command {
    disk_options options;
    image_choice choice;
    std::string source;
    std::uint64_t size = 0;

    void declare(CLI::App& app) {
        static const std::map<std::string, disk_type> types{{"erofs", disk_type::erofs}, {"ext4", disk_type::ext4}};
        app.add_option("IMAGE", source,
                       "an OCI layout (directory or tar), what docker save or docker export wrote, or a directory")
            ->required()
            ->type_name("PATH");
        app.add_option("-o,--output", options.output,
                       "the disk to write; the image's configuration goes beside it, as FILE.json")
            ->required()
            ->type_name("FILE");
        app.add_option("--type", options.type, "erofs (default, read-only) or ext4")
            ->transform(CLI::CheckedTransformer(types))
            ->option_text("TYPE");
        app.add_option("--size", size, "of an ext4 disk, e.g. 2G (default: what is in it, a quarter more, and 64M)")
            ->transform(CLI::AsSizeValue(false))
            ->option_text("BYTES");
        app.add_option("--ref", choice.reference, "of several images in one file: this name")->type_name("NAME");
        app.add_option("--arch", choice.architecture, "amd64, arm64, ... (default: this machine's)")->type_name("ARCH");
        app.add_flag("-q,--quiet", is_quiet, "say nothing but the name of the disk");
        app.footer(
            "Owners, modes, times, extended attributes and hard links are kept. The same image gives the same "
            "bytes.\n");
    }

    int run() {
        if (size != 0 && options.type != disk_type::ext4)
            return fail(
                error(errc::invalid_argument, "--size is for ext4: an erofs image is as large as what is in it"));
        options.size = size;
        if (!is_quiet) {
            options.progress = [](std::size_t layer, std::size_t count) {
                fmt::print(stderr, "layer {} of {}\n", layer + 1, count);
            };
        }
        auto image = open_image(source, choice);
        if (!image) return fail(image.error());
        auto report = make_disk(*image, options);
        if (!report) return fail(report.error());
        if (report->left_out != 0 && !is_quiet)
            fmt::print(stderr, "{} device nodes left out: only root can make them\n", report->left_out);
        fmt::print("{}\n", options.output);
        return 0;
    }

    bool is_quiet = false;
};

struct kernel_command {
    std::string path;
    std::vector<std::string> subjects;
    bool lists_all = false;

    void declare(CLI::App& app) {
        app.add_option("CONFIG", path, "a kernel's configuration: .config, /boot/config-*, /proc/config.gz")
            ->required()
            ->type_name("FILE");
        app.add_option("--subject", subjects,
                       "what to look at; may be repeated (default: base, containers, hotplug, network, "
                       "the processor's, and virtio-pci or virtio-mmio, whichever is there)")
            ->type_name("NAME");
        app.add_flag("--all", lists_all, "list what is there, too");
        app.footer("Status 1 if anything is missing that no guest can do without. The lists are docs/kernel/*.config.");
    }

    int run() {
        auto config = read_kernel_config(path);
        if (!config) return fail(config.error());
        if (subjects.empty()) subjects = subjects_of(*config);
        auto checked = check_kernel(*config, kernel_fragments(), subjects);
        if (!checked) return fail(checked.error());
        std::size_t missing = 0;
        std::size_t modules = 0;
        for (const auto& one : *checked) {
            bool is_needed = one.state == need_state::missing && !one.need.is_optional;
            missing += is_needed ? 1 : 0;
            modules += one.state == need_state::as_module ? 1 : 0;
            if (one.state == need_state::met && !lists_all) continue;
            if (one.state == need_state::as_module && !lists_all) continue;
            const char* word = one.state == need_state::met         ? "ok"
                               : one.state == need_state::as_module ? "module"
                               : is_needed                          ? "MISSING"
                                                                    : "absent";
            fmt::print("{:8}{}={}  {}: {}\n", word, one.need.option, one.need.value, one.need.subject, one.need.reason);
        }
        fmt::print("{} options looked at ({}), {} missing, {} as modules: the initrd must load them\n", checked->size(),
                   fmt::join(subjects, ", "), missing, modules);
        return missing == 0 ? 0 : exit_failure;
    }

    static std::vector<std::string> subjects_of(const kernel_config& config) {
        std::vector<std::string> chosen{"base", "containers", "hotplug", "network"};
        chosen.emplace_back(config.contains("CONFIG_ARM64") ? "arm64" : "amd64");
        bool has_pci = config.contains("CONFIG_VIRTIO_PCI");
        if (has_pci || !config.contains("CONFIG_VIRTIO_MMIO")) chosen.emplace_back("virtio-pci");
        if (!has_pci && config.contains("CONFIG_VIRTIO_MMIO")) chosen.emplace_back("virtio-mmio");
        return chosen;
    }
};

int run(int argc, char** argv) {
    CLI::App app("Makes what a guest boots from: an initrd, disks; and looks whether a kernel has what it needs.",
                 "vminit-image");
    app.set_version_flag("--version", "vminit-image " + version_with_commit(VMINIT_VERSION));
    app.require_subcommand(1);
    initrd_command initrd;
    disk_command disk;
    kernel_command kernel;
    auto* initrd_app = app.add_subcommand("initrd", "make an initrd: vminitd, a runtime, kernel modules");
    auto* disk_app = app.add_subcommand("disk", "make a disk from a container image");
    auto* kernel_app = app.add_subcommand("check-kernel", "compare a kernel's configuration with what a guest needs");
    initrd.declare(*initrd_app);
    disk.declare(*disk_app);
    kernel.declare(*kernel_app);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& stop) {
        return app.exit(stop) == 0 ? 0 : exit_usage;
    }
    if (initrd_app->parsed()) return initrd.run();
    if (kernel_app->parsed()) return kernel.run();
    if (::geteuid() != 0 && ::getenv("VMINIT_IMAGE_MAPPED") == nullptr) become_root(argc, argv);
    return disk.run();
}

}  // namespace

int main(int argc, char** argv) try { return run(argc, argv); } catch (const std::exception& thrown) {
    return fail(vminit::error(vminit::errc::internal, thrown.what()));
}
