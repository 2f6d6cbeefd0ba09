# SPDX-License-Identifier: Apache-2.0
# cmake -DGIT=... -DTREE=... -DVERSION=... -DOUTPUT=DIRECTORY -P: writes the pages that have changed. Their date is that of
# $SOURCE_DATE_EPOCH, else the commit's, else there is none: the clock's would make each build another.
set(DATE "")
if("$ENV{SOURCE_DATE_EPOCH}" MATCHES "^[0-9]+$")
  string(TIMESTAMP DATE "%Y-%m-%d" UTC)
elseif(GIT AND EXISTS ${TREE}/.git)
  execute_process(COMMAND ${GIT} -C ${TREE} log -1 --format=%cs OUTPUT_VARIABLE DATE OUTPUT_STRIP_TRAILING_WHITESPACE
    ERROR_QUIET)
endif()
file(GLOB pages ${TREE}/docs/*.[1-8])
foreach(page IN LISTS pages)
  get_filename_component(name ${page} NAME)
  configure_file(${page} ${OUTPUT}/${name} @ONLY)
endforeach()
