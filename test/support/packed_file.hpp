// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>
#include <string>

#include "vminit/system/tar_stream.hpp"

namespace vminit::test {

/// A tar archive of one file, as a host sends it.
inline std::string packed_file(const std::string& path, const std::string& text) {
    system::file_entry entry;
    entry.kind = system::file_kind::file;
    entry.path = path;
    entry.mode = 0644;
    entry.size = text.size();
    std::string archive;
    system::tar_encoder encoder(".");
    REQUIRE(encoder.add(system::file_piece{entry, {}}, archive));
    REQUIRE(encoder.add(system::file_piece{std::nullopt, text}, archive));
    REQUIRE(encoder.finish(archive));
    return archive;
}

}  // namespace vminit::test
