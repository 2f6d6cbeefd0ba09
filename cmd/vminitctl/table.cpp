// SPDX-License-Identifier: Apache-2.0
#include "table.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>

namespace vminit::vminitctl {

namespace {

constexpr std::string_view gap = "  ";

struct column {
    std::vector<std::string> cells;
    bool is_number = false;
    std::size_t width = 0;
};

std::string heading_of(std::string title) {
    for (char& letter : title) letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
    return title;
}

bool is_number(const field& fact) { return fact.value.is_number(); }

std::vector<column> columns_of(std::span<const record> rows, std::span<const std::string_view> titles) {
    std::vector<column> columns;
    if (rows.empty()) {
        for (auto title : titles) columns.emplace_back().cells.push_back(heading_of(title_of(field(title, nullptr))));
    } else {
        for (const auto& fact : rows.front()) columns.emplace_back().cells.push_back(heading_of(title_of(fact)));
    }
    for (std::size_t index = 0; index < columns.size(); ++index) {
        columns[index].is_number = !rows.empty() && std::all_of(rows.begin(), rows.end(), [&](const record& row) {
            return index >= row.size() || is_number(row[index]) || row[index].value.is_null();
        });
        for (const auto& row : rows) columns[index].cells.push_back(index < row.size() ? shown(row[index]) : "-");
        for (const auto& cell : columns[index].cells)
            columns[index].width = std::max(columns[index].width, display_width(cell));
    }
    return columns;
}

}  // namespace

std::size_t display_width(std::string_view text) noexcept {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char letter) { return (static_cast<unsigned char>(letter) & 0xc0) != 0x80; }));
}

std::string table_of(std::span<const record> rows, std::span<const std::string_view> titles) {
    auto columns = columns_of(rows, titles);
    std::string text;
    for (std::size_t line = 0; line <= rows.size(); ++line) {
        std::string row;
        for (const auto& column : columns) {
            const auto& cell = column.cells[line];
            std::string padding(column.width - display_width(cell), ' ');
            if (!row.empty()) row += gap;
            row += column.is_number ? padding + cell : cell + padding;
        }
        row.erase(row.find_last_not_of(' ') + 1);
        text += row + "\n";
    }
    return text;
}

std::string listing_of(const record& facts) {
    std::size_t width = 0;
    for (const auto& fact : facts) width = std::max(width, title_of(fact).size());
    std::string text;
    for (const auto& fact : facts) {
        auto title = title_of(fact);
        text += title + ":" + std::string(width - title.size(), ' ') + std::string(gap) + shown(fact) + "\n";
    }
    return text;
}

}  // namespace vminit::vminitctl
