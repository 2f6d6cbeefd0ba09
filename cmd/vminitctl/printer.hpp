// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "record.hpp"
#include "vminit/core/result.hpp"

namespace vminit::vminitctl {

enum class output_format {
    text,
    json,        ///< one document an answer: an object, or an array of many
    json_lines,  ///< an object a line, also where json has an array
};

/// `text`, `json` or `jsonl`. Errors: invalid_argument.
result<output_format> parse_output_format(std::string_view text);

/// Where answers and errors go, in the format asked for. Everything is written at once: nothing is lost at exit.
class printer {
public:
    /// The descriptors are borrowed.
    printer(int out, int err, output_format format) : out_(out), err_(err), format_(format) {}

    bool is_json() const noexcept { return format_ != output_format::text; }

    /// One answer: `key: value` lines, or one JSON object.
    void answer(const record& facts);

    /// Many of a kind: a table, or one JSON array, or an object a line. `titles` head an empty table.
    void answers(std::span<const record> rows, std::span<const std::string_view> titles);

    /// One line of a sequence (events): `text`, or the facts as one JSON object.
    void line(const record& facts, std::string_view text);

    /// Text for people only: nothing in JSON.
    void say(std::string_view text);

    /// As `answer`, but on stderr, for commands whose stdout is a container's. JSON only.
    void report(const record& facts);

    /// One line on stderr that something is not as it should be, though the command goes on.
    void warn(std::string_view text);

    /// One line on stderr: `vminitctl: not found: container not created`, or `{"error": {class, code, message}}`.
    void fail(const error& failure);

    /// False once stdout could not be written (a reader that went away): a sequence can stop.
    bool can_write() const noexcept { return !write_failure_; }

    /// Why stdout could not be written, if so.
    const std::optional<error>& write_failure() const noexcept { return write_failure_; }

private:
    void put(std::string_view text);
    void put_error(std::string_view text);

    int out_;
    int err_;
    output_format format_;
    std::optional<error> write_failure_;
};

/// The text of an error for people, its class first: `not found: container not created`. One line.
std::string error_line(const error& failure);

}  // namespace vminit::vminitctl
