// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/tar_stream.hpp"

#include <fcntl.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;
using namespace vminit::system;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t much = std::size_t{1} << 24;

/// A tree, and the tar of this system beside our own.
struct archives {
    archives() {
        fs::create_directories(dir.path("tree/sub/" + long_name));
        REQUIRE(replace_file(dir.path("tree/one"), "1", 0640));
        REQUIRE(replace_file(dir.path("tree/sub/" + long_name + "/two"), std::string(100000, '2'), 0755));
        REQUIRE(replace_file(dir.path("tree/sub/" + long_name + "/empty"), "", 0600));
        fs::create_symlink(long_name + "/" + long_name, dir.path("tree/link"));
    }
    void shell(const std::string& command) {
        REQUIRE(std::system(("cd " + dir.path() + " && " + command).c_str()) == 0);
    }
    std::string packed_by_tar(const std::string& options) {
        shell("tar -cf archive " + options + " tree");
        return read_file(dir.path("archive"), much).value();
    }
    // Contents by path; a directory ends with /, a link is `-> target`.
    std::map<std::string, std::string> read(std::string_view archive, std::size_t step = much) {
        tar_decoder decoder;
        std::map<std::string, std::string> found;
        std::string last;
        for (; !archive.empty(); archive.remove_prefix(std::min(step, archive.size()))) {
            std::vector<file_piece> pieces;
            auto fed = decoder.feed(archive.substr(0, step), pieces);
            if (!fed) return {{"error", fed.error().message()}};
            for (const auto& piece : pieces) {
                if (!piece.entry) found[last] += piece.data;
                if (!piece.entry) continue;
                entries.push_back(*piece.entry);
                last = piece.entry->path + (piece.entry->kind == file_kind::directory ? "/" : "");
                found[last] = piece.entry->target.empty() ? "" : "-> " + piece.entry->target;
            }
        }
        auto finished = decoder.finish();
        if (!finished) return {{"error", finished.error().message()}};
        return found;
    }
    std::map<std::string, std::string> tree(const std::string& name) {
        return {{name + "/", ""},
                {name + "/one", "1"},
                {name + "/link", "-> " + long_name + "/" + long_name},
                {name + "/sub/", ""},
                {name + "/sub/" + part + "/", ""},
                {name + "/sub/" + long_name + "/", ""},
                {name + "/sub/" + long_name + "/empty", ""},
                {name + "/sub/" + long_name + "/two", std::string(100000, '2')}};
    }
    std::string packed(const std::string& path, const std::string& name) {
        auto root = syscalls::open(dir.path(), O_PATH | O_DIRECTORY).value();
        auto reader = tree_reader::open(std::move(root), path, link_policy::keep).value();
        tar_encoder encoder(name);
        std::string archive;
        for (auto pieces = reader->next().value(); !pieces.empty(); pieces = reader->next().value()) {
            for (const auto& piece : pieces) REQUIRE(encoder.add(piece, archive));
        }
        REQUIRE(encoder.finish(archive));
        return archive;
    }

    test::temporary_directory dir;
    // As ustar's prefix and name take it.
    std::string part = std::string(95, 'n');
    std::string long_name = part + "/" + std::string(30, 'm');
    std::vector<file_entry> entries;
};

file_entry entry_of(file_kind kind, std::string path) {
    file_entry entry;
    entry.kind = kind;
    entry.path = std::move(path);
    return entry;
}

std::string packed_entry(const file_entry& entry) {
    std::string archive;
    tar_encoder encoder(".");
    REQUIRE(encoder.add(file_piece{entry, {}}, archive));
    return archive;
}

}  // namespace

TEST_CASE("archives of every format are read, in any pieces", "[system]") {
    archives here;
    auto format = GENERATE("--format=ustar --exclude=link", "--format=gnu", "--format=oldgnu", "--format=pax");
    auto archive = here.packed_by_tar(format);
    auto wanted = here.tree("tree");
    if (std::string(format).find("exclude") != std::string::npos) wanted.erase("tree/link");
    CAPTURE(format);
    CHECK(here.read(archive) == wanted);
    CHECK(here.read(archive, 511) == wanted);
    CHECK(here.read(archive, 7) == wanted);
    auto& one = *std::find_if(here.entries.begin(), here.entries.end(), [](auto& e) { return e.path == "tree/one"; });
    CHECK(one.mode == 0640);
    CHECK(one.uid == ::geteuid());
    CHECK(one.modified > 1'600'000'000'000'000'000);
}

TEST_CASE("tar reads what we write", "[system]") {
    archives here;
    auto archive = here.packed("/tree", "copy");
    CHECK(here.read(archive) == here.tree("copy"));
    REQUIRE(replace_file(here.dir.path("ours"), archive, 0600));
    here.shell("tar -xf ours && diff -r --no-dereference tree copy && tar -dvf ours >/dev/null");
    CHECK(fs::status(here.dir.path("copy/one")).permissions() == fs::perms(0640));
    here.shell("test $(stat -c %Y tree/one) = $(stat -c %Y copy/one)");
    // One file has its own name only.
    CHECK(here.read(here.packed("/tree/one", "one")) == std::map<std::string, std::string>{{"one", "1"}});
    CHECK(here.read(here.packed("/tree", ".")).count("sub/") == 1);
}

TEST_CASE("hard links, devices and names that lead out are told apart", "[system]") {
    archives here;
    here.shell("ln tree/one tree/two && mkfifo tree/fifo");
    auto found = here.read(here.packed_by_tar("--sort=name -P --transform=s,tree/one,../../up/./one,"));
    CHECK(found.at("up/one") == "1");
    CHECK(found.at("tree/two") == "-> up/one");
    CHECK(found.count("tree/fifo") == 0);
    auto last = here.entries.back();
    CHECK(last.path == "tree/two");
    CHECK(last.kind == file_kind::hard_link);
}

TEST_CASE("numbers beyond a header's fields arrive", "[system]") {
    archives here;
    auto entry = entry_of(file_kind::directory, "big");
    entry.uid = 3000000000;
    entry.gid = 2097152;
    entry.modified = -1;
    auto archive = packed_entry(entry) + std::string(1024, '\0');
    CHECK(here.read(archive, 100).count("big/") == 1);
    CHECK(here.entries.back().uid == entry.uid);
    CHECK(here.entries.back().gid == entry.gid);
    CHECK(here.entries.back().modified == -1'000'000'000);
    // The same in GNU's binary form.
    here.entries.clear();
    CHECK(
        here.read(here.packed_by_tar("--format=gnu --owner=:3000000000 --group=:2097152 --mtime=1960-01-01")).size() ==
        8);
    CHECK(here.entries.front().uid == entry.uid);
    CHECK(here.entries.front().modified < 0);
    auto file = entry_of(file_kind::file, "huge");
    file.size = std::uint64_t{1} << 40;
    tar_decoder decoder;
    std::vector<file_piece> pieces;
    REQUIRE(decoder.feed(packed_entry(file), pieces));
    REQUIRE(pieces.size() == 1);
    CHECK(pieces[0].entry->size == file.size);
    CHECK_FALSE(decoder.finish());
}

TEST_CASE("a file that becomes shorter is an error, what it grows by is not there", "[system]") {
    auto entry = entry_of(file_kind::file, "f");
    entry.size = 3;
    std::string archive;
    tar_encoder encoder(".");
    REQUIRE(encoder.add(file_piece{entry, {}}, archive));
    SECTION("shorter") {
        REQUIRE(encoder.add(file_piece{std::nullopt, "ab"}, archive));
        CHECK(encoder.finish(archive).error().message() == "f: it became shorter while it was read: aborted");
    }
    SECTION("longer") {
        REQUIRE(encoder.add(file_piece{std::nullopt, "abcdef"}, archive));
        REQUIRE(encoder.finish(archive));
        archives here;
        CHECK(here.read(archive) == std::map<std::string, std::string>{{"f", "abc"}});
    }
}

TEST_CASE("what is no archive is refused with the reason", "[system]") {
    archives here;
    auto archive = here.packed("/tree", "tree");
    auto refusal = [&](const std::string& bytes) { return here.read(bytes)["error"]; };
    CHECK(refusal(archive.substr(0, 700)).find("it ends too early") != std::string::npos);
    CHECK(refusal(archive.substr(0, 300)).find("it ends too early") != std::string::npos);
    CHECK(refusal(std::string(512, 'x')).find("a header is damaged") != std::string::npos);
    auto damaged = archive;
    damaged[3] ^= 1;
    CHECK(refusal(damaged).find("a header is damaged") != std::string::npos);
    CHECK(refusal(std::string(512, '\0') + archive).find("an empty block between") != std::string::npos);
    std::string none;
    tar_decoder nothing;
    std::vector<file_piece> pieces;
    REQUIRE(nothing.feed(none, pieces));
    CHECK_FALSE(nothing.finish());
    // Its end is two empty blocks; what follows counts for nothing.
    CHECK(here.read(archive + std::string(10240, 'x')) == here.tree("tree"));
    here.shell("truncate -s 1M tree/holes");
    CHECK(refusal(here.packed_by_tar("-S --format=pax")).find("a file with holes") != std::string::npos);
    CHECK(refusal(here.packed_by_tar("-S --format=gnu")).find("an entry of type S") != std::string::npos);
    auto deep = entry_of(file_kind::directory, std::string(5000, 'd'));
    CHECK(refusal(packed_entry(deep)).find("more than 4095 bytes") != std::string::npos);
    auto deeper = entry_of(file_kind::directory, std::string(70000, 'd'));
    CHECK(refusal(packed_entry(deeper)).find("more than 64 KiB") != std::string::npos);
}
