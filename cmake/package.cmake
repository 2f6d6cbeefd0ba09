# SPDX-License-Identifier: Apache-2.0
# `cpack` in a build tree: one Debian package for each install component. The preset `packaging` is made for it.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME vminit)
set(CPACK_PACKAGE_VENDOR "vminit")
set(CPACK_PACKAGE_CONTACT "The vminit maintainers <maintainers@vminit.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES OFF)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL client guest shim library)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)

# vminit_describe_package(COMPONENT NAME SECTION "one line" "more lines" [DEPENDS "..."] [RECOMMENDS "..."])
function(vminit_describe_package component name section summary text)
  cmake_parse_arguments(arg "" "DEPENDS;RECOMMENDS" "" ${ARGN})
  string(TOUPPER CPACK_DEBIAN_${component} prefix)
  foreach(pair IN ITEMS "PACKAGE_NAME;${name}" "PACKAGE_SECTION;${section}" "PACKAGE_DEPENDS;${arg_DEPENDS}"
                        "PACKAGE_RECOMMENDS;${arg_RECOMMENDS}")
    list(GET pair 0 key)
    list(LENGTH pair length)
    if(length GREATER 1)
      list(GET pair 1 value)
      set(${prefix}_${key} "${value}" PARENT_SCOPE)
    endif()
  endforeach()
  set(${prefix}_DESCRIPTION "${summary}\n${text}" PARENT_SCOPE)
endfunction()

vminit_describe_package(client vminitctl admin "client and image tools for container VMs"
  "vminitctl runs containers in VMs whose init is vminitd, and shows what the guest knows. vminit-image makes their initrds and disks."
  DEPENDS "e2fsprogs, erofs-utils, kmod" RECOMMENDS "qemu-system-x86 | qemu-system-arm, uidmap")
vminit_describe_package(guest vminit-guest admin "init of container VMs"
  "vminitd is PID 1 of a VM and lets the host run OCI containers there. It is a static program that vminit-image puts into initrds."
  RECOMMENDS "crun | runc")
vminit_describe_package(shim containerd-shim-vminit admin "containerd runtime that gives containers VMs of their own"
  "A containerd runtime (io.containerd.vminit.v2): each container or pod is in a VM."
  DEPENDS "erofs-utils, qemu-system-x86 | qemu-system-arm" RECOMMENDS "containerd, iproute2, vminit-guest, vminitctl")
vminit_describe_package(library libvminit-dev libdevel "library for guest inits and agents"
  "Layers for programs that run in container VMs: ttrpc, events, reaper, OCI runtimes, mounts, devices, supervision."
  DEPENDS "libboost1.81-dev, libboost-json1.81-dev, libboost-container1.81-dev, libboost-filesystem1.81-dev, libfmt-dev, libprotobuf-dev, libarchive-dev, protobuf-compiler")
include(CPack)
