// SPDX-License-Identifier: Apache-2.0
#include "printer.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "captured_output.hpp"

using namespace vminit;
using namespace vminit::vminitctl;

TEST_CASE("an answer is a listing for people and an object for programs", "[vminitctl]") {
    record facts{{"id", "web"}, {"exited_at", time_value("")}, {"memory", 1536, "1.5 KiB"}};
    test::captured_output output;
    printer(output.out(), output.err(), output_format::text).answer(facts);
    CHECK(output.out_text() == "id:         web\nexited at:  -\nmemory:     1.5 KiB\n");
    test::captured_output machine;
    printer(machine.out(), machine.err(), output_format::json).answer(facts);
    CHECK(machine.out_text() == "{\"id\":\"web\",\"exited_at\":null,\"memory\":1536}\n");
}

TEST_CASE("many answers are a table or an array", "[vminitctl]") {
    std::vector<record> rows{{{"id", "a"}}, {{"id", "b"}}};
    std::vector<std::string_view> titles{"id"};
    test::captured_output text;
    printer(text.out(), text.err(), output_format::text).answers(rows, titles);
    CHECK(text.out_text() == "ID\na\nb\n");
    test::captured_output machine;
    printer(machine.out(), machine.err(), output_format::json).answers(rows, titles);
    CHECK(machine.out_text() == "[{\"id\":\"a\"},{\"id\":\"b\"}]\n");
    test::captured_output none;
    printer(none.out(), none.err(), output_format::json).answers({}, titles);
    CHECK(none.out_text() == "[]\n");
}

TEST_CASE("as JSON lines many answers are an object a line, and one is as it is in JSON", "[vminitctl]") {
    std::vector<record> rows{{{"id", "a"}}, {{"id", "b"}}};
    std::vector<std::string_view> titles{"id"};
    test::captured_output output;
    printer out(output.out(), output.err(), output_format::json_lines);
    CHECK(out.is_json());
    out.answers(rows, titles);
    out.answers({}, titles);
    out.answer(rows.front());
    out.line(rows.back(), "text");
    CHECK(output.out_text() == "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"a\"}\n{\"id\":\"b\"}\n");
    out.fail(error(errc::not_found, "x"));
    CHECK(output.err_text().starts_with("{\"error\":"));
}

TEST_CASE("an error is one line with its class first", "[vminitctl]") {
    CHECK(error_line(error(errc::not_found, "container not created")) == "not found: container not created");
    CHECK(error_line(error(errc::not_found, "container not created: not found")) == "not found: container not created");
    CHECK(error_line(error(errc::unknown, "OCI runtime create failed: no")) ==
          "unknown: OCI runtime create failed: no");
    CHECK(error_line(error(errc::unavailable)) == "unavailable");
    CHECK(error_line(error(errc::internal, "two\nlines")) == "internal: two?lines");
}

TEST_CASE("errors go to stderr in the format asked for", "[vminitctl]") {
    error failure(errc::not_found, "process does not exist x");
    test::captured_output text;
    printer(text.out(), text.err(), output_format::text).fail(failure);
    CHECK(text.err_text() == "vminitctl: not found: process does not exist x\n");
    CHECK(text.out_text() == "");
    test::captured_output machine;
    printer(machine.out(), machine.err(), output_format::json).fail(failure);
    CHECK(machine.err_text() ==
          "{\"error\":{\"class\":\"not found\",\"code\":5,\"message\":\"process does not exist x: not found\"}}\n");
}

TEST_CASE("a reader that went away stops the output, not the program", "[vminitctl]") {
    test::captured_output output;
    output.close_reader();
    printer out(output.out(), output.err(), output_format::text);
    CHECK(out.can_write());
    out.say("x");
    CHECK_FALSE(out.can_write());
}
