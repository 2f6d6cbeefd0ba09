// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace vminit::test {

/// Bytes that tell their own place: every 64-bit word of them is another one, so a lost, doubled or moved block shows.
inline std::uint64_t pattern_word(std::uint64_t index) { return (index + 1) * 0x9e3779b97f4a7c15u; }

/// `count` words from word `first` on, in memory order.
inline void write_pattern(std::uint64_t first, std::uint64_t* words, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) words[i] = pattern_word(first + i);
}

/// Compares what arrives, in pieces of any size, with the pattern.
class pattern_check {
public:
    void take(std::string_view piece) {
        auto start = total_ % 8;
        expected_.resize((start + piece.size() + 7) / 8 * 8);
        for (std::size_t at = 0; at < expected_.size(); at += 8) {
            auto word = pattern_word((total_ - start + at) / 8);
            std::memcpy(expected_.data() + at, &word, 8);
        }
        if (std::memcmp(expected_.data() + start, piece.data(), piece.size()) != 0 && is_intact_) {
            is_intact_ = false;
            broken_in_ = total_;
        }
        total_ += piece.size();
    }

    std::uint64_t total() const { return total_; }
    bool is_intact() const { return is_intact_; }

    /// Where the piece begins that holds the first wrong byte.
    std::uint64_t broken_in() const { return broken_in_; }

private:
    std::string expected_;
    std::uint64_t total_ = 0;
    std::uint64_t broken_in_ = 0;
    bool is_intact_ = true;
};

}  // namespace vminit::test
