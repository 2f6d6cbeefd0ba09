// SPDX-License-Identifier: Apache-2.0
#include "kernel_modules.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "support/temporary_directory.hpp"
#include "tool.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::image;

namespace fs = std::filesystem;

namespace {

// A tree of modules as depmod indexes it: the compiler makes them, with the symbols that they give and need.
class module_tree {
public:
    using sources = std::vector<std::pair<std::string, std::string>>;

    explicit module_tree(const sources& modules) {
        fs::create_directories(directory() + "/kernel");
        for (const auto& [name, source] : modules) add(name, source);
        REQUIRE(replace_file(directory() + "/modules.builtin", "kernel/inside.ko\n", 0644));
        REQUIRE(replace_file(directory() + "/modules.order", "", 0644));
        REQUIRE(output_of({"depmod", "-b", files_.path(), "1.2.3"}));
    }
    std::string directory() const { return files_.path("lib/modules/1.2.3"); }
    std::vector<std::string> names(const std::vector<std::string>& needed,
                                   const std::vector<std::string>& usual = {}) const {
        std::vector<std::string> all;
        auto paths = modules_in_load_order(directory(), needed, usual);
        REQUIRE(paths);
        for (const auto& path : *paths) all.push_back(fs::path(path).stem());
        return all;
    }

private:
    void add(const std::string& name, const std::string& source) {
        auto text = files_.path(name + ".c");
        REQUIRE(replace_file(text, source, 0644));
        REQUIRE(output_of({"cc", "-c", "-o", directory() + "/kernel/" + name + ".ko", text}));
    }

    test::temporary_directory files_;
};

// What EXPORT_SYMBOL leaves for depmod.
std::string gives(const std::string& symbol) {
    return "int " + symbol + ";\nconst char given[] __attribute__((section(\"__ksymtab_strings\"))) = \"" + symbol +
           "\";\n";
}
std::string needs(const std::string& symbol) {
    return "extern int " + symbol + "; int *use_" + symbol + " = &" + symbol + ";\n";
}
std::string information(const std::string& text) {
    return "const char info[] __attribute__((section(\".modinfo\"))) = \"" + text + "\";\n";
}

}  // namespace

TEST_CASE("what a module needs stands before it, once, and what is built in is left out") {
    module_tree tree({{"low", gives("low_symbol")},
                      {"middle", gives("middle_symbol") + needs("low_symbol")},
                      {"high", needs("middle_symbol") + needs("low_symbol")},
                      {"other", needs("low_symbol")}});
    CHECK(tree.names({"high", "other", "low"}) == std::vector<std::string>{"low", "middle", "high", "other"});
    CHECK(tree.names({"inside"}).empty());
}

TEST_CASE("a soft need comes along, before or in a circle") {
    module_tree tree({{"soft", information("softdep=pre: round")},
                      {"round", information("softdep=pre: soft")},
                      {"plain", "int x;"}});
    CHECK(tree.names({"soft"}) == std::vector<std::string>{"round", "soft"});
}

TEST_CASE("a module that is not there is an error if it is needed, and left out if it is usual") {
    module_tree tree(module_tree::sources{{"plain", "int x;"}});  // GCC 12 takes {{...}} for a copy as well
    CHECK(tree.names({"plain"}, {"absent", "plain"}) == std::vector<std::string>{"plain"});
    auto missing = modules_in_load_order(tree.directory(), {"absent"}, {});
    REQUIRE_FALSE(missing);
    CHECK(missing.error().kind() == errc::not_found);
    CHECK(missing.error().message().find("absent") != std::string::npos);
    CHECK_FALSE(modules_in_load_order("/nowhere/at/all", {"plain"}, {}));
}

TEST_CASE("a signature is cut off, and only a whole one") {
    std::string module = "the module";
    std::string mark = "~Module signature appended~\n";
    auto with = [&](std::uint32_t length) {
        std::string text = module + "SIGNATURE" + std::string(8, '\0');
        for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(length >> shift);
        return text + mark;
    };
    auto cut = with(9);
    remove_signature(cut);
    CHECK(cut == module);
    auto wrong = with(4000);
    remove_signature(wrong);
    CHECK(wrong == with(4000));
    auto unsigned_module = module;
    remove_signature(unsigned_module);
    CHECK(unsigned_module == module);
    auto only_mark = mark;
    remove_signature(only_mark);
    CHECK(only_mark == mark);
}

TEST_CASE("a module's bytes are those of the file, decompressed") {
    test::temporary_directory files;
    REQUIRE(replace_file(files.path("m.ko"), "bytes of a module", 0644));
    auto tool = GENERATE(as<std::string>{}, "xz", "zstd", "gzip");
    REQUIRE(output_of({tool, "-q", "-k", files.path("m.ko")}));
    auto suffix = tool == "xz" ? ".xz" : tool == "zstd" ? ".zst" : ".gz";
    CHECK(module_bytes(files.path("m.ko") + suffix, false).value() == "bytes of a module");
    CHECK(module_bytes(files.path("m.ko"), true).value() == "bytes of a module");
}
