# SPDX-License-Identifier: Apache-2.0
# Applies what all our own targets share; never exported to users of the library.
function(vminit_own_target target)
  separate_arguments(warnings UNIX_COMMAND "${VMINIT_WARNINGS}")
  target_compile_options(${target} PRIVATE ${warnings})
  if(VMINIT_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${VMINIT_SANITIZE} -fno-omit-frame-pointer
      -fno-sanitize-recover=all)
    target_link_options(${target} PUBLIC $<BUILD_INTERFACE:-fsanitize=${VMINIT_SANITIZE}>)
    if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
      # Coroutine frames have no function type for UBSan to check.
      target_compile_options(${target} PRIVATE -fno-sanitize=function)
    else()
      target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
    endif()
  endif()
endfunction()

# vminit_compile_alone(FILE...)
#
# Sources of this directory that a unity build (CMAKE_UNITY_BUILD; docs/CONTRIBUTING.md) does not put together with their
# neighbours: what they declare for themselves has the name of something that a neighbour declares.
function(vminit_compile_alone)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# vminit_add_layer(NAME SOURCES a.cpp ... [DEPENDS lower layers ...] [LINK libraries ...])
#
# One layer of the library: the static library vminit_<NAME>, with no more than the layers it may use, so that
# building it proves that it does without those above. vminit::vminit is all of them in one archive. Its headers are
# include/vminit/<NAME>/*.hpp.
function(vminit_add_layer name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;LINK" ${ARGN})
  add_library(vminit_${name} STATIC ${arg_SOURCES})
  add_library(vminit::${name} ALIAS vminit_${name})
  file(GLOB headers CONFIGURE_DEPENDS ${vminit_SOURCE_DIR}/libvminit/include/vminit/${name}/*.hpp)
  target_sources(vminit_${name}
    PUBLIC FILE_SET HEADERS BASE_DIRS ${vminit_SOURCE_DIR}/libvminit/include FILES ${headers})
  target_include_directories(vminit_${name} PRIVATE ${vminit_SOURCE_DIR}/libvminit/src)
  target_link_libraries(vminit_${name} PUBLIC vminit_dependencies ${arg_LINK})
  foreach(lower IN LISTS arg_DEPENDS)
    target_link_libraries(vminit_${name} PUBLIC vminit_${lower})
  endforeach()
  vminit_own_target(vminit_${name})
  vminit_precompile(vminit_${name} library)
  # One object a source in its archive, always: a program takes what it uses, and the fuzz targets put theirs in front.
  set_target_properties(vminit_${name} PROPERTIES UNITY_BUILD OFF)
  set_property(GLOBAL APPEND PROPERTY VMINIT_LAYERS ${name})
  set_property(GLOBAL APPEND PROPERTY VMINIT_LAYER_LIBRARIES ${arg_LINK})
  set_property(GLOBAL PROPERTY VMINIT_NEEDS_OF_${name} ${arg_DEPENDS} ${arg_LINK})
endfunction()

# vminit_add_tests(LAYER SOURCES a_test.cpp ... [LINK libraries ...])
#
# The Catch2 tests of one layer, linked with that layer and those below it only. Under ThreadSanitizer, whose start takes
# longer than most of them, they share a process, and those tagged [vfork] are left out: it makes a fork of vfork(2), so
# that what the child writes into our memory is lost, and the parent goes on while the child is not what it is to be yet.
function(vminit_add_tests layer)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(vminit_${layer}_tests ${arg_SOURCES})
  target_link_libraries(vminit_${layer}_tests PRIVATE vminit_${layer} vminit_test_support ${arg_LINK})
  vminit_own_target(vminit_${layer}_tests)
  vminit_precompile(vminit_${layer}_tests tests)
  if(VMINIT_SANITIZE STREQUAL "thread")
    add_test(NAME "${layer}: under ThreadSanitizer" COMMAND vminit_${layer}_tests "~[.]~[vfork]")
    set_tests_properties("${layer}: under ThreadSanitizer" PROPERTIES LABELS unit TIMEOUT 300)
    return()
  endif()
  catch_discover_tests(vminit_${layer}_tests ${VMINIT_CATCH_ARGUMENTS} TEST_PREFIX "'${layer}: '" PROPERTIES LABELS unit TIMEOUT 120)
endfunction()

# vminit_add_privileged_tests(NAME)
#
# Runs the cases of vminit_NAME_tests tagged [.][privileged] as root of namespaces of their own, where the machine allows that.
# Not in a cross build: qemu-user knows too few of the calls.
function(vminit_add_privileged_tests layer)
  if(CMAKE_CROSSCOMPILING)
    return()
  endif()
  set(in_namespaces unshare -Urmpf --kill-child --mount-proc)
  execute_process(COMMAND ${in_namespaces} true RESULT_VARIABLE refused OUTPUT_QUIET ERROR_QUIET)
  if(NOT refused)
    add_test(NAME "${layer}: privileged" COMMAND ${in_namespaces} $<TARGET_FILE:vminit_${layer}_tests> [privileged])
    set_tests_properties("${layer}: privileged" PROPERTIES LABELS privileged TIMEOUT 120)
  endif()
endfunction()

# vminit_finish_command(TARGET)
#
# With VMINIT_STATIC, as in the release preset: one static binary beside nothing, its debug information in TARGET.debug.
# --fatal-warnings keeps out what glibc cannot do statically (getaddrinfo, NSS, dlopen).
function(vminit_finish_command target)
  if(NOT VMINIT_STATIC)
    return()
  endif()
  target_link_options(${target} PRIVATE -static -Wl,--fatal-warnings)
  target_sources(${target} PRIVATE ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/frame_table.cpp)
  target_link_options(${target} PRIVATE LINKER:--eh-frame-hdr
    LINKER:--wrap=__register_frame_info LINKER:--wrap=__deregister_frame_info)
  add_custom_command(TARGET ${target} POST_BUILD
    COMMAND ${VMINIT_OBJCOPY} --only-keep-debug $<TARGET_FILE:${target}> $<TARGET_FILE:${target}>.debug
    COMMAND ${VMINIT_OBJCOPY} --strip-all --add-gnu-debuglink=$<TARGET_FILE:${target}>.debug $<TARGET_FILE:${target}>
    VERBATIM)
endfunction()
