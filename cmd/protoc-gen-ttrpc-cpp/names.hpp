// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/descriptor.h>

#include <string>

namespace ttrpc_cpp {

/// `a/b.proto` -> `a/b`.
std::string stem_of(const google::protobuf::FileDescriptor& file);

/// `a.b` -> `a::b`.
std::string namespace_of(const google::protobuf::FileDescriptor& file);

/// The fully qualified C++ class of a message, as protoc's own C++ generator names it: `::a::b::Outer_Inner`.
std::string class_of(const google::protobuf::Descriptor& message);

/// The C++ function of a method: its name, with an underscore behind what is a keyword or a name of the generated classes'
/// own. On the wire the method keeps its name.
std::string function_of(const google::protobuf::MethodDescriptor& method);

bool is_keyword(const std::string& word);

/// The method's kind as an enumerator of `vminit::ttrpc::method_kind`, which is also the suffix of its adapter.
std::string kind_of(const google::protobuf::MethodDescriptor& method);

}  // namespace ttrpc_cpp
