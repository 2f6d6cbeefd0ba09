// SPDX-License-Identifier: Apache-2.0
#include "kernel_log.hpp"

namespace vminit::vmm {

namespace {

constexpr std::size_t longest_log = std::size_t{256} << 10;
constexpr std::size_t shortest_line = 6;  // less is the 8 bytes of its own that stand before the text of a record
constexpr std::size_t head_size = 1000;   // of a log: its second message is the command line
constexpr std::string_view first_words = "Linux version ";

bool is_text(char byte) { return byte >= ' ' && byte <= '~'; }

// Runs of printable characters, one a line.
std::string lines_in(std::string_view memory) {
    std::string lines;
    for (std::size_t at = 0; at < memory.size();) {
        auto begin = at;
        while (at < memory.size() && is_text(memory[at])) ++at;
        if (at - begin >= shortest_line) lines.append(memory.substr(begin, at - begin)).append("\n");
        if (at == begin) ++at;
    }
    return lines;
}

}  // namespace

std::optional<std::string> find_kernel_log(std::string_view memory) {
    for (auto at = memory.find(first_words); at != std::string_view::npos; at = memory.find(first_words, at + 1)) {
        auto lines = lines_in(memory.substr(at, longest_log));
        if (std::string_view(lines).substr(0, head_size).find("Command line: ") != std::string_view::npos) return lines;
    }
    return std::nullopt;
}

kernel_story story_of(std::string_view log) {
    kernel_story story;
    bool is_dump = false;
    bool is_init = false;
    while (!log.empty()) {
        auto end = log.find('\n');
        auto line = log.substr(0, end);
        log.remove_prefix(end == std::string_view::npos ? log.size() : end + 1);
        is_dump = is_dump || line.find("Show State") != std::string_view::npos;
        if (!is_dump) story.messages.append(line).append("\n");
        if (line.find(" state:") != std::string_view::npos) is_init = line.find("task:init ") != std::string_view::npos;
        if (is_dump && is_init) story.init_threads.append(line).append("\n");
    }
    return story;
}

std::string last_lines(std::string_view text, std::size_t count) {
    while (text.ends_with('\n')) text.remove_suffix(1);
    auto begin = text.size();
    for (; begin > 0; --begin) {
        if (text[begin - 1] == '\n' && --count == 0) break;
    }
    return text.empty() ? std::string() : std::string(text.substr(begin)) + "\n";
}

}  // namespace vminit::vmm
