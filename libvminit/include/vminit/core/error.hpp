// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <string>
#include <string_view>
#include <type_traits>

namespace vminit {

using boost::system::error_code;

/// The small common vocabulary of failure. Values and texts are those of gRPC status codes and of
/// containerd's errdefs classes, because hosts branch on exactly these; every layer's own error enum
/// maps into it through `default_error_condition`.
enum class errc {
    cancelled = 1,             ///< "context canceled": the caller went away.
    unknown = 2,               ///< No class applies; the context is the whole text.
    invalid_argument = 3,      ///< The request is wrong whatever the state.
    deadline_exceeded = 4,     ///< "context deadline exceeded".
    not_found = 5,             ///< The named object does not exist.
    already_exists = 6,        ///< The named object exists or is being made.
    permission_denied = 7,     ///< The peer or the kernel may not do this.
    resource_exhausted = 8,    ///< A bound (size, count, memory, descriptors) is reached.
    failed_precondition = 9,   ///< Right request, wrong state.
    aborted = 10,              ///< A concurrent change won.
    out_of_range = 11,         ///< Past the end.
    not_implemented = 12,      ///< This guest does not offer that.
    internal = 13,             ///< A bug or a broken dependency.
    unavailable = 14,          ///< Try again later; shutting down.
    data_loss = 15,            ///< Bytes or events are gone.
    unauthenticated = 16,      ///< The peer is not known.
};

/// The category of `errc`; `message()` is the errdefs class text ("not found").
const boost::system::error_category& common_category() noexcept;

inline error_code make_error_code(errc value) noexcept {
    return error_code(static_cast<int>(value), common_category());
}

/// An error code plus what was being done, extended on the way up: `mount /run: Permission denied`.
///
/// A value: cheap to move, owns its text. Default-constructed means "no error" and appears only as
/// the unused half of a `result`.
class error {
public:
    error() = default;
    error(error_code code, std::string context = {});
    error(errc code, std::string context = {});

    const error_code& code() const noexcept { return code_; }
    const std::string& context() const noexcept { return context_; }

    /// The common class of this error: of `errc` itself, of a layer's enum through its
    /// `default_error_condition`, of errno by table (ENOENT -> not_found, ...), else `unknown`.
    errc kind() const noexcept;

    /// `context: code text`; the context alone for `errc::unknown`, the code text alone without context.
    std::string message() const;

    /// The same error seen from one level up: `outer: context`.
    error within(std::string_view outer) const;

    friend bool operator==(const error&, const error&) = default;

    /// Prints `message()`; a template so that no user of the library pays for iostreams.
    template <class Stream>
        requires requires(Stream& out, std::string_view text) { out << text; }
    friend Stream& operator<<(Stream& out, const error& failure) {
        out << std::string_view(failure.message());
        return out;
    }

private:
    error_code code_;
    std::string context_;
};

/// The common class of a bare code; see `error::kind`.
errc kind_of(const error_code& code) noexcept;

}  // namespace vminit

namespace boost::system {
template <>
struct is_error_code_enum<vminit::errc> : std::true_type {};
}  // namespace boost::system
