// SPDX-License-Identifier: Apache-2.0
#include "container_image.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "image_maker.hpp"
#include "support/temporary_directory.hpp"
#include "tool.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::image;
using namespace vminit::test;

namespace fs = std::filesystem;

namespace {

layout_image image_of(std::string name, std::string architecture, std::string config) {
    return {std::move(name), std::move(architecture), std::move(config), {{file("a", "1")}, {file("b", "2")}}};
}

image_choice choice_of(std::string reference, std::string architecture) {
    image_choice choice;
    choice.reference = std::move(reference);
    choice.architecture = std::move(architecture);
    return choice;
}

std::string why(const result<container_image>& opened) { return opened ? "it worked" : opened.error().message(); }

}  // namespace

TEST_CASE("an OCI layout: configuration and layers in order, as a directory and as a tar") {
    temporary_directory files;
    auto layout = files.path("layout");
    make_layout(layout, {image_of("one", "amd64", R"({"config":{"Env":["A=1"]}})")});
    bool is_archive = GENERATE(false, true);
    auto path = layout;
    if (is_archive) path = files.path("layout.tar");
    if (is_archive) REQUIRE(output_of({"tar", "-C", layout, "-cf", path, "."}));
    auto opened = open_image(path, choice_of("", "amd64"));
    REQUIRE(opened);
    CHECK(opened->config == R"({"config":{"Env":["A=1"]}})");
    REQUIRE(opened->layers.size() == 2);
    CHECK(output_of({"tar", "-tzf", opened->layers[0]}).value() == "a\n");
    CHECK(output_of({"tar", "-tzf", opened->layers[1]}).value() == "b\n");
    CHECK_FALSE(opened->identity.empty());
}

TEST_CASE("of several images one is chosen by its name, and by the processor") {
    temporary_directory files;
    auto layout = files.path();
    make_layout(layout, {image_of("one", "amd64", "{\"x\":1}"), image_of("one", "arm64", "{\"x\":2}"),
                         image_of("two", "amd64", "{\"x\":3}")});
    CHECK(open_image(layout, choice_of("one", "arm64"))->config == "{\"x\":2}");
    CHECK(open_image(layout, choice_of("one", "amd64"))->config == "{\"x\":1}");
    CHECK(open_image(layout, choice_of("two", "amd64"))->config == "{\"x\":3}");
    CHECK(why(open_image(layout, choice_of("", "amd64"))).find("choose one of one, two") != std::string::npos);
    CHECK(why(open_image(layout, choice_of("three", "amd64"))).find("there are one, two") != std::string::npos);
    CHECK(why(open_image(layout, choice_of("one", "riscv64"))).find("riscv64") != std::string::npos);
}

TEST_CASE("a blob whose content is not what its digest says is an error") {
    temporary_directory files;
    make_layout(files.path(), {image_of("one", "amd64", "{}")});
    auto opened = open_image(files.path(), choice_of("", "amd64"));
    REQUIRE(opened);
    REQUIRE(replace_file(opened->layers[1], "something else", 0644));
    auto again = open_image(files.path(), choice_of("", "amd64"));
    REQUIRE_FALSE(again);
    CHECK(again.error().kind() == errc::data_loss);
}

TEST_CASE("a digest that would be another path, and JSON that is none, are errors") {
    temporary_directory files;
    REQUIRE(replace_file(files.path("oci-layout"), "{}", 0644));
    auto index = GENERATE(as<std::string>{}, R"({"manifests":[{"digest":"sha256:../../../etc/passwd"}]})",
                          R"({"manifests":[{"digest":"../x"}]})", R"({"manifests":[{}]})", R"({"manifests":[]})",
                          R"([1,2])", "{", R"({"manifests":[7]})");
    REQUIRE(replace_file(files.path("index.json"), index, 0644));
    auto opened = open_image(files.path(), {});
    CAPTURE(index);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().kind() == errc::invalid_argument);
}

TEST_CASE("an index that names itself ends") {
    temporary_directory files;
    REQUIRE(replace_file(files.path("oci-layout"), "{}", 0644));
    auto digest = add_blob(files.path(), R"({"manifests":[{"digest":"sha256:0"}]})");
    fs::create_directories(files.path("blobs/sha256"));
    REQUIRE(replace_file(files.path("blobs/sha256/0"), R"({"manifests":[{"digest":"sha256:0"}]})", 0644));
    REQUIRE(replace_file(files.path("index.json"), R"({"manifests":[{"digest":")" + digest + R"("}]})", 0644));
    CHECK(why(open_image(files.path(), {})).find("index in index") != std::string::npos);
}

TEST_CASE("what docker save wrote: a list of images, layers that are links") {
    temporary_directory files;
    fs::create_directories(files.path("tree/one"));
    fs::create_directories(files.path("tree/two"));
    write_tar(files.path("tree/one/layer.tar"), {file("a", "1")});
    fs::create_symlink("../one/layer.tar", files.path("tree/two/layer.tar"));
    REQUIRE(replace_file(files.path("tree/c.json"), R"({"config":{}})", 0644));
    REQUIRE(replace_file(files.path("tree/manifest.json"),
                         R"([{"Config":"c.json","RepoTags":["box:1"],"Layers":["one/layer.tar","two/layer.tar"]}])",
                         0644));
    REQUIRE(output_of({"tar", "-C", files.path("tree"), "-cf", files.path("saved.tar"), "."}));
    auto opened = open_image(files.path("saved.tar"), choice_of("box:1", ""));
    REQUIRE(opened);
    CHECK(opened->config == R"({"config":{}})");
    REQUIRE(opened->layers.size() == 2);
    CHECK(opened->layers[0] == opened->layers[1]);
    CHECK_FALSE(open_image(files.path("saved.tar"), choice_of("box:2", "")));
}

TEST_CASE("a list of layers cannot name files outside") {
    temporary_directory files;
    REQUIRE(replace_file(files.path("secret"), "{}", 0644));
    fs::create_directory(files.path("tree"));
    fs::create_symlink("../secret", files.path("tree/c.json"));
    REQUIRE(replace_file(files.path("tree/manifest.json"), R"([{"Config":"c.json","Layers":[]}])", 0644));
    CHECK(why(open_image(files.path("tree"), {})).find("outside") != std::string::npos);
}

TEST_CASE("a plain directory and a plain tar are root file systems") {
    temporary_directory files;
    write_tar(files.path("root.tar"), {directory("bin"), file("bin/sh", "x")});
    auto tar = open_image(files.path("root.tar"), {});
    REQUIRE(tar);
    CHECK(tar->layers == std::vector<std::string>{files.path("root.tar")});
    CHECK(tar->config.empty());
    fs::create_directory(files.path("root"));
    auto tree = open_image(files.path("root"), {});
    REQUIRE(tree);
    CHECK(tree->directory == files.path("root"));
    CHECK(open_image(files.path("nothing"), {}).error().kind() == errc::not_found);
}
