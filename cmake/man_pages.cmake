# SPDX-License-Identifier: Apache-2.0
# The man pages as they are installed: docs/ with a date and the version in their titles. Made with each build, since the
# date changes with each commit.
find_package(Git QUIET)
set(man_pages ${CMAKE_CURRENT_BINARY_DIR}/man)
add_custom_target(vminit_man_pages ALL
  COMMAND ${CMAKE_COMMAND} -DGIT=${GIT_EXECUTABLE} -DTREE=${CMAKE_CURRENT_SOURCE_DIR} -DVERSION=${PROJECT_VERSION}
    -DOUTPUT=${man_pages} -P ${CMAKE_CURRENT_LIST_DIR}/write_man_pages.cmake
  VERBATIM)
