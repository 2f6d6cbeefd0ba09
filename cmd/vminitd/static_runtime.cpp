// SPDX-License-Identifier: Apache-2.0
// What the run-time libraries would put into a static program that never uses it: definitions of our own keep their
// archive members out. Linked only where VMINIT_STATIC is set (static_protobuf.cpp has protobuf's share).

#include <iconv.h>

#include <boost/json/src.hpp>  // our optimisation and section per function, which Debian's archive has not
#include <cerrno>
#include <cstdlib>
#include <ios>

// Every file that sees <iostream> (protobuf's headers include it) constructs std::cout and its locale with all facets
// before main. vminitd has no standard streams: it logs through fmt and write(2). test/layering keeps iostreams out.
std::ios_base::Init::Init() {}
std::ios_base::Init::~Init() {}

// The default terminate handler demangles; ours (system/fatal.hpp) is installed first thing in main.
namespace __gnu_cxx {
void __verbose_terminate_handler() { std::abort(); }
}  // namespace __gnu_cxx

// libarchive converts file names with iconv, which in a static program would dlopen(3) its tables. Without it, names
// stay the bytes that the archive has.
extern "C" {
iconv_t iconv_open(const char*, const char*) {
    errno = EINVAL;  // what iconv_open(3) says of a conversion that is not supported
    return reinterpret_cast<iconv_t>(-1);
}
size_t iconv(iconv_t, char**, size_t*, char**, size_t*) {
    errno = EBADF;
    return static_cast<size_t>(-1);
}
int iconv_close(iconv_t) {
    errno = EBADF;
    return -1;
}
}
