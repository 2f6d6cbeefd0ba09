# SPDX-License-Identifier: Apache-2.0
# What pkg-config finds, for builds without CMake: vminit-<layer>.pc for each layer, vminit-proto.pc for the generated messages,
# and vminit.pc for all of them in one archive. They say where they lie relative to themselves, so the tree may be moved.
set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH pc_prefix /${pc_dir} /)
string(REGEX REPLACE "/$" "" pc_prefix ${pc_prefix})

# The names and flags of what a layer links; Boost has no .pc files.
set(pc_of_protobuf::libprotobuf-lite protobuf-lite)
set(pc_of_vminit::libarchive libarchive)
set(pc_of_vminit_proto vminit-proto)
set(libs_of_Boost::json -lboost_json)
set(libs_of_Boost::container -lboost_container)

# vminit_add_pc(NAME DESCRIPTION "LIBRARIES" [INCLUDE directory] NEEDS targets and layers...)
function(vminit_add_pc name description libraries)
  cmake_parse_arguments(arg "" "INCLUDE" "NEEDS" ${ARGN})
  set(requires)
  foreach(need IN LISTS arg_NEEDS)
    if(DEFINED libs_of_${need})
      string(APPEND libraries " ${libs_of_${need}}")
    elseif(DEFINED pc_of_${need})
      list(APPEND requires ${pc_of_${need}})
    elseif(TARGET vminit_${need})
      list(APPEND requires vminit-${need})
    else()
      message(FATAL_ERROR "pkg_config.cmake: how is ${need} named there?")
    endif()
  endforeach()
  list(JOIN requires ", " requires)
  set(includes "-I\${includedir}")
  if(arg_INCLUDE)
    string(PREPEND includes "-I\${includedir}/${arg_INCLUDE} ")
  endif()
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/pkgconfig/${name}.pc "prefix=\${pcfiledir}/${pc_prefix}
libdir=\${prefix}/${CMAKE_INSTALL_LIBDIR}
includedir=\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}

Name: ${name}
Description: libvminit: ${description}
Version: ${PROJECT_VERSION}
Requires: ${requires}
Cflags: ${includes} -DBOOST_ASIO_NO_DEPRECATED -DBOOST_ASIO_DISABLE_BOOST_REGEX -DFMT_HEADER_ONLY=1
Libs: -L\${libdir} ${libraries} -pthread
")
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/pkgconfig/${name}.pc DESTINATION ${pc_dir} COMPONENT library)
endfunction()

get_property(layers GLOBAL PROPERTY VMINIT_LAYERS)
set(all)
foreach(layer IN LISTS layers)
  get_property(needed GLOBAL PROPERTY VMINIT_NEEDS_OF_${layer})
  vminit_add_pc(vminit-${layer} "the layer ${layer}" -lvminit_${layer} NEEDS ${needed})
  list(APPEND all ${needed})
endforeach()
list(REMOVE_ITEM all ${layers})
list(REMOVE_DUPLICATES all)
vminit_add_pc(vminit-proto "the messages of vminitd's services" "-lvminit_proto -lvminit_well_known" INCLUDE vminit-proto NEEDS ttrpc)
vminit_add_pc(vminit "all layers" -lvminit NEEDS ${all})
