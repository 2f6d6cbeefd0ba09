// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/compiler/plugin.h>

#include <cstdio>
#include <string_view>

#include "generator.hpp"

namespace {

// The commit does not stand behind it, as with the other commands: each would make all generated code anew.
constexpr auto version = "protoc-gen-ttrpc-cpp " VMINIT_VERSION "\n";

constexpr auto usage =
    R"(Generates C++ for the services of .proto files: FILE.ttrpc.hpp and FILE.ttrpc.cpp, beside what --cpp_out
makes of the messages. protoc runs it.

Usage: protoc --ttrpc-cpp_out=DIRECTORY [--plugin=PATH/protoc-gen-ttrpc-cpp] [--ttrpc-cpp_opt=OPTION,...] FILE.proto...
       protoc-gen-ttrpc-cpp --version | --help

Options:
  serialized=FULL.SERVICE.METHOD  the handler returns the bytes of its answer; any number of them
)";

int print(const char* text) { return std::fputs(text, stdout) < 0 || std::fflush(stdout) != 0 ? 1 : 0; }

}  // namespace

int main(int argc, char* argv[]) {
    auto word = argc == 2 ? std::string_view(argv[1]) : std::string_view();
    if (word == "--version") return print(version);
    if (word == "--help" || word == "-h") return print(usage);
    ttrpc_cpp::generator generator;
    return google::protobuf::compiler::PluginMain(argc, argv, &generator);
}
