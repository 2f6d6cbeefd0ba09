// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "fuzz/input.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/tar_stream.hpp"
#include "vminit/system/tree_unpacker.hpp"

using namespace vminit;
namespace fs = std::filesystem;

namespace {

using pieces = std::vector<system::file_piece>;

/// What an archive holds, as text: the same however it comes. Whether it is one, too.
std::string told(std::string_view archive, std::size_t step, pieces& all) {
    system::tar_decoder decoder;
    std::string text;
    for (; !archive.empty(); archive.remove_prefix(std::min(step, archive.size()))) {
        auto before = all.size();
        auto fed = decoder.feed(archive.substr(0, step), all);
        for (auto i = before; i < all.size(); ++i) {
            const auto& entry = all[i].entry;
            text += entry ? "\n" + entry->path + " " + std::to_string(entry->size) + " " + entry->target + "\n"
                          : all[i].data;
        }
        if (!fed) return text + fed.error().message();
    }
    auto finished = decoder.finish();
    return finished ? text : text + finished.error().message();
}

// A root in which a careless unpacker finds its way out: `away` leads to a directory beside it.
class trap {
public:
    trap() {
        fs::create_directories(directory_.path("root/place"));
        fs::create_directory(directory_.path("outside"));
        fs::create_directory_symlink("../../outside", directory_.path("root/place/away"));
        fs::create_symlink("../../outside/file", directory_.path("root/place/file"));
    }
    unique_fd root() const { return syscalls::open(directory_.path("root"), O_PATH | O_DIRECTORY).value(); }
    bool is_untouched() const {
        return fs::is_empty(directory_.path("outside")) &&
               directory_.entries() == std::vector<std::string>{"outside", "root"} &&
               std::distance(fs::directory_iterator(directory_.path("root")), fs::directory_iterator()) == 1;
    }

private:
    test::temporary_directory directory_{"/dev/shm"};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto archive = test::as_text(data, size);
    pieces whole, parts;
    auto text = told(archive, archive.size() + 1, whole);
    test::require(told(archive, 100, parts) == text, "an archive is the same in pieces");
    for (const auto& piece : whole) {
        if (!piece.entry) continue;
        const auto& path = piece.entry->path;
        bool leads_out = ("/" + path + "/").find("/../") != std::string::npos || path.starts_with('/');
        test::require(!leads_out && !path.empty(), "a path leads to what is below");
    }
    trap place;
    auto unpacker = system::tree_unpacker::open(place.root(), "/place", system::archive_owners::ours);
    test::require(unpacker.has_value(), "there is a place");
    for (auto& piece : whole) {
        if (!(*unpacker)->put(std::move(piece))) break;
    }
    unpacker->reset();
    test::require(place.is_untouched(), "nothing is written elsewhere");
    return 0;
}
