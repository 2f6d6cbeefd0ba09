// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/any.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <optional>
#include <string_view>

#include "vminit/core/clock.hpp"

namespace vminit::api {

/// A time, or Go's zero time (year 1) for "not yet": containerd forwards it verbatim and its consumers recognise it,
/// while an absent field would read as 1970.
void set_timestamp(google::protobuf::Timestamp& target, std::optional<wall_time> time);

/// The time it names; nothing for one that 64 bits of nanoseconds cannot hold, and for nanoseconds beyond a second.
std::optional<wall_time> get_timestamp(const google::protobuf::Timestamp& source) noexcept;

/// The proto name in an Any's type URL: what follows the last `/`.
std::string_view type_name(std::string_view type_url) noexcept;

/// Packs `message` as containerd's typeurl does: the bare full name, no prefix.
template <class Message>
void pack(google::protobuf::Any& target, const Message& message) {
    target.set_type_url(message.GetTypeName());
    message.SerializeToString(target.mutable_value());
}

}  // namespace vminit::api
