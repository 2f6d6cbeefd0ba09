// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vminit/system/file_tree.hpp"

namespace vminit::process::v1 {
class FilePiece;
}

namespace vminit::api {

/// What ReadFiles and WriteFiles send of a copy, both ways.
vminit::process::v1::FilePiece to_message(system::file_piece piece);

/// The other way round. A message of an entry has no bytes.
system::file_piece from_message(vminit::process::v1::FilePiece message);

}  // namespace vminit::api
