#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vminit::runc {

/// More of the log than this is never read: with `--debug` a runtime writes a lot, and its last words are what counts.
inline constexpr std::size_t max_log_tail = std::size_t{64} << 10;

/// A log longer than this is emptied when no runtime is writing to it.
inline constexpr std::uint64_t max_idle_log = std::uint64_t{1} << 20;

/// The `msg`, trimmed, of the last JSON line of level `error`. Lines that are no JSON objects are skipped.
std::optional<std::string> last_logged_error(std::string_view lines);

/// The end of a runtime's log, at the moment it was marked.
class log_mark {
public:
    /// Remembers how long the log is now; a missing one is empty.
    explicit log_mark(std::string path);

    /// The last error that was appended since. An older error is not this invocation's.
    std::optional<std::string> last_error() const;

private:
    std::string path_;
    std::uint64_t size_;
};

/// Empties a log that has grown beyond `max_idle_log`. Only while no runtime has it open for appending.
void rotate_log(const std::string& path);

}  // namespace vminit::runc
