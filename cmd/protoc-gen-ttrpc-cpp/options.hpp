// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/descriptor.h>

#include <optional>
#include <set>
#include <string>

namespace ttrpc_cpp {

/// What protoc was told with --ttrpc-cpp_opt.
class options {
public:
    /// `serialized=FULL.SERVICE.Method`, any number of them, separated by commas. The problem, if there is one: another option,
    /// or a method that a service in `file` does not have. Methods of services elsewhere are none of this file's business.
    std::optional<std::string> read(const std::string& parameter, const google::protobuf::FileDescriptor& file);

    /// Whether the handler returns the bytes of its answer (vminit::ttrpc::serialized) instead of the message.
    bool is_serialized(const google::protobuf::MethodDescriptor& method) const;

private:
    std::set<std::string> serialized_;
};

}  // namespace ttrpc_cpp
