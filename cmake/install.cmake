# SPDX-License-Identifier: Apache-2.0
# What find_package(vminit) finds: one archive a layer and one of all, headers, generated messages with their .proto files,
# the code generator. The install components are `library` (all of that), `client` (vminitctl, vminit-image), `guest`
# (vminitd) and `shim` (containerd's); each is a package (package.cmake).
include(CMakePackageConfigHelpers)

set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/vminit)
set(proto_include ${CMAKE_INSTALL_INCLUDEDIR}/vminit-proto)
set(proto_share ${CMAKE_INSTALL_DATADIR}/vminit/proto)
get_property(layers GLOBAL PROPERTY VMINIT_LAYERS)

set(needs)
foreach(layer IN LISTS layers)
  set_target_properties(vminit_${layer} PROPERTIES EXPORT_NAME ${layer})
  install(TARGETS vminit_${layer} EXPORT vminit
    ARCHIVE COMPONENT library FILE_SET HEADERS COMPONENT library)
  get_property(needed GLOBAL PROPERTY VMINIT_NEEDS_OF_${layer})
  list(JOIN needed " " needed)
  string(APPEND needs "set(vminit_needs_of_${layer} ${needed})\n")
endforeach()

foreach(messages IN ITEMS vminit_proto vminit_well_known)
  string(REPLACE "vminit_" "" name ${messages})
  set_target_properties(${messages} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(${messages} SYSTEM INTERFACE $<INSTALL_INTERFACE:${proto_include}>)
  install(DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/proto/${messages}/ DESTINATION ${proto_include} COMPONENT library
    FILES_MATCHING PATTERN "*.pb.h" PATTERN "*.ttrpc.hpp")
endforeach()
install(DIRECTORY proto/ DESTINATION ${proto_share} COMPONENT library FILES_MATCHING PATTERN "*.proto")

set_target_properties(vminit_dependencies PROPERTIES EXPORT_NAME dependencies)
install(TARGETS vminit vminit_proto vminit_well_known vminit_dependencies EXPORT vminit ARCHIVE COMPONENT library)
if(NOT CMAKE_CROSSCOMPILING)
  install(TARGETS protoc-gen-ttrpc-cpp EXPORT vminit RUNTIME COMPONENT library)
endif()
install(EXPORT vminit FILE vminit-targets.cmake NAMESPACE vminit:: DESTINATION ${config_dir} COMPONENT library)

include(pkg_config)

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/vminit-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/vminit-config.cmake
  INSTALL_DESTINATION ${config_dir} PATH_VARS proto_share)
# Before 1.0 a minor version may change what users compile against.
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/vminit-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/vminit-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/vminit-config-version.cmake
  cmake/host_tools.cmake cmake/import_archive.cmake cmake/protobuf_lite.cmake cmake/ttrpc.cmake
  DESTINATION ${config_dir} COMPONENT library)

if(VMINIT_BUILD_COMMANDS)
  include(man_pages)
  # No program of this machine: it goes into initrds.
  install(TARGETS vminitd RUNTIME DESTINATION ${CMAKE_INSTALL_DATADIR}/vminit/guest COMPONENT guest)
  install(FILES ${man_pages}/vminitd.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 COMPONENT guest)
  # In the PATH, or beside containerd: that is where it looks for io.containerd.vminit.v2.
  install(TARGETS containerd-shim-vminit-v2 RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT shim)
  install(FILES ${man_pages}/containerd-shim-vminit-v2.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 COMPONENT shim)
  install(TARGETS vminitctl vminit-image RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT client)
  install(FILES ${man_pages}/vminitctl.1 ${man_pages}/vminit-image.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT client)
  install(DIRECTORY docs/kernel/ DESTINATION ${CMAKE_INSTALL_DATADIR}/vminit/kernel COMPONENT client)
endif()
