# SPDX-License-Identifier: Apache-2.0
# vminit_add_proto(TARGET IMPORT_DIR dir PROTOS a/b.proto ... [DEPENDS targets ...])
#
# A static library of protobuf-lite messages generated from PROTOS (paths relative to IMPORT_DIR). Its include directory
# comes before the system's, so that well-known types generated here win over libprotobuf's full ones.
function(vminit_add_proto target)
  cmake_parse_arguments(arg "" "IMPORT_DIR" "PROTOS;DEPENDS" ${ARGN})
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${target})
  file(MAKE_DIRECTORY ${out})
  set(imports -I ${arg_IMPORT_DIR})
  foreach(dependency IN LISTS arg_DEPENDS)
    get_target_property(import ${dependency} VMINIT_PROTO_IMPORT_DIR)
    list(APPEND imports -I ${import})
  endforeach()
  set(generated)
  foreach(proto IN LISTS arg_PROTOS)
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    add_custom_command(
      OUTPUT ${out}/${stem}.pb.cc ${out}/${stem}.pb.h
      COMMAND protobuf::protoc --cpp_out=lite:${out} ${imports} ${arg_IMPORT_DIR}/${proto}
      DEPENDS ${arg_IMPORT_DIR}/${proto} protobuf::protoc
      COMMENT "protoc ${proto}" VERBATIM)
    list(APPEND generated ${out}/${stem}.pb.cc)
  endforeach()
  add_library(${target} STATIC ${generated})
  set_target_properties(${target} PROPERTIES VMINIT_PROTO_IMPORT_DIR ${arg_IMPORT_DIR})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} SYSTEM BEFORE PUBLIC $<BUILD_INTERFACE:${out}>)
  target_link_libraries(${target} PUBLIC ${arg_DEPENDS} protobuf::libprotobuf-lite Threads::Threads)
  # Sanitized, so that containers that cross into generated code agree; without our warnings.
  if(COMMAND vminit_own_target)
    set(VMINIT_WARNINGS "")
    vminit_own_target(${target})
  endif()
endfunction()
