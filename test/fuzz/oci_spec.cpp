// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "fuzz/input.hpp"
#include "vminit/runc/oci_spec.hpp"
#include "vminit/runc/spec_fit.hpp"

using namespace vminit;

namespace {

runc::machine_facts make_machine() {
    runc::machine_facts facts;
    facts.process.most_open_files = 1024;
    facts.cpus = "0-1";
    facts.controllers = {"cpu"};
    facts.has_swap_limits = false;
    facts.has_io_weights = false;
    for (const char* path : {"/dev/fuse", "/dev/vda"}) {
        runc::device_node node;
        node.path = path;
        facts.devices.push_back(std::move(node));
    }
    // Any path may be there or not, as long as it stays so.
    facts.look = [](const std::string& path) { return static_cast<runc::path_kind>(path.size() % 4); };
    return facts;
}

// A long number may come out of Boost.JSON one digit away from how it went in, each time again, and one without end as
// what it does not read itself: that is not our edit.
bool is_fixed(const std::string& text) {
    error_code failed;
    auto document = boost::json::parse(text, failed);
    return !failed && boost::json::serialize(document) == text;
}

bool is_parameter(const runc::network_parameter& parameter) {
    return parameter.path.starts_with("net/") && parameter.path.find("/..") == std::string::npos;
}

void check_spec(std::string_view text, const runc::machine_facts& machine, const runc::fit_options& options) {
    auto fitted = runc::fit_spec(text, machine, options);
    if (!fitted) return;
    auto again = runc::fit_spec(fitted->text, machine, options);
    test::require(!is_fixed(fitted->text) || (again && again->text == fitted->text), "a spec that fits stays as it is");
    test::require(!again || again->parameters.empty(), "parameters are taken out");
    const auto& parameters = fitted->parameters;
    test::require(std::all_of(parameters.begin(), parameters.end(), is_parameter), "only the network's parameters");
    test::require(fitted->said.lines().size() <= runc::remarks::max_lines, "remarks are bounded");
    bool is_private = runc::has_private_pid_namespace(text);
    test::require(fitted->has_private_pid_namespace == is_private, "the pid namespace is left alone");
    test::require(!is_fixed(fitted->text) || runc::has_private_pid_namespace(fitted->text) == is_private,
                  "also in what is written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto machine = make_machine();
    auto text = test::as_text(data, size);
    runc::fit_options options;
    options.bundle = "/run/bundles/b";
    auto choice = test::take_byte(text);
    options.limits = choice % 2 == 0 ? runc::resource_limits::keep : runc::resource_limits::drop;
    options.policy = choice % 4 < 2 ? spec_policy::relax : spec_policy::keep;
    check_spec(text, machine, options);
    auto process = runc::fit_process(text, runc::terminal_mode::terminal, machine.process);
    if (process) {
        auto again = runc::fit_process(process->text, runc::terminal_mode::terminal, machine.process);
        test::require(!is_fixed(process->text) || (again && again->text == process->text),
                      "a process that fits stays as it is");
    }
    auto resources = runc::fit_resources(text, machine);
    if (resources) {
        auto again = runc::fit_resources(resources->text, machine);
        test::require(!is_fixed(resources->text) || (again && again->text == resources->text),
                      "resources that fit stay as they are");
    }
    return 0;
}
