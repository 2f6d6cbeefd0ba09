// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <map>

#include "commands.hpp"
#include "initrd.hpp"

namespace vminit::image {

namespace {

struct initrd_command final : command {
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

    int run() override {
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

}  // namespace

std::unique_ptr<command> make_initrd_command(CLI::App& app) {
    auto made = std::make_unique<initrd_command>();
    made->declare(app);
    return made;
}

}  // namespace vminit::image
