// SPDX-License-Identifier: Apache-2.0
#include "vminit/streams/copier.hpp"

#include <cstring>

namespace vminit::streams {

copy_outcome copier::step() noexcept {
    if (kept() > 0) return write_kept();
    char* into = buffer_->data();
    if (into == nullptr) return copy_outcome::no_memory;
    auto count = source_->read(into, copy_buffer::size);
    if (!count) {
        if (byte_end::is_again(count.error())) return copy_outcome::source_empty;
        if (byte_end::is_short_of_memory(count.error())) return copy_outcome::no_memory;
        return source_->is_away(count.error()) ? copy_outcome::source_away : copy_outcome::source_ended;
    }
    if (*count == 0) return copy_outcome::source_ended;
    auto before = moved_;
    auto outcome = write(std::string_view(into, *count));
    auto done = static_cast<std::size_t>(moved_ - before);
    if (done < *count) keep(done, *count);
    if (outcome != copy_outcome::moved || done < *count || is_discarding_) return outcome;
    bool has_more = *count == copy_buffer::size || source_->is_read_piecemeal();
    return has_more ? copy_outcome::moved : copy_outcome::drained;
}

copy_outcome copier::write_kept() noexcept {
    auto before = moved_;
    auto outcome = write(std::string_view(kept_.get() + kept_at_, kept()));
    kept_at_ += static_cast<std::size_t>(moved_ - before);
    if (kept() == 0) forget_kept();
    return outcome;
}

copy_outcome copier::write(std::string_view bytes) noexcept {
    if (is_discarding_) {
        moved_ += bytes.size();
        return copy_outcome::moved;
    }
    auto count = target_->write(bytes.substr(0, piece_));
    if (count) {
        moved_ += *count;
        return copy_outcome::moved;
    }
    if (byte_end::is_again(count.error())) return copy_outcome::target_full;
    if (byte_end::is_short_of_memory(count.error())) {
        piece_ = small_piece;
        return copy_outcome::no_memory;
    }
    if (target_->is_away(count.error())) return copy_outcome::target_away;
    failure_ = count.error();
    return copy_outcome::target_broken;
}

// In memory of their size; without any, in the shared buffer itself, where they are.
void copier::keep(std::size_t from, std::size_t end) noexcept {
    kept_.reset(new (std::nothrow) char[end - from]);
    if (kept_) {
        std::memcpy(kept_.get(), buffer_->data() + from, end - from);
        kept_at_ = 0;
        kept_end_ = end - from;
    } else {
        kept_ = buffer_->release();
        kept_at_ = from;
        kept_end_ = end;
    }
}

void copier::discard() noexcept {
    is_discarding_ = true;
    moved_ += kept();
    forget_kept();
}

void copier::forget_kept() noexcept {
    kept_.reset();
    kept_at_ = kept_end_ = 0;
    piece_ = copy_buffer::size;
}

}  // namespace vminit::streams
