// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/any.pb.h>

#include <string>

namespace vminit::shim {

/// The container that a task event is about; empty for what is no task event. All of containerd's task events have it
/// in field 1.
std::string container_of(const google::protobuf::Any& event);

}  // namespace vminit::shim
