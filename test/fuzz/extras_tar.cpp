// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "fuzz/input.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/devices/extras.hpp"

using namespace vminit;
namespace fs = std::filesystem;

namespace {

// A root in which a careless extractor finds its way out: `away` leads to a directory beside it.
class trap {
public:
    trap() {
        fs::create_directories(root());
        fs::create_directory(directory_.path("outside"));
        fs::create_directory_symlink("../outside", root() + "/away");
        fs::create_symlink("../outside/file", root() + "/file");
        // These are followed, within the root.
        fs::create_directory(root() + "/real");
        fs::create_directory_symlink("../../real", root() + "/a");
        fs::create_directory_symlink("/", root() + "/b");
    }
    std::string root() const { return directory_.path("root"); }
    bool is_untouched() const {
        return fs::is_empty(directory_.path("outside")) &&
               directory_.entries() == std::vector<std::string>{"outside", "root"};
    }

private:
    test::temporary_directory directory_;
};

void check_placed(const fs::path& root) {
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
        struct stat status{};
        test::require(::lstat(entry.path().c_str(), &status) == 0, "what is placed is there");
        test::require(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISLNK(status.st_mode), "no devices");
        test::require((status.st_mode & (S_ISUID | S_ISGID)) == 0, "no set-id");
        test::require(entry.path().filename() != ".vminit-extras.tmp", "nothing half written stays");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    unique_fd disk(::memfd_create("disk", MFD_CLOEXEC));
    test::require(disk && syscalls::write_all(disk.get(), test::as_text(data, size), "disk").has_value(), "a disk");
    trap place;
    devices::extract_tar("/proc/self/fd/" + std::to_string(disk.get()), place.root());
    test::require(place.is_untouched(), "nothing is written outside the root");
    check_placed(place.root());
    return 0;
}
