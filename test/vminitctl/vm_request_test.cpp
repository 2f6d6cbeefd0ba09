// SPDX-License-Identifier: Apache-2.0
#include "vm/vm_request.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "support/print_result.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::vminitctl;

namespace {

bool has_word(const vmm::vm_plan& plan, std::string_view word) {
    return std::any_of(plan.kernel_words.begin(), plan.kernel_words.end(),
                       [&](const auto& each) { return each.starts_with(word); });
}

}  // namespace

TEST_CASE("a disk is a file and a serial, and what it is may be told", "[vminitctl]") {
    using access = vmm::disk_access;
    auto [text, file, serial, mode] = GENERATE(table<std::string, std::string, std::string, access>({
        {"/a.img:root", "/a.img", "root", access::read_write},
        {"/a.erofs:root", "/a.erofs", "root", access::read_only},
        {"/a.erofs:root:rw", "/a.erofs", "root", access::read_write},
        {"/a:b.img:data:ro", "/a:b.img", "data", access::read_only},
        {"/a.img:data:snapshot", "/a.img", "data", access::snapshot},
    }));
    auto disk = parse_disk(text);
    REQUIRE(disk);
    CHECK(disk->file == file);
    CHECK(disk->serial == serial);
    CHECK(disk->access == mode);
    for (const auto* wrong : {"", "a.img", "a.img:", ":root", "a.img:ro"}) CHECK_FALSE(parse_disk(wrong));
}

TEST_CASE("a card is of the user network or of a tap, with an address of its own", "[vminitctl]") {
    CHECK(parse_card("user")->tap.empty());
    CHECK(parse_card("user")->mac.starts_with("52:54:00:"));
    CHECK(parse_card("tap:vm0")->tap == "vm0");
    CHECK(*parse_card("tap:vm0:52:54:00:00:00:01") == vmm::network_card("vm0", "52:54:00:00:00:01", 0));
    CHECK(parse_card("user:52:54:00:00:00:01")->mac == "52:54:00:00:00:01");
    for (const auto* wrong : {"", "none", "tap", "tap:"}) CHECK_FALSE(parse_card(wrong));
}

TEST_CASE("the plan of a VM has what was asked for, and else what the settings say", "[vminitctl]") {
    test::temporary_directory directory;
    vm_settings settings;
    settings.kernel = directory.path("kernel");
    settings.initrd = directory.path("initrd");
    settings.vsock_device = "/bin/true";
    REQUIRE(replace_file(settings.kernel, "", 0600));
    REQUIRE(replace_file(settings.initrd, "", 0600));
    vm_request request;
    request.kernel_words = {"quiet panic=5"};
    request.init_arguments = {"-debug -x=y"};
    request.vmm_words = {"-name vm"};
    request.memory = std::uint64_t{256} << 20;
    request.cards.emplace_back("vm0", "52:54:00:00:00:01", 0);
    auto plan = plan_of(request, settings, "/run/vm");
    REQUIRE(plan);
    CHECK(plan->kernel == settings.kernel);
    CHECK(plan->qemu.empty());
    CHECK(plan->machine == vmm::usual_machine());
    CHECK(plan->vsock_device == "/bin/true");
    CHECK(plan->memory_mib == 256);
    CHECK(plan->console_log == "/run/vm/console.log");
    CHECK(plan->init_arguments == std::vector<std::string>{"-debug", "-x=y"});
    CHECK(plan->vmm_arguments == std::vector<std::string>{"-name", "vm"});
    CHECK(has_word(*plan, "panic=5"));
    CHECK_FALSE(has_word(*plan, "ip="));

    // A card of the user network works without more words, unless there are some.
    request.cards.clear();
    request.cards.emplace_back("", "52:54:00:00:00:01", 0);
    CHECK(has_word(*plan_of(request, settings, "/run/vm"), "ip=10.0.2.15"));
    request.kernel_words = {"ip=off"};
    CHECK_FALSE(has_word(*plan_of(request, settings, "/run/vm"), "ip=10.0.2.15"));

    request.vsock_device = "kernel";
    CHECK(plan_of(request, settings, "/run/vm")->vsock_device.empty());
    request.vsock_device = "/nowhere/vhost-device-vsock";
    request.shares.emplace_back(directory.path(), "home");
    request.virtiofsd = "/bin/true";
    CHECK(plan_of(request, settings, "/run/vm")->virtiofsd == "/bin/true");
}

TEST_CASE("a VM's name is a directory of its own", "[vminitctl]") {
    vm_settings settings;
    settings.state = "/run/vminit";
    CHECK(*vm_path(settings, "web") == "/run/vminit/web");
    CHECK(*vm_path(settings, "/tmp/a/../vm/") == "/tmp/vm");
    for (const auto* wrong : {"", ".", ".."}) CHECK(vm_path(settings, wrong).error().kind() == errc::invalid_argument);
}
