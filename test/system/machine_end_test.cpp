// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/machine_end.hpp"

#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::system;

namespace {

struct firmware {
    firmware() { REQUIRE(make_directories(place("acpi/tables"), 0755)); }

    std::string place(const std::string& name) const { return directory.path("firmware/" + name); }
    void write(const std::string& table, const std::string& bytes) {
        REQUIRE(replace_file(place("acpi/tables/" + table), bytes, 0600));
    }
    machine_end end() const { return find_machine_end(directory.path("firmware")); }

    test::temporary_directory directory;
};

template <class Number>
void put(std::string& table, std::size_t offset, Number number) {
    std::memcpy(table.data() + offset, &number, sizeof number);
}

// A Fixed ACPI Description Table, as those of QEMU's q35 and, with reduced hardware, of Cloud Hypervisor.
[[maybe_unused]] std::string full_hardware() {
    std::string table(276, '\0');
    put(table, 64, std::uint32_t{0x604});
    return table;
}
[[maybe_unused]] std::string reduced_hardware(std::uint64_t sleep_register) {
    std::string table(276, '\0');
    put(table, 112, std::uint32_t{1u << 20});
    put(table, 248, sleep_register);
    return table;
}

const std::string with_s5("DSDT....\x08_S5_\x12\x06\x04", 16);

}  // namespace

TEST_CASE("powering off is for PID 1 alone", "[power]") {
    REQUIRE(::getpid() != 1);
    end_machine();
    kill_all_processes(SIGKILL);
    SUCCEED("still here");
}

TEST_CASE("the names of the ends", "[power]") {
    CHECK(machine_end_named("off") == machine_end::power_off);
    CHECK(machine_end_named("restart") == machine_end::restart);
    CHECK(machine_end_named("halt") == machine_end::halt);
    CHECK(machine_end_named("auto") == find_machine_end());
}

TEST_CASE("what cannot be known is a power-off", "[power]") {
    test::temporary_directory nothing;
    CHECK(find_machine_end(nothing.path("firmware")) == machine_end::power_off);
    CHECK(firmware().end() == machine_end::power_off);
}

#if defined(__x86_64__)
TEST_CASE("without ACPI the machine ends by a restart", "[power]") {
    test::temporary_directory directory;
    REQUIRE(make_directories(directory.path("firmware/memmap"), 0755));
    CHECK(find_machine_end(directory.path("firmware")) == machine_end::restart);
}

TEST_CASE("a power-off needs S5 and a register to enter it by", "[power]") {
    firmware found;
    found.write("DSDT", with_s5);
    found.write("FACP", full_hardware());
    CHECK(found.end() == machine_end::power_off);
    found.write("FACP", reduced_hardware(0x600));
    CHECK(found.end() == machine_end::power_off);
    found.write("FACP", reduced_hardware(0));
    CHECK(found.end() == machine_end::restart);
    found.write("FACP", full_hardware());
    found.write("DSDT", "DSDT....");
    CHECK(found.end() == machine_end::restart);
    found.write("SSDT1", "SSDT....");
    found.write("SSDT2", with_s5);
    CHECK(found.end() == machine_end::power_off);
    found.write("FACP", "FACP, cut off");
    CHECK(found.end() == machine_end::restart);
}
#else
TEST_CASE("other processors power off without ACPI", "[power]") {
    test::temporary_directory directory;
    REQUIRE(make_directories(directory.path("firmware/memmap"), 0755));
    CHECK(find_machine_end(directory.path("firmware")) == machine_end::power_off);
}
#endif
