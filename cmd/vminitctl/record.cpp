// SPDX-License-Identifier: Apache-2.0
#include "record.hpp"

#include <algorithm>
#include <boost/json.hpp>

namespace vminit::vminitctl {

namespace json = boost::json;

json::value time_value(const std::string& text) {
    if (text.empty()) return nullptr;
    return json::value(text);
}

std::string printable(std::string_view text) {
    std::string clean(text);
    for (char& letter : clean) {
        auto code = static_cast<unsigned char>(letter);
        if (code < 0x20 || code == 0x7f) letter = '?';
    }
    return clean;
}

std::string title_of(const field& fact) {
    std::string title = fact.key;
    for (std::string_view unit : {"_usec", "_ns", "_bytes"}) {
        if (!fact.text.empty() && title.ends_with(unit)) title.resize(title.size() - unit.size());
    }
    std::replace(title.begin(), title.end(), '_', ' ');
    return title;
}

std::string shown(const field& fact) {
    if (!fact.text.empty()) return printable(fact.text);
    if (fact.value.is_null()) return "-";
    if (!fact.value.is_string()) return json::serialize(fact.value);
    const auto& text = fact.value.get_string();
    return text.empty() ? "-" : printable(text);
}

json::object to_json(const record& facts) {
    json::object object;
    for (const auto& fact : facts) object.emplace(fact.key, fact.value);
    return object;
}

}  // namespace vminit::vminitctl
