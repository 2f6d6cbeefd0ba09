# SPDX-License-Identifier: Apache-2.0
# Everything comes from Debian 12 packages; README lists them, test/support/provision installs them.
# Targets that users of this directory need too: they link our layers and call vminit_add_ttrpc.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
set(Boost_USE_STATIC_LIBS ON)
set(Protobuf_USE_STATIC_LIBS ON)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json container filesystem)
find_package(Protobuf 3.21 REQUIRED)
find_package(fmt REQUIRED)

# The archive itself: the tar reader is 100 KB of it in a static program, and needs none of the libraries that the shared
# one brings along.
vminit_import_archive(libarchive archive.h)
if(NOT TARGET vminit::libarchive)
  message(FATAL_ERROR "libarchive.a or archive.h not found: install libarchive-dev")
endif()
