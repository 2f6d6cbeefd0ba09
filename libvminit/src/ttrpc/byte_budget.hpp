// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace vminit::ttrpc {

/// Bytes held for peers, against a bound. A connection's may be part of a whole that all connections share; what is taken
/// from it is then taken from both.
class byte_budget {
public:
    /// `whole` outlives the part.
    explicit byte_budget(std::size_t limit, byte_budget* whole = nullptr) noexcept : limit_(limit), whole_(whole) {}
    ~byte_budget() { set(0); }
    byte_budget(const byte_budget&) = delete;
    byte_budget& operator=(const byte_budget&) = delete;

    /// False when `more` goes beyond a bound. What would be alone always fits, whatever its size.
    bool fits(std::size_t more) const noexcept {
        bool fits_here = used_ == 0 || used_ + more <= limit_;
        return fits_here && (whole_ == nullptr || whole_->fits(more));
    }

    void take(std::size_t count) noexcept {
        used_ += count;
        if (whole_ != nullptr) whole_->take(count);
    }

    void give(std::size_t count) noexcept {
        used_ -= count;
        if (whole_ != nullptr) whole_->give(count);
    }

    /// Takes or gives so that `count` is used.
    void set(std::size_t count) noexcept {
        if (count > used_) take(count - used_);
        if (count < used_) give(used_ - count);
    }

    std::size_t used() const noexcept { return used_; }

private:
    std::size_t limit_;
    std::size_t used_ = 0;
    byte_budget* whole_;
};

}  // namespace vminit::ttrpc
