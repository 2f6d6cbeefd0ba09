// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vminit/process/v1/container.pb.h"
#include "vminit/system/file_tree.hpp"

namespace vminit::api {

vminit::process::v1::FilePiece to_message(system::file_piece piece);
system::file_piece from_message(vminit::process::v1::FilePiece message);

}  // namespace vminit::api
