# SPDX-License-Identifier: Apache-2.0
# Programs of the machine that builds, for when what is built cannot run there: protoc (FindProtobuf looks for it in the
# PATH) and vminit::protoc-gen-ttrpc-cpp, looked for in VMINIT_HOST_TOOLS and in the PATH. It has to be of these sources.
set(VMINIT_HOST_TOOLS "" CACHE PATH "Cross builds: the directory of this machine's protoc-gen-ttrpc-cpp")
find_program(VMINIT_HOST_PROTOC_GEN_TTRPC_CPP protoc-gen-ttrpc-cpp HINTS ${VMINIT_HOST_TOOLS} NO_CMAKE_FIND_ROOT_PATH)
mark_as_advanced(VMINIT_HOST_PROTOC_GEN_TTRPC_CPP)
if(NOT VMINIT_HOST_PROTOC_GEN_TTRPC_CPP)
  message(FATAL_ERROR "A cross build needs this machine's protoc-gen-ttrpc-cpp: build that target natively "
    "(cmake --preset dev && cmake --build --preset dev --target protoc-gen-ttrpc-cpp) and say where it is: "
    "-DVMINIT_HOST_TOOLS=build/dev/cmd/protoc-gen-ttrpc-cpp")
endif()
add_executable(vminit::protoc-gen-ttrpc-cpp IMPORTED GLOBAL)
set_target_properties(vminit::protoc-gen-ttrpc-cpp PROPERTIES IMPORTED_LOCATION ${VMINIT_HOST_PROTOC_GEN_TTRPC_CPP})
