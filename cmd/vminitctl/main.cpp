// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <exception>

#include "application.hpp"
#include "inherited_descriptor.hpp"
#include "vminit/core/log.hpp"

using namespace vminit;

int main(int argc, char** argv) {
    // A reader that goes away is an error of that write.
    (void)::signal(SIGPIPE, SIG_IGN);
    vminitctl::occupy_standard_descriptors();
    vminitctl::local_descriptors local;
    try {
        asio::io_context context{1};
        asio::make_service<log_service>(context, logger(descriptor_sink(local.err), log_level::warn, log_format::text));
        return vminitctl::run_program(context, std::vector<std::string>(argv + 1, argv + argc), local);
    } catch (const std::exception& thrown) {
        vminitctl::printer(local.out, local.err, vminitctl::output_format::text)
            .fail(error(errc::internal, thrown.what()));
        return vminitctl::exit_failure;
    }
}
