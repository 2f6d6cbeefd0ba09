// SPDX-License-Identifier: Apache-2.0
// Brings the generated part of each page named on the command line up to date.
#include <cstdio>

#include "setting_docs.hpp"
#include "vminit/core/file.hpp"

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        auto page = vminit::read_file(argv[i]);
        auto text = page ? vminit::vminitd::with_settings(*page) : vminit::result<std::string>(page.error());
        auto written = text ? vminit::replace_file(argv[i], *text, 0644) : vminit::result<void>(text.error());
        if (written) continue;
        std::fprintf(stderr, "%s: %s\n", argv[i], written.error().message().c_str());
        return 1;
    }
    return 0;
}
