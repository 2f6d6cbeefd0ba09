// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/error.hpp"

namespace vminit {

/// error = someone must act, warn = degraded, info = lifecycle, debug = the rest.
enum class log_level { debug, info, warn, error };

/// json = one object a line (the default); text = `LEVEL message key=value` for people.
enum class log_format { json, text };

/// One value of a log line. Text is borrowed for the length of the call.
class log_value {
public:
    log_value(std::string_view text) : value_(text) {}
    log_value(const char* text) : value_(std::string_view(text)) {}
    log_value(const std::string& text) : value_(std::string_view(text)) {}
    log_value(bool flag) : value_(flag) {}
    template <std::signed_integral Integer>
    log_value(Integer number) : value_(static_cast<std::int64_t>(number)) {}
    template <std::unsigned_integral Integer>
        requires(!std::same_as<Integer, bool>)
    log_value(Integer number) : value_(static_cast<std::uint64_t>(number)) {}
    /// An error is logged as its message, once, where it is handled.
    log_value(const error& failure) : owned_(failure.message()), value_(std::string_view()) { value_ = std::string_view(owned_); }
    log_value(const log_value&) = delete;
    log_value& operator=(const log_value&) = delete;

    using variant = std::variant<std::string_view, bool, std::int64_t, std::uint64_t>;
    const variant& get() const noexcept { return value_; }

private:
    std::string owned_;
    variant value_;
};

/// One key and its value in a line of the log. Both are only read while the line is made.
struct log_field {
    std::string_view key;
    log_value value;
};

/// Where finished lines go (without newline). Must not throw, must not block for long.
using log_sink = std::function<void(log_level level, std::string_view line)>;

/// The console: writes each line to a descriptor (not owned), dropping what a non-blocking one refuses.
log_sink descriptor_sink(int fd);

/// Structured logger: `log.info("container started", {{"id", id}, {"pid", pid}})`.
///
/// The message is constant and lower case; values are fields. Lines are rate limited (`rate_limit` a second
/// after a burst); what is dropped is counted and told in a later line. Errors are never dropped.
class logger {
public:
    static constexpr unsigned burst = 2000;      ///< lines at once before limiting starts: a whole boot and a storm's start
    static constexpr unsigned rate_limit = 200;  ///< lines a second afterwards: about what a 115200 baud console can print

    explicit logger(log_sink sink, log_level level = log_level::info, log_format format = log_format::json);

    void debug(std::string_view message, std::initializer_list<log_field> fields = {});
    void info(std::string_view message, std::initializer_list<log_field> fields = {});
    void warn(std::string_view message, std::initializer_list<log_field> fields = {});
    void error(std::string_view message, std::initializer_list<log_field> fields = {});

    /// A line other programs parse (`VMINITD_READY ...`): printed as it is, at every level, never limited.
    void verbatim(std::string_view line);

    void set_level(log_level level) noexcept { level_ = level; }
    void set_format(log_format format) noexcept { format_ = format; }
    void set_sink(log_sink sink) { sink_ = std::move(sink); }
    log_level level() const noexcept { return level_; }
    bool is_enabled(log_level level) const noexcept { return level >= level_; }
    std::uint64_t dropped() const noexcept { return dropped_total_; }

private:
    void write(log_level level, std::string_view message, std::initializer_list<log_field> fields);
    bool admit(log_level level);

    log_sink sink_;
    log_level level_;
    log_format format_;
    double tokens_ = burst;
    clock::time_point refilled_;
    std::uint64_t dropped_ = 0;
    std::uint64_t dropped_total_ = 0;
};

/// `debug`, `info`, `warn`, `error`; false for anything else.
bool parse_log_level(std::string_view text, log_level& level) noexcept;

/// The context's logger, so that each layer finds it where it finds everything else.
class log_service : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    /// Without configuration: JSON lines of level info on stderr.
    explicit log_service(asio::execution_context& context);
    log_service(asio::execution_context& context, logger configured);

    logger& log() noexcept { return logger_; }

private:
    void shutdown() noexcept override {}
    logger logger_;
};

/// `asio::use_service<log_service>(context).log()`.
logger& log_of(asio::execution_context& context);

}  // namespace vminit
