// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vminit::system {

/// What the kernel command line says to modules: its words `<module>.<parameter>[=<value>]`. The kernel applies them to
/// what is built in; to a module whoever loads it passes them on.
class module_parameters {
public:
    module_parameters() = default;

    /// `cmdline` as /proc/cmdline has it, with its quotes. Split as the kernel does it: on white space outside double
    /// quotes, up to a lone `--`; quotes may stand around a word or around a value.
    explicit module_parameters(std::string_view cmdline);

    /// The parameters of the module in the file `path` (`.../virtio_mmio.ko`, also compressed) as finit_module(2) takes
    /// them, in the order of the command line; empty without any. In a module's name `-` and `_` are the same.
    std::string for_module(std::string_view path) const;

private:
    void read(std::string_view word);

    struct parameter {
        std::string module;
        std::string text;
    };
    std::vector<parameter> parameters_;
};

}  // namespace vminit::system
