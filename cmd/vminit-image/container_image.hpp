// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "scratch_directory.hpp"
#include "vminit/core/result.hpp"

namespace vminit::image {

/// What somebody calls an image: what it consists of.
struct container_image {
    std::string directory;            ///< a root file system as it is; or empty
    std::vector<std::string> layers;  ///< tars, the lowest first
    std::string config;    ///< the image's configuration (JSON of the OCI image specification), if it has one
    std::string identity;  ///< its manifest or digests, or empty: the same for the same content
    std::optional<scratch_directory> unpacked;  ///< holds the files of an archive
};

struct image_choice {
    std::string reference;     ///< of several in one layout: its `org.opencontainers.image.ref.name` or repository tag
    std::string architecture;  ///< as Go names them (amd64, arm64); empty: this machine's
};

/// Opens an OCI image layout (directory or tar), what `docker save` or `docker export` wrote, or a plain directory.
/// Digests of an OCI layout are checked. Errors: not_found; invalid_argument for what is none of these, or holds
/// several images of which none was chosen (they are listed).
result<container_image> open_image(const std::string& path, const image_choice& choice);

}  // namespace vminit::image
