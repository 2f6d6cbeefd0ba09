// SPDX-License-Identifier: Apache-2.0
#include "system/module_parameters.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <tuple>

using namespace vminit::system;

TEST_CASE("a module gets its words of the kernel command line as the kernel would read them", "[modules]") {
    auto [cmdline, path, expected] = GENERATE(table<std::string, std::string, std::string>({
        {"quiet loop.max_loop=8 root=/dev/vda", "/lib/modules/loop.ko", "max_loop=8"},
        {"loop.max_loop=8", "/lib/modules/loop.ko.xz", "max_loop=8"},
        {"loop.max_loop=8", "loop", "max_loop=8"},
        {"loop.max_loop=8", "/lib/overlay.ko", ""},
        {"loop.max_loop=8", "/lib/loop2.ko", ""},
        // - and _ are the same, in a module's name: the parameter's is the kernel's business.
        {"virtio-mmio.device=4K@0xd0:5", "/m/virtio_mmio.ko", "device=4K@0xd0:5"},
        {"virtio_mmio.device=4K@0xd0:5", "/m/virtio-mmio.ko", "device=4K@0xd0:5"},
        {"a.b-c=1", "a.ko", "b-c=1"},
        // All of them, in order; a flag, an empty value, dots in a parameter or in a value.
        {"a.x=1 b.x=2 a.y a.z= a.x=3", "a.ko", "x=1 y z= x=3"},
        {"a.b.c=1.5", "a.ko", "b.c=1.5"},
        {"x=a.b", "x.ko", ""},
        {"x=y a=b.c=d", "a.ko", ""},
        // Quotes keep a value together; around a whole word they come to stand around the value.
        {"a.x=\"1 2\" a.y=3", "a.ko", "x=\"1 2\" y=3"},
        {"\"a.x=1 2\" a.y=3", "a.ko", "x=\"1 2\" y=3"},
        {"\"a.flag\"", "a.ko", "flag"},
        {"a.x=1\" \"2", "a.ko", "x=1\" \"2"},
        {"v=\"a.x=1 a.y=2\"", "a.ko", ""},
        {"a.x=\"1 a.y=2", "a.ko", "x=\"1 a.y=2"},
        {"\"", "a.ko", ""},
        // What init is told is no module's; nor is what has no name on one side.
        {"a.x=1 -- a.y=2", "a.ko", "x=1"},
        {".x=1 a.=1 a. . =", "a.ko", ""},
        {"a.x=1\n", "a.ko", "x=1"},
        {"\t a.x=1\ta.y=2 ", "a.ko", "x=1 y=2"},
        {"", "a.ko", ""},
        {"a.x=1", "", ""},
    }));
    CAPTURE(cmdline, path);
    CHECK(module_parameters(cmdline).for_module(path) == expected);
}
