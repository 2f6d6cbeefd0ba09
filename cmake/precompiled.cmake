# SPDX-License-Identifier: Apache-2.0
# Parsing Asio is most of the time that compiling a small file takes: cmake/precompiled/library.hpp and tests.hpp are
# compiled once for all targets that name them.

# vminit_precompile(TARGET library|tests)
function(vminit_precompile target headers)
  if(VMINIT_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM vminit_precompiled_${headers})
  endif()
endfunction()

# In this form, unlike in CMake's own, ccache sees that the word
# is a path and makes it relative, so that one clone's objects serve the next.
set(CMAKE_CXX_COMPILE_OPTIONS_USE_PCH -include-pch <PCH_FILE>)

function(vminit_add_precompiled name)
  set(header ${CMAKE_CURRENT_SOURCE_DIR}/cmake/precompiled/${name}.hpp)
  set(owner vminit_precompiled_${name})
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/precompiled/${name}.cpp "")
  add_library(${owner} OBJECT ${CMAKE_CURRENT_BINARY_DIR}/precompiled/${name}.cpp)
  target_link_libraries(${owner} PRIVATE vminit_dependencies)
  target_precompile_headers(${owner} PRIVATE ${header})
  vminit_own_target(${owner})
  # Never from ccache: the precompiled file holds the paths of the tree it was made in.
  set_target_properties(${owner} PROPERTIES CXX_COMPILER_LAUNCHER "")

  # For the same reason its bytes differ from clone to clone, and ccache is told what it stands for instead
  # (CCACHE_PCH_EXTSUM): the preprocessed text.
  set(target)
  if(CMAKE_CROSSCOMPILING)
    set(target --target=${CMAKE_CXX_COMPILER_TARGET} --sysroot=${CMAKE_SYSROOT})
  endif()
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} ${target} -std=c++20 -E -P ${header}
    OUTPUT_VARIABLE text RESULT_VARIABLE failed ERROR_VARIABLE why)
  if(failed)
    message(FATAL_ERROR "preprocessing ${header}: ${why}")
  endif()
  string(SHA256 sum "${CMAKE_CXX_COMPILER_VERSION} ${text}")
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${owner}.dir/cmake_pch.hxx.pch.sum ${sum})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header}
    ${Boost_INCLUDE_DIRS}/boost/version.hpp)
endfunction()

if(VMINIT_PRECOMPILE)
  vminit_add_precompiled(library)
  if(VMINIT_BUILD_TESTS)
    vminit_add_precompiled(tests)
  endif()
endif()
