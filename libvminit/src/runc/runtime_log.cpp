#include "runc/runtime_log.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>

#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::runc {

namespace {

std::uint64_t size_of(const std::string& path) {
    struct stat status{};
    auto found = syscalls::raw("stat", [&] { return ::stat(path.c_str(), &status); });
    return found ? static_cast<std::uint64_t>(status.st_size) : 0;
}

std::string read_from(const std::string& path, std::uint64_t start, std::size_t length) {
    auto fd = syscalls::open(path, O_RDONLY);
    if (!fd) return {};
    std::string text(length, '\0');
    std::size_t used = 0;
    while (used < length) {
        auto offset = static_cast<off_t>(start + used);
        auto count =
            syscalls::raw("pread", [&] { return ::pread(fd->get(), text.data() + used, length - used, offset); });
        if (!count || *count == 0) break;
        used += static_cast<std::size_t>(*count);
    }
    text.resize(used);
    return text;
}

std::optional<std::string> error_of(std::string_view line) {
    error_code failed;
    auto record = boost::json::parse(boost::json::string_view(line.data(), line.size()), failed);
    if (failed || !record.is_object()) return std::nullopt;
    const auto* level = record.as_object().if_contains("level");
    const auto* message = record.as_object().if_contains("msg");
    bool is_error = level != nullptr && level->is_string() && level->as_string() == "error";
    if (!is_error || message == nullptr || !message->is_string()) return std::nullopt;
    const auto& text = message->as_string();
    return std::string(trimmed(std::string_view(text.data(), text.size())));
}

}  // namespace

std::optional<std::string> last_logged_error(std::string_view lines) {
    while (!lines.empty()) {
        auto newline = lines.rfind('\n');
        auto start = newline == std::string_view::npos ? 0 : newline + 1;
        auto line = lines.substr(start);
        // Parsing is the expensive part: most lines of a debug log are not of interest.
        if (line.find("error") != std::string_view::npos) {
            if (auto found = error_of(line)) return found;
        }
        lines = lines.substr(0, start == 0 ? 0 : start - 1);
    }
    return std::nullopt;
}

log_mark::log_mark(std::string path) : path_(std::move(path)), size_(size_of(path_)) {}

std::optional<std::string> log_mark::last_error() const {
    auto now = size_of(path_);
    auto start = now < size_ ? 0 : size_;  // shorter than before: somebody emptied it
    auto length = static_cast<std::size_t>(std::min<std::uint64_t>(now - start, max_log_tail));
    return last_logged_error(read_from(path_, now - length, length));
}

void rotate_log(const std::string& path) {
    if (size_of(path) <= max_idle_log) return;
    // Nothing is lost by failing: the next idle moment tries again.
    (void)syscalls::raw("truncate", [&] { return ::truncate(path.c_str(), 0); });
}

}  // namespace vminit::runc
