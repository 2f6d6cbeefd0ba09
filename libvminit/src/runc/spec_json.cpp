// SPDX-License-Identifier: Apache-2.0
#include "runc/spec_json.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>

namespace vminit::runc {

namespace {

bool says_nothing(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null:
            return true;
        case json::kind::bool_:
            return !value.get_bool();
        case json::kind::int64:
            return value.get_int64() == 0;
        case json::kind::uint64:
            return value.get_uint64() == 0;
        case json::kind::string:
            return value.get_string().empty();
        case json::kind::array:
            return value.get_array().empty();
        case json::kind::object:
            return value.get_object().empty();
        default:
            return false;
    }
}

}  // namespace

json::string_view view(std::string_view text) { return {text.data(), text.size()}; }

result<json::object> parse_object(std::string_view text, std::string_view what, json::storage_ptr storage) {
    error_code failed;
    auto document = json::parse(view(text), failed, std::move(storage));
    if (failed) return error(errc::invalid_argument, std::string(what) + ": " + failed.message());
    if (!document.is_object()) return error(errc::invalid_argument, std::string(what) + " is no JSON object");
    return std::move(document.get_object());
}

std::string text_of(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(view(key));
    if (value == nullptr || !value->is_string()) return {};
    return std::string(value->get_string().data(), value->get_string().size());
}

std::string text_of(const json::value& entry, std::string_view key) {
    return entry.is_object() ? text_of(entry.get_object(), key) : std::string();
}

json::object* object_in(json::object& parent, std::string_view key) {
    auto* value = parent.if_contains(view(key));
    return value != nullptr ? value->if_object() : nullptr;
}

json::array* array_in(json::object& parent, std::string_view key) {
    auto* value = parent.if_contains(view(key));
    return value != nullptr ? value->if_array() : nullptr;
}

std::optional<std::uint64_t> number_in(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(view(key));
    if (value == nullptr) return std::nullopt;
    if (const auto* number = value->if_uint64()) return *number;
    const auto* number = value->if_int64();
    if (number == nullptr || *number < 0) return std::nullopt;
    return static_cast<std::uint64_t>(*number);
}

void set_text(json::object& object, std::string_view key, std::string_view value) {
    // Not [] for a member that is there: it makes room for one more first, and others' references would dangle.
    if (auto* member = object.if_contains(view(key))) {
        *member = view(value);
    } else {
        object.emplace(view(key), view(value));
    }
}

void leave_out(json::object& object, std::string_view key, std::string_view why, remarks& said) {
    auto found = object.find(view(key));
    if (found == object.end()) return;
    if (!says_nothing(found->value())) said.add(std::string(key) + " left out: " + std::string(why));
    // Not the plain erase, which moves the last member into the gap: a spec that is read by people keeps its order.
    object.stable_erase(found);
}

void keep_if(json::array& entries, const std::function<bool(json::value&)>& is_kept) {
    auto end = std::remove_if(entries.begin(), entries.end(), [&](json::value& entry) { return !is_kept(entry); });
    entries.erase(end, entries.end());
}

std::string normal_path(const std::string& path) {
    auto normal = std::filesystem::path(path).lexically_normal().string();
    if (normal.size() > 1 && normal.back() == '/') normal.pop_back();
    return normal;
}

bool has_text(const json::array* list, std::initializer_list<std::string_view> wanted) {
    if (list == nullptr) return false;
    return std::any_of(list->begin(), list->end(), [&](const json::value& entry) {
        if (!entry.is_string()) return false;
        std::string_view text(entry.get_string().data(), entry.get_string().size());
        return std::find(wanted.begin(), wanted.end(), text) != wanted.end();
    });
}

std::string to_text(const json::object& document) { return std::string(json::serialize(document)); }

json::array texts(std::initializer_list<std::string_view> items) {
    json::array list;
    for (auto item : items) list.emplace_back(view(item));
    return list;
}

}  // namespace vminit::runc
