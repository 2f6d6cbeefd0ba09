// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>

#include "commands.hpp"
#include "kernel_config.hpp"

namespace vminit::image {

namespace {

struct kernel_command final : command {
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

    int run() override {
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

}  // namespace

std::unique_ptr<command> make_check_kernel_command(CLI::App& app) {
    auto made = std::make_unique<kernel_command>();
    made->declare(app);
    return made;
}

}  // namespace vminit::image
