# SPDX-License-Identifier: Apache-2.0
# cmake -DOUTPUT=FILE -DFRAGMENTS=a.config;b.config -P: the files as C++.
set(text "#include \"kernel_fragments.hpp\"\n\nnamespace vminit::image {\n\nconst std::vector<kernel_fragment>& kernel_fragments() {\n")
string(APPEND text "    static const std::vector<kernel_fragment> all{\n")
foreach(fragment IN LISTS FRAGMENTS)
  get_filename_component(name ${fragment} NAME_WE)
  file(READ ${fragment} words)
  string(APPEND text "        {\"${name}\", R\"fragment(${words})fragment\"},\n")
endforeach()
string(APPEND text "    };\n    return all;\n}\n\n}  // namespace vminit::image\n")
file(WRITE ${OUTPUT} "${text}")
