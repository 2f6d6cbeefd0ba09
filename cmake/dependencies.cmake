# Everything comes from Debian 12 packages; README lists them, test/support/provision installs them.
set(Boost_USE_STATIC_LIBS ON)
set(Protobuf_USE_STATIC_LIBS ON)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json container filesystem)
find_package(Protobuf 3.21 REQUIRED)
find_package(fmt REQUIRED)

# The archive itself: the tar reader is 100 KB of it in a static program, and needs none of the libraries that the shared
# one brings along.
find_path(VMINIT_LIBARCHIVE_INCLUDE archive.h REQUIRED)
find_library(VMINIT_LIBARCHIVE libarchive.a REQUIRED)
add_library(vminit_libarchive STATIC IMPORTED GLOBAL)
set_target_properties(vminit_libarchive PROPERTIES
  IMPORTED_LOCATION ${VMINIT_LIBARCHIVE} INTERFACE_INCLUDE_DIRECTORIES ${VMINIT_LIBARCHIVE_INCLUDE})
