// SPDX-License-Identifier: Apache-2.0
#include "runc/runtime_log.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>

#include "runc/runtime_files.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::runc {

namespace {

// As /proc numbers us: it may be the one of another pid namespace.
result<std::string> own_directory() {
    std::array<char, 32> name{};
    auto length = syscalls::check("readlink", "/proc/self",
                                  [&] { return ::readlink("/proc/self", name.data(), name.size()); });
    if (!length) return length.error();
    return "/proc/" + std::string(name.data(), static_cast<std::size_t>(*length));
}

std::string tail_of(int file) {
    struct stat status{};
    auto found = syscalls::raw("fstat", [&] { return ::fstat(file, &status); });
    if (!found) return {};
    std::string text(std::min(static_cast<std::size_t>(status.st_size), max_log_tail), '\0');
    auto start = status.st_size - static_cast<off_t>(text.size());
    auto count = syscalls::raw("pread", [&] { return ::pread(file, text.data(), text.size(), start); });
    text.resize(count ? static_cast<std::size_t>(*count) : 0);
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

result<runtime_log> runtime_log::create() {
    auto directory = own_directory();
    if (!directory) return directory.error();
    auto file = memory_file({});
    if (!file) return file.error();
    auto path = *directory + "/fd/" + std::to_string(file->get());
    return runtime_log(std::move(*file), std::move(path));
}

std::optional<std::string> runtime_log::last_error() const { return last_logged_error(tail_of(file_.get())); }

}  // namespace vminit::runc
