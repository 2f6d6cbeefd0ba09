// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <map>

#include "commands.hpp"
#include "container_image.hpp"
#include "disk.hpp"

namespace vminit::image {

namespace {

struct disk_command final : command {
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

    int run() override {
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

}  // namespace

std::unique_ptr<command> make_disk_command(CLI::App& app) {
    auto made = std::make_unique<disk_command>();
    made->declare(app);
    return made;
}

}  // namespace vminit::image
