// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/descriptor.h>

#include <optional>
#include <string>

namespace ttrpc_cpp {

/// Why the classes of the file's services cannot be generated: a name of theirs is another's already, in the file or in
/// one of the same package that it imports, or its package has no C++ namespace.
std::optional<std::string> naming_problem(const google::protobuf::FileDescriptor& file);

}  // namespace ttrpc_cpp
