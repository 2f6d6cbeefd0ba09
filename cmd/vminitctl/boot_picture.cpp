// SPDX-License-Identifier: Apache-2.0
#include "boot_picture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "boot_lines.hpp"
#include "record.hpp"

namespace vminit::vminitctl {

namespace system_api = containerd::vminitd::services::system::v1;

namespace {

constexpr double margin = 16;
constexpr double title_height = 36;
constexpr double row_height = 24;
constexpr double bar_height = 14;
constexpr double chart_width = 620;
constexpr double glyph_width = 7.2;  // of the widest letters at 12 pixels, so that labels never run into the bars
constexpr std::size_t longest_label = 60;
constexpr double axis_height = 44;
constexpr int most_ticks = 8;

std::string_view color_of(const boot_line& line) {
    switch (line.outcome) {
        case system_api::BootStep::DEGRADED:
            return "#d97706";
        case system_api::BootStep::FAILED:
            return "#dc2626";
        default:
            return "#2563eb";
    }
}

std::string escaped(std::string_view text) {
    std::string out;
    for (char letter : printable(text)) {
        switch (letter) {
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '&':
                out += "&amp;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += letter;
        }
    }
    return out;
}

// Cut between characters, not within one.
std::string shortened(const std::string& text) {
    if (text.size() <= longest_label) return text;
    auto end = longest_label;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    return text.substr(0, end) + "…";
}

/// A round step of the time axis: 1, 2 or 5 times a power of ten microseconds.
double tick_step(double span) {
    auto rough = span / most_ticks;
    auto power = std::pow(10.0, std::floor(std::log10(rough)));
    for (double factor : {1.0, 2.0, 5.0}) {
        if (factor * power >= rough) return factor * power;
    }
    return 10 * power;
}

class picture {
public:
    explicit picture(std::vector<boot_line> lines) : lines_(std::move(lines)), span_(boot_span(lines_)) {
        std::size_t longest = 0;
        for (const auto& line : lines_) longest = std::max(longest, std::min(line.label.size(), longest_label + 1));
        left_ = margin + static_cast<double>(longest) * glyph_width + 12;
        bottom_ = title_height + static_cast<double>(lines_.size()) * row_height;
    }

    std::string draw() {
        open();
        draw_axis();
        for (std::size_t row = 0; row < lines_.size(); ++row) draw_line(lines_[row], row);
        svg_ += "</svg>\n";
        return std::move(svg_);
    }

private:
    double x_of(double microseconds) const {
        auto begin = static_cast<double>(span_.begin);
        return left_ + (microseconds - begin) / (static_cast<double>(span_.end) - begin) * chart_width;
    }

    template <class... Values>
    void put(fmt::format_string<Values...> format, Values&&... values) {
        fmt::format_to(std::back_inserter(svg_), format, std::forward<Values>(values)...);
    }

    void open() {
        auto width = left_ + chart_width + 90;
        auto height = bottom_ + axis_height;
        put("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.0f}\" height=\"{:.0f}\" viewBox=\"0 0 {:.0f} "
            "{:.0f}\" "
            "font-family=\"sans-serif\" font-size=\"12\">\n",
            width, height, width, height);
        put("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
        put("<text x=\"{:.1f}\" y=\"22\" font-size=\"14\" font-weight=\"bold\" fill=\"#111827\">Boot of the guest: {} "
            "to "
            "{} after the kernel's start</text>\n",
            margin, milliseconds_text(span_.begin), milliseconds_text(span_.end));
    }

    void draw_axis() {
        auto step = tick_step(static_cast<double>(span_.end - span_.begin));
        auto first = std::ceil(static_cast<double>(span_.begin) / step) * step;
        for (auto at = first; at <= static_cast<double>(span_.end); at += step) {
            put("<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\" stroke=\"#d1d5db\"/>\n", x_of(at),
                title_height, bottom_);
            put("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\" fill=\"#6b7280\">{:g}</text>\n", x_of(at),
                bottom_ + 16, at / 1000);
        }
        put("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\" fill=\"#6b7280\">ms since the kernel's "
            "start</text>\n",
            left_ + chart_width / 2, bottom_ + 34);
    }

    void draw_line(const boot_line& line, std::size_t row) {
        auto top = title_height + static_cast<double>(row) * row_height;
        auto baseline = top + row_height / 2 + 4;
        put("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\" fill=\"{}\">{}</text>\n", left_ - 12, baseline,
            line.is_milestone ? "#059669" : "#111827", escaped(shortened(line.label)));
        auto from = x_of(static_cast<double>(line.from));
        if (line.is_milestone) return draw_milestone(from, top, line);
        // Thinner than a pixel it could not be seen.
        auto width = std::max(x_of(static_cast<double>(line.to)) - from, 1.0);
        put("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.0f}\" rx=\"2\" fill=\"{}\"><title>{}</title>"
            "</rect>\n",
            from, top + (row_height - bar_height) / 2, width, bar_height, color_of(line), escaped(line.label));
        put("<text x=\"{:.1f}\" y=\"{:.1f}\" fill=\"#374151\">{}</text>\n", from + width + 6, baseline,
            milliseconds_text(line.to - line.from));
    }

    void draw_milestone(double x, double top, const boot_line& line) {
        put("<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\" stroke=\"#059669\" "
            "stroke-dasharray=\"4 3\"/>\n",
            x, title_height, bottom_);
        put("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"#059669\"/>\n", x, top + row_height / 2);
        put("<text x=\"{:.1f}\" y=\"{:.1f}\" fill=\"#374151\">{}</text>\n", x + 8, top + row_height / 2 + 4,
            milliseconds_text(line.from));
    }

    std::vector<boot_line> lines_;
    time_span span_;
    double left_ = 0;
    double bottom_ = 0;
    std::string svg_;
};

}  // namespace

std::string boot_picture(const system_api::BootTimelineResponse& timeline) {
    auto lines = boot_lines(timeline);
    if (lines.empty()) {
        return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"240\" height=\"40\" font-family=\"sans-serif\">"
               "<text x=\"16\" y=\"26\">no boot was recorded</text></svg>\n";
    }
    return picture(std::move(lines)).draw();
}

}  // namespace vminit::vminitctl
