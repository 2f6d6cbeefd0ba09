// SPDX-License-Identifier: Apache-2.0
#include "tool.hpp"

#include <fmt/format.h>

#include <boost/process/args.hpp>
#include <boost/process/child.hpp>
#include <boost/process/env.hpp>
#include <boost/process/environment.hpp>
#include <boost/process/io.hpp>
#include <boost/process/search_path.hpp>

#include "scratch_directory.hpp"
#include "vminit/core/file.hpp"

namespace vminit::image {

namespace {

constexpr std::size_t longest_complaint = 4096;

}  // namespace

result<std::string> output_of(const std::vector<std::string>& command, const std::vector<std::string>& environment) {
    namespace process = boost::process;
    bool is_path = command.front().find('/') != std::string::npos;
    auto program = is_path ? boost::filesystem::path(command.front()) : process::search_path(command.front());
    if (program.empty()) return error(errc::not_found, "the program " + command.front());
    // Files, so that neither of the two can be full while the other is read.
    auto scratch = scratch_directory::make();
    if (!scratch) return scratch.error();
    auto printed = scratch->path() + "/out";
    auto complained = scratch->path() + "/err";
    process::environment variables = boost::this_process::environment();
    for (const auto& variable : environment) {
        auto equals = variable.find('=');
        variables[variable.substr(0, equals)] = variable.substr(equals + 1);
    }
    std::vector<std::string> arguments(command.begin() + 1, command.end());
    std::error_code failure;
    process::child child(program, process::args(arguments), variables,
                         process::std_in<process::null, process::std_out> printed, process::std_err > complained,
                         failure);
    if (!failure) child.wait(failure);
    if (failure) return error(error_code(failure), command.front());
    auto text = read_file(printed, std::size_t{64} << 20);
    if (child.exit_code() == 0) return text;
    auto words = read_file(complained, longest_complaint);
    std::string said(words ? trimmed(*words) : std::string_view());
    if (said.empty()) said = fmt::format("ended with status {}", child.exit_code());
    return error(errc::unknown, command.front() + ": " + said);
}

}  // namespace vminit::image
