# SPDX-License-Identifier: Apache-2.0
# vminit_add_ttrpc(TARGET IMPORT_DIR dir PROTOS a/b.proto ... [DEPENDS targets ...] [SERIALIZED full.Service.Method ...])
#
# A static library of the messages in PROTOS and, for those that define services, of the ttrpc service base classes and
# clients: a/b.pb.h and a/b.ttrpc.hpp. DEPENDS names libraries made by this function or by vminit_add_proto whose .proto
# files are imported: vminit::well_known (Any, Empty, Timestamp), vminit::proto (the services of vminitd) or your own.
# The handlers of methods named by SERIALIZED return vminit::ttrpc::serialized, the bytes of their answer, not a message.
# Works in this tree, beneath add_subdirectory and after find_package(vminit).
function(vminit_add_ttrpc target)
  cmake_parse_arguments(arg "" "IMPORT_DIR" "PROTOS;DEPENDS;SERIALIZED" ${ARGN})
  vminit_add_proto(${target} IMPORT_DIR ${arg_IMPORT_DIR} PROTOS ${arg_PROTOS} DEPENDS ${arg_DEPENDS})
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${target})
  set(imports -I ${arg_IMPORT_DIR})
  foreach(dependency IN LISTS arg_DEPENDS)
    get_target_property(import ${dependency} VMINIT_PROTO_IMPORT_DIR)
    list(APPEND imports -I ${import})
  endforeach()
  set(wishes ${arg_SERIALIZED})
  list(TRANSFORM wishes PREPEND --ttrpc-cpp_opt=serialized=)
  foreach(proto IN LISTS arg_PROTOS)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${arg_IMPORT_DIR}/${proto})
    file(STRINGS ${arg_IMPORT_DIR}/${proto} services REGEX "^[ \t]*service[ \t]")
    if(NOT services)
      continue()
    endif()
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    add_custom_command(
      OUTPUT ${out}/${stem}.ttrpc.cpp ${out}/${stem}.ttrpc.hpp
      COMMAND protobuf::protoc --plugin=protoc-gen-ttrpc-cpp=$<TARGET_FILE:vminit::protoc-gen-ttrpc-cpp>
        --ttrpc-cpp_out=${out} ${wishes} ${imports} ${arg_IMPORT_DIR}/${proto}
      DEPENDS ${arg_IMPORT_DIR}/${proto} protobuf::protoc vminit::protoc-gen-ttrpc-cpp
      COMMENT "protoc-gen-ttrpc-cpp ${proto}" VERBATIM)
    target_sources(${target} PRIVATE ${out}/${stem}.ttrpc.cpp)
  endforeach()
  target_link_libraries(${target} PUBLIC vminit::ttrpc)
endfunction()
