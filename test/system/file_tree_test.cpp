// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/file_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <map>

#include "support/descriptor_guard.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;
using namespace vminit::system;
namespace fs = std::filesystem;

namespace {

/// A root with files, and a place outside of it that no copy may see.
class tree_fixture : public test::descriptor_guard {
public:
    tree_fixture() {
        fs::create_directories(dir.path("root/a/b"));
        write("root/a/one", "1");
        write("root/a/b/two", std::string(200000, '2'));
        write("secret", "secret");
        fs::create_symlink("../../secret", dir.path("root/out"));
        fs::create_symlink("/a/one", dir.path("root/inside"));
        fs::create_symlink("/..", dir.path("root/up"));
    }

    void write(const std::string& path, std::string_view text) { REQUIRE(replace_file(dir.path(path), text, 0644)); }
    std::string text(const std::string& path) { return read_file(dir.path(path)).value(); }

    unique_fd root(const std::string& path = "root") {
        return syscalls::open(dir.path(path), O_PATH | O_DIRECTORY).value();
    }

    // Contents by path; a directory ends with /, a link is `-> target`.
    result<std::map<std::string, std::string>> read(const std::string& path, link_policy links = link_policy::keep) {
        auto reader = tree_reader::open(root(), path, links);
        if (!reader) return reader.error();
        std::map<std::string, std::string> found;
        std::string last;
        for (;;) {
            auto pieces = (*reader)->next();
            if (!pieces) return pieces.error();
            if (pieces->empty()) return found;
            for (const auto& piece : *pieces) {
                if (!piece.entry) found[last] += piece.data;
                if (!piece.entry) continue;
                last = piece.entry->path + (piece.entry->kind == file_kind::directory ? "/" : "");
                found[last] = piece.entry->kind == file_kind::symlink ? "-> " + piece.entry->target : "";
                if (piece.entry->kind == file_kind::other) found[last] = "other";
            }
        }
    }

    std::unique_ptr<tree_writer> writer(const std::string& path, const std::string& name = {}) {
        return tree_writer::open(root(), path, name).value();
    }

    static file_entry entry(file_kind kind, std::string path, std::string target = {}) {
        file_entry made;
        made.kind = kind;
        made.path = std::move(path);
        made.mode = kind == file_kind::directory ? 0755 : 0640;
        made.uid = ::geteuid();
        made.gid = ::getegid();
        made.modified = 1772352930'000000005;
        made.target = std::move(target);
        return made;
    }

    static result<void> put_file(tree_writer& into, const std::string& path, std::string_view text) {
        if (auto begun = into.begin(entry(file_kind::file, path)); !begun) return begun;
        if (auto written = into.append(text); !written) return written;
        return into.finish();
    }

    std::vector<std::string> names(const std::string& path) {
        std::vector<std::string> all;
        for (const auto& one : fs::directory_iterator(dir.path(path))) all.push_back(one.path().filename());
        std::sort(all.begin(), all.end());
        return all;
    }

    test::temporary_directory dir;
};

using contents = std::map<std::string, std::string>;
using names = std::vector<std::string>;

}  // namespace

TEST_CASE("a tree is read parents first, whole", "[system]") {
    tree_fixture fixture;
    CHECK((fixture.read("/a").value() ==
           contents{{"/", ""}, {"one", "1"}, {"b/", ""}, {"b/two", std::string(200000, '2')}}));
    CHECK(fixture.read("a/one").value() == contents{{"", "1"}});
    CHECK(fixture.read("/none").error().kind() == errc::not_found);
}

TEST_CASE("a link is read as one, or for what it leads to in the root", "[system]") {
    tree_fixture fixture;
    CHECK(fixture.read("/out").value() == contents{{"", "-> ../../secret"}});
    CHECK(fixture.read("/inside", link_policy::follow).value() == contents{{"", "1"}});
    CHECK(fixture.read("/out", link_policy::follow).error().kind() == errc::not_found);
    CHECK(fixture.read("/up/secret").error().kind() == errc::not_found);
    CHECK(fixture.read("/../secret").error().kind() == errc::not_found);
    CHECK(fixture.read("/up/a/one").value() == contents{{"", "1"}});
}

TEST_CASE("what cannot be copied is told, and not opened", "[system]") {
    tree_fixture fixture;
    REQUIRE(::mkfifo(fixture.dir.path("root/a/fifo").c_str(), 0600) == 0);
    CHECK(fixture.read("/a/fifo").value() == contents{{"", "other"}});
    CHECK(fixture.read("/a").value().at("fifo") == "other");
}

TEST_CASE("a tree that is too deep is refused", "[system]") {
    tree_fixture fixture;
    std::string path = "root";
    for (std::size_t i = 0; i <= tree_reader::max_depth; ++i) path += "/d";
    fs::create_directories(fixture.dir.path(path));
    CHECK(fixture.read("/d").error().kind() == errc::resource_exhausted);
    fs::remove(fixture.dir.path(path));
    CHECK(fixture.read("/d").value().size() == tree_reader::max_depth);
}

TEST_CASE("what is written is there, with mode and time, when it is whole", "[system]") {
    tree_fixture fixture;
    auto writer = fixture.writer("/new");
    REQUIRE(writer->begin(fixture.entry(file_kind::directory, "")));
    REQUIRE(writer->begin(fixture.entry(file_kind::directory, "sub")));
    REQUIRE(writer->begin(fixture.entry(file_kind::file, "sub/f")));
    REQUIRE(writer->append("abc"));
    CHECK_FALSE(fs::exists(fixture.dir.path("root/new/sub/f")));
    REQUIRE(writer->begin(fixture.entry(file_kind::symlink, "link", "/anywhere")));
    CHECK(fixture.text("root/new/sub/f") == "abc");
    struct stat status{};
    REQUIRE(::stat(fixture.dir.path("root/new/sub/f").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0640);
    CHECK(status.st_mtim.tv_sec == 1772352930);
    CHECK(status.st_mtim.tv_nsec == 5);
    CHECK(fs::read_symlink(fixture.dir.path("root/new/link")) == "/anywhere");
    REQUIRE(writer->finish());
    CHECK(writer->entries() == 4);
    CHECK(writer->bytes() == 3);
    CHECK(fixture.names("root/new/sub") == names{"f"});
}

TEST_CASE("a copy gets its name in a directory that is there, else it is the place itself", "[system]") {
    tree_fixture fixture;
    REQUIRE(fixture.put_file(*fixture.writer("/a/", "f"), "", "in"));
    CHECK(fixture.text("root/a/f") == "in");
    REQUIRE(fixture.put_file(*fixture.writer("/a/g", "f"), "", "as"));
    CHECK(fixture.text("root/a/g") == "as");
    REQUIRE(fixture.put_file(*fixture.writer("/a", "one"), "", "replaced"));
    CHECK(fixture.text("root/a/one") == "replaced");
    CHECK(fixture.put_file(*fixture.writer("/none/g", "f"), "", "").error().kind() == errc::not_found);
    auto whole = fixture.writer("/a");
    REQUIRE(whole->begin(fixture.entry(file_kind::directory, "")));
    REQUIRE(fixture.put_file(*whole, "b/two", "2"));
    CHECK(fixture.text("root/a/b/two") == "2");
}

TEST_CASE("no name leads out of the root, nor through a link below the copy", "[system]") {
    tree_fixture fixture;
    // In the root a link leads somewhere else than outside of it.
    REQUIRE(fixture.put_file(*fixture.writer("/up", "f"), "", "x"));
    CHECK(fixture.text("root/f") == "x");
    CHECK(fixture.put_file(*fixture.writer("/../secret2"), "", "x"));
    CHECK(fixture.text("root/secret2") == "x");

    auto writer = fixture.writer("/copy");
    REQUIRE(writer->begin(fixture.entry(file_kind::directory, "")));
    for (auto path : {"..", "../f", "a/../../f", "/f", "a//f", "./f", "f/", "."}) {
        CAPTURE(path);
        CHECK(writer->begin(fixture.entry(file_kind::file, path)).error().kind() == errc::invalid_argument);
    }
    // What a hostile peer would do: bring a link, then write through it.
    REQUIRE(writer->begin(fixture.entry(file_kind::symlink, "way", fixture.dir.path())));
    CHECK_FALSE(fixture.put_file(*writer, "way/secret", "stolen"));
    CHECK_FALSE(writer->begin(fixture.entry(file_kind::directory, "way/d")));
    CHECK_FALSE(writer->begin(fixture.entry(file_kind::directory, "way")));
    CHECK(fixture.text("secret") == "secret");
}

TEST_CASE("a link where the copy goes is replaced, not followed", "[system]") {
    tree_fixture fixture;
    fs::create_directory_symlink("/a", fixture.dir.path("root/a/b/c"));
    auto writer = fixture.writer("/a/b", "c");
    CHECK(syscalls::is_errno(writer->begin(fixture.entry(file_kind::directory, "")).error(), EEXIST));
    REQUIRE(fixture.put_file(*fixture.writer("/a/b", "c"), "", "file"));
    CHECK(fs::is_regular_file(fixture.dir.path("root/a/b/c")));
    CHECK(fixture.text("root/a/one") == "1");
}

TEST_CASE("a copy begins with itself, and has bytes only in files", "[system]") {
    tree_fixture fixture;
    auto writer = fixture.writer("/copy");
    CHECK(writer->append("x").error().kind() == errc::failed_precondition);
    CHECK(writer->begin(fixture.entry(file_kind::file, "f")).error().kind() == errc::invalid_argument);
    CHECK(writer->begin(fixture.entry(file_kind::other, "")).error().kind() == errc::invalid_argument);
    CHECK(writer->begin(fixture.entry(file_kind::directory, "")).error().kind() == errc::invalid_argument);
    CHECK_FALSE(tree_writer::open(fixture.root(), "/a", "x/y"));
    CHECK_FALSE(tree_writer::open(fixture.root(), "/a", ".."));
    CHECK_FALSE(tree_writer::open(fixture.root(), std::string("/a\0b", 4), "x"));
}

TEST_CASE("a copy that is given up leaves no half file", "[system]") {
    tree_fixture fixture;
    auto writer = fixture.writer("/a", "half");
    REQUIRE(writer->begin(fixture.entry(file_kind::file, "")));
    REQUIRE(writer->append("ha"));
    CHECK(fixture.names("root/a").size() == 3);
    writer.reset();
    CHECK(fixture.names("root/a") == names{"b", "one"});
}
