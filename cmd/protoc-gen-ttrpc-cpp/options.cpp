// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <google/protobuf/compiler/code_generator.h>

#include <utility>
#include <vector>

namespace ttrpc_cpp {

namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;

std::optional<std::string> problem_with(const std::string& name, const FileDescriptor& file) {
    auto dot = name.rfind('.');
    if (dot == std::string::npos) return "serialized=" + name + " is not the full name of a method";
    for (int i = 0; i < file.service_count(); ++i) {
        const auto& service = *file.service(i);
        if (service.full_name() != name.substr(0, dot)) continue;
        const auto* method = service.FindMethodByName(name.substr(dot + 1));
        if (method == nullptr) return "serialized=" + name + ": the service has no such method";
        if (method->server_streaming()) return "serialized=" + name + ": the method streams its answers";
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> options::read(const std::string& parameter, const FileDescriptor& file) {
    std::vector<std::pair<std::string, std::string>> pairs;
    google::protobuf::compiler::ParseGeneratorParameter(parameter, &pairs);
    for (const auto& [key, value] : pairs) {
        if (key != "serialized") return "unknown option: " + key;
        if (auto problem = problem_with(value, file)) return problem;
        serialized_.insert(value);
    }
    return std::nullopt;
}

bool options::is_serialized(const MethodDescriptor& method) const { return serialized_.contains(method.full_name()); }

}  // namespace ttrpc_cpp
