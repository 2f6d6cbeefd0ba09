# SPDX-License-Identifier: Apache-2.0
# vminit_import_archive(NAME HEADER)
#
# Looks for the static library NAME.a and the HEADER of a package without CMake files: the target vminit::NAME, if found.
function(vminit_import_archive name header)
  if(TARGET vminit::${name})
    return()
  endif()
  string(TOUPPER VMINIT_${name} variable)
  find_path(${variable}_INCLUDE ${header})
  find_library(${variable} ${name}.a)
  mark_as_advanced(${variable} ${variable}_INCLUDE)
  if(${variable} AND ${variable}_INCLUDE)
    add_library(vminit::${name} STATIC IMPORTED GLOBAL)
    set_target_properties(vminit::${name} PROPERTIES
      IMPORTED_LOCATION ${${variable}} INTERFACE_INCLUDE_DIRECTORIES ${${variable}_INCLUDE})
  endif()
endfunction()
