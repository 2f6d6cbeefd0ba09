// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/error.hpp"

#include <cerrno>

namespace vminit {

namespace {

const char* class_text(errc value) noexcept {
    switch (value) {
        case errc::cancelled: return "context canceled";
        case errc::unknown: return "unknown";
        case errc::invalid_argument: return "invalid argument";
        case errc::deadline_exceeded: return "context deadline exceeded";
        case errc::not_found: return "not found";
        case errc::already_exists: return "already exists";
        case errc::permission_denied: return "permission denied";
        case errc::resource_exhausted: return "resource exhausted";
        case errc::failed_precondition: return "failed precondition";
        case errc::aborted: return "aborted";
        case errc::out_of_range: return "out of range";
        case errc::not_implemented: return "not implemented";
        case errc::internal: return "internal";
        case errc::unavailable: return "unavailable";
        case errc::data_loss: return "data loss";
        case errc::unauthenticated: return "unauthorized";
    }
    return "unknown";
}

class common_error_category final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "vminit"; }
    std::string message(int value) const override { return class_text(static_cast<errc>(value)); }
};

errc kind_of_errno(int value) noexcept {
    switch (value) {
        case ENOENT:
        case ESRCH:
        case ENODEV:
        case ENXIO: return errc::not_found;
        case EEXIST: return errc::already_exists;
        case EINVAL:
        case ENAMETOOLONG: return errc::invalid_argument;
        case EACCES:
        case EPERM: return errc::permission_denied;
        case EBUSY: return errc::failed_precondition;
        case ENOMEM:
        case ENOSPC:
        case EMFILE:
        case ENFILE:
        case EMSGSIZE: return errc::resource_exhausted;
        case ENOSYS: return errc::not_implemented;
        case ETIMEDOUT: return errc::deadline_exceeded;
        case ECANCELED: return errc::cancelled;
        case EAGAIN: return errc::unavailable;
        default: return errc::unknown;
    }
}

}  // namespace

const boost::system::error_category& common_category() noexcept {
    static const common_error_category category;
    return category;
}

errc kind_of(const error_code& code) noexcept {
    if (code.category() == common_category()) return static_cast<errc>(code.value());
    if (code.category() == boost::system::system_category() || code.category() == boost::system::generic_category()) {
        return kind_of_errno(code.value());
    }
    auto condition = code.default_error_condition();
    if (condition.category() == common_category()) return static_cast<errc>(condition.value());
    return errc::unknown;
}

error::error(error_code code, std::string context) : code_(code), context_(std::move(context)) {}

error::error(errc code, std::string context) : code_(make_error_code(code)), context_(std::move(context)) {}

errc error::kind() const noexcept { return kind_of(code_); }

std::string error::message() const {
    if (context_.empty()) return code_.message();
    if (code_ == make_error_code(errc::unknown)) return context_;
    return context_ + ": " + code_.message();
}

error error::within(std::string_view outer) const {
    std::string context(outer);
    if (!context_.empty()) context.append(": ").append(context_);
    return error(code_, std::move(context));
}

}  // namespace vminit
