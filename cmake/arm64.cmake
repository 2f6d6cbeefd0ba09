# SPDX-License-Identifier: Apache-2.0
# Toolchain: clang 19 and lld for 64-bit Arm, with Debian's arm64 packages (test/arm64/sysroot) as the sysroot. Another
# sysroot is named by VMINIT_SYSROOT.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
if(NOT VMINIT_SYSROOT)
  execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/../test/arm64/sysroot
    OUTPUT_VARIABLE VMINIT_SYSROOT OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "There is no sysroot for arm64: see above")
  endif()
endif()
set(VMINIT_SYSROOT ${VMINIT_SYSROOT} CACHE PATH "Debian's arm64 packages, unpacked")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES VMINIT_SYSROOT)
set(CMAKE_SYSROOT ${VMINIT_SYSROOT})

foreach(language IN ITEMS C CXX)
  set(CMAKE_${language}_COMPILER_TARGET aarch64-linux-gnu)
endforeach()
set(CMAKE_C_COMPILER clang-19)
set(CMAKE_CXX_COMPILER clang++-19)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
foreach(kind IN ITEMS LIBRARY INCLUDE PACKAGE)
  set(CMAKE_FIND_ROOT_PATH_MODE_${kind} ONLY)
endforeach()
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${VMINIT_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${VMINIT_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${VMINIT_SYSROOT}/usr/share/pkgconfig)

# Tests run under qemu-user where it is installed.
find_program(VMINIT_QEMU_ARM64 qemu-aarch64-static)
mark_as_advanced(VMINIT_QEMU_ARM64)
if(VMINIT_QEMU_ARM64)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${VMINIT_QEMU_ARM64} -L ${VMINIT_SYSROOT})
endif()
