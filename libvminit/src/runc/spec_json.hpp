// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "vminit/core/result.hpp"
#include "vminit/runc/spec_fit.hpp"

/// What all edits of OCI documents need; out of line, because Boost.JSON's code is dear.
namespace vminit::runc {

namespace json = boost::json;

json::string_view view(std::string_view text);

/// All that is put into it later lives in `storage` too. Errors: invalid_argument with `what`.
result<json::object> parse_object(std::string_view text, std::string_view what, json::storage_ptr storage = {});

/// Nothing (empty, null) unless there is one of that kind.
std::string text_of(const json::object& object, std::string_view key);
json::object* object_in(json::object& parent, std::string_view key);
json::array* array_in(json::object& parent, std::string_view key);
std::optional<std::uint64_t> number_in(const json::object& object, std::string_view key);

/// The `type` and `path` of an entry that is an object; else empty.
std::string text_of(const json::value& entry, std::string_view key);

/// A member that is there already is changed in place: no reference into `object` dangles.
void set_text(json::object& object, std::string_view key, std::string_view value);

/// Erases the member; remarks `<key> left out: <why>` unless it said nothing (null, false, 0, empty).
void leave_out(json::object& object, std::string_view key, std::string_view why, remarks& said);

/// Erases the entries that `is_kept` refuses.
void keep_if(json::array& entries, const std::function<bool(json::value&)>& is_kept);

/// `/dev/` and `/./dev` are /dev.
std::string normal_path(const std::string& path);

bool has_text(const json::array* list, std::initializer_list<std::string_view> wanted);

/// True if `spec` (whole) gives the container a pid namespace of its own.
bool has_private_pids(json::object& spec);

std::string to_text(const json::object& document);

json::array texts(std::initializer_list<std::string_view> items);

}  // namespace vminit::runc
