#include "process/copier.hpp"

namespace vminit::process {

copy_outcome copier::step() {
    if (kept() > 0) {
        auto outcome = write(std::string_view(kept_).substr(kept_at_));
        if (kept_at_ == kept_.size()) forget_kept();
        return outcome;
    }
    auto count = source_->read(buffer_->data(), copy_buffer::size);
    if (!count) return stdio_end::is_again(count.error()) ? copy_outcome::source_empty : copy_outcome::source_ended;
    if (*count == 0) return copy_outcome::source_ended;
    auto bytes = std::string_view(buffer_->data(), *count);
    auto before = moved_;
    auto outcome = write(bytes);
    kept_ = bytes.substr(static_cast<std::size_t>(moved_ - before));
    kept_at_ = 0;
    return outcome;
}

copy_outcome copier::write(std::string_view bytes) {
    if (is_discarding_) {
        advance(bytes.size());
        return copy_outcome::moved;
    }
    auto count = target_->write(bytes);
    if (count) {
        advance(*count);
        return copy_outcome::moved;
    }
    if (stdio_end::is_again(count.error())) return copy_outcome::target_full;
    failure_ = count.error();
    return copy_outcome::target_broken;
}

void copier::advance(std::size_t count) noexcept {
    moved_ += count;
    kept_at_ += count;
}

void copier::discard() {
    is_discarding_ = true;
    moved_ += kept();
    forget_kept();
}

void copier::forget_kept() noexcept {
    kept_ = std::string();  // gives the memory back, which clear() would not
    kept_at_ = 0;
}

}  // namespace vminit::process
