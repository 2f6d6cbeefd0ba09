// SPDX-License-Identifier: Apache-2.0
#include "shim_config.hpp"

#include <catch2/catch.hpp>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::shim;
using vminit::vmm::accelerator;

TEST_CASE("what the file does not say is the packages'", "[shim]") {
    auto config = parse_config(
        R"({"kernel":"/k","accelerator":"tcg","memory_mib":512,"cpus":4,"rootfs":"virtiofs","network":"user"})");
    REQUIRE(config);
    CHECK(config->kernel == "/k");
    CHECK(config->accel == accelerator::tcg);
    CHECK(config->memory_mib == 512);
    CHECK(config->cpus == 4);
    CHECK(config->rootfs == rootfs_choice::virtiofs);
    CHECK(config->network == network_mode::user);
    CHECK(parse_config("{}")->network == network_mode::name_space);
    CHECK(config->initrd == "/usr/share/vminit/guest/initrd");
    CHECK(read_config("/nowhere/shim.json"));
    CHECK(config->has_host_cgroup);
    CHECK(config->host_memory_overhead_mib == 0);
    auto other = parse_config(R"({"host_cgroup":false,"host_memory_overhead_mib":160})");
    REQUIRE(other);
    CHECK_FALSE(other->has_host_cgroup);
    CHECK(other->host_memory_overhead_mib == 160);
}

TEST_CASE("a wrong setting is named", "[shim]") {
    auto [text, part] =
        GENERATE(table<std::string, std::string>({{"[]", "not a JSON object"},
                                                  {"{", "not a JSON object"},
                                                  {R"({"kernal":"/k"})", "\"kernal\": there is no such setting"},
                                                  {R"({"kernel":3})", "\"kernel\": a string"},
                                                  {R"({"cpus":0})", "\"cpus\": a number from 1 to 255"},
                                                  {R"({"cpus":1.5})", "\"cpus\": a number"},
                                                  {R"({"memory_mib":-1})", "\"memory_mib\": a number from 64"},
                                                  {R"({"rootfs":"9p"})", "image or virtiofs"},
                                                  {R"({"network":"bridge"})", "auto, user or none"},
                                                  {R"({"host_cgroup":1})", "\"host_cgroup\": true or false"},
                                                  {R"({"network":true})", "auto, user or none"},
                                                  {R"({"accelerator":"xen"})", "auto, kvm or tcg"}}));
    test::temporary_directory directory;
    auto file = directory.path("shim.json");
    REQUIRE(replace_file(file, text, 0644));
    auto config = read_config(file);
    REQUIRE_FALSE(config);
    CAPTURE(config.error().message());
    CHECK(config.error().message().find(part) != std::string::npos);
    CHECK(config.error().message().find(file) != std::string::npos);
}
