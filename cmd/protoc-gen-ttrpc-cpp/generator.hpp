// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/compiler/code_generator.h>

#include <cstdint>
#include <string>

namespace ttrpc_cpp {

/// `a/b.proto` with services becomes `a/b.ttrpc.hpp` and `a/b.ttrpc.cpp`: for each service `X` a base class `XService` to
/// implement and a client `XClient`. A file without services becomes nothing.
class generator : public google::protobuf::compiler::CodeGenerator {
public:
    bool Generate(const google::protobuf::FileDescriptor* file, const std::string& parameter,
                  google::protobuf::compiler::GeneratorContext* context, std::string* failure) const override;

    std::uint64_t GetSupportedFeatures() const override { return FEATURE_PROTO3_OPTIONAL; }
};

}  // namespace ttrpc_cpp
