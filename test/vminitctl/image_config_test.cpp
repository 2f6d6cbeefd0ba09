// SPDX-License-Identifier: Apache-2.0
#include "image_config.hpp"

#include <catch2/catch.hpp>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::vminitctl;

namespace {

using words = std::vector<std::string>;

const std::string web =
    R"({"config":{"Entrypoint":["/bin/serve"],"Cmd":["--port","80"],"Env":["PATH=/app","MODE=image"],
                            "WorkingDir":"/app","User":"nginx:www"}})";

}  // namespace

TEST_CASE("what an image says fills in what the command line does not", "[vminitctl]") {
    process_options process;
    process.environment = {"EXTRA=1", "MODE=ours"};
    REQUIRE(apply_image_config(web, "web.json", process));
    CHECK(process.arguments == words{"/bin/serve", "--port", "80"});
    CHECK(process.environment == words{"PATH=/app", "EXTRA=1", "MODE=ours"});
    CHECK(process.working_directory == "/app");
    CHECK(process.user == "nginx:www");
}

TEST_CASE("the command line wins, and its arguments stand behind the entrypoint", "[vminitctl]") {
    process_options process;
    process.arguments = {"--port", "81"};
    process.working_directory = "/";
    process.user = "1:2";
    REQUIRE(apply_image_config(web, "web.json", process));
    CHECK(process.arguments == words{"/bin/serve", "--port", "81"});
    CHECK(process.working_directory == "/");
    CHECK(process.user == "1:2");
}

TEST_CASE("a variable without a value on the command line takes the place of the image's", "[vminitctl]") {
    process_options process;
    process.environment = {"MODE"};
    REQUIRE(apply_image_config(web, "web.json", process));
    CHECK(process.environment == words{"PATH=/app", "MODE"});
}

TEST_CASE("an image that says nothing needs a command line", "[vminitctl]") {
    auto text =
        GENERATE(as<std::string>{}, "{}", R"({"config":null})", R"({"config":{"Cmd":null,"Env":null,"User":""}})");
    process_options process;
    CHECK(apply_image_config(text, "f", process).error().context() == "f: it names no command: give one after --");
    process.arguments = {"/bin/sh"};
    REQUIRE(apply_image_config(text, "f", process));
    CHECK(process.arguments == words{"/bin/sh"});
    CHECK(process.user.empty());
}

TEST_CASE("what is no configuration of an image is an error", "[vminitctl]") {
    auto text = GENERATE(as<std::string>{}, "", "[]", "{", R"({"config":1})", R"({"config":{"Cmd":"sh"}})",
                         R"({"config":{"Env":[1]}})", R"({"config":{"Cmd":["x"],"WorkingDir":1}})",
                         R"({"config":{"Cmd":["x"],"User":"a:b:c"}})");
    CAPTURE(text);
    process_options process;
    auto applied = apply_image_config(text, "f", process);
    REQUIRE_FALSE(applied);
    CHECK(applied.error().kind() == errc::invalid_argument);
    CHECK(applied.error().context().starts_with("f: "));
}

TEST_CASE("a configuration is read from a file", "[vminitctl]") {
    test::temporary_directory files;
    REQUIRE(replace_file(files.path("web.json"), web, 0644));
    process_options process;
    REQUIRE(apply_image_config_file(files.path("web.json"), process));
    CHECK(process.arguments.size() == 3);
    CHECK(apply_image_config_file(files.path("none"), process).error().kind() == errc::not_found);
}
