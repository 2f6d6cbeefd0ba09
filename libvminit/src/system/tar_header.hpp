// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vminit::system::tar {

inline constexpr std::size_t block_size = 512;

/// A field of a header: where it is, and how long.
struct field {
    std::size_t offset;
    std::size_t size;
};

inline constexpr field name{0, 100}, mode{100, 8}, uid{108, 8}, gid{116, 8}, size{124, 12}, modified{136, 12},
    checksum{148, 8}, type{156, 1}, link_name{157, 100}, magic{257, 6}, version{263, 2}, prefix{345, 155};

inline constexpr std::string_view posix_magic{"ustar\0", 6};

/// The sum that a header says of itself.
inline std::uint32_t sum_of(std::string_view block) noexcept {
    std::uint32_t sum = checksum.size * ' ';
    for (std::size_t i = 0; i < block.size(); ++i) {
        if (i < checksum.offset || i >= checksum.offset + checksum.size) sum += static_cast<unsigned char>(block[i]);
    }
    return sum;
}

inline std::size_t padding_of(std::uint64_t bytes) noexcept {
    return static_cast<std::size_t>((block_size - bytes % block_size) % block_size);
}

}  // namespace vminit::system::tar
