// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/compiler/plugin.h>

#include "generator.hpp"

int main(int argc, char* argv[]) {
    ttrpc_cpp::generator generator;
    return google::protobuf::compiler::PluginMain(argc, argv, &generator);
}
