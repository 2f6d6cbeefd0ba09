// SPDX-License-Identifier: Apache-2.0
#include "commands/process_argument.hpp"

namespace vminit::vminitctl {

void declare_container(CLI::App& command, std::string& id) {
    command.add_option("ID", id, "the container")->required();
}

void declare_process(CLI::App& command, process_key& key) {
    declare_container(command, key.id);
    command.add_option("--exec", key.exec_id, "an exec process of it instead of init");
}

}  // namespace vminit::vminitctl
