// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "vminit/runc/spec_fit.hpp"

namespace vminit::test {

/// A VM with two processors, one disk, /dev/fuse and nothing special.
inline runc::machine_facts make_machine() {
    runc::machine_facts facts;
    facts.process.most_open_files = 1048576;
    facts.cpus = "0-1";
    facts.controllers = {"cpuset", "cpu", "io", "memory", "hugetlb", "pids"};
    facts.huge_pages = {"2MB"};
    facts.has_io_weights = false;
    for (auto [path, type, major, minor] : {std::tuple{"/dev/console", 'c', 5u, 1u},
                                            {"/dev/fuse", 'c', 10u, 229u},
                                            {"/dev/kmsg", 'c', 1u, 11u},
                                            {"/dev/null", 'c', 1u, 3u},
                                            {"/dev/ttyS0", 'c', 4u, 64u},
                                            {"/dev/vda", 'b', 254u, 0u}}) {
        runc::device_node node;
        node.path = path;
        node.type = type;
        node.major = major;
        node.minor = minor;
        node.mode = 0660;
        facts.devices.push_back(std::move(node));
    }
    return facts;
}

/// The machine has these paths and no others.
inline void has_paths(runc::machine_facts& facts, std::map<std::string, runc::path_kind> paths) {
    facts.look = [paths = std::move(paths)](const std::string& path) {
        auto known = paths.find(path);
        return known != paths.end() ? known->second : runc::path_kind::none;
    };
}

inline runc::fit_options make_options(spec_policy policy = spec_policy::keep) {
    runc::fit_options options;
    options.bundle = "/run/bundles/web";
    options.policy = policy;
    options.resolv_conf.clear();
    return options;
}

inline boost::json::value parsed(std::string_view text) {
    return boost::json::parse(boost::json::string_view(text.data(), text.size()));
}

struct fit_outcome {
    boost::json::object spec;
    std::string said;
    std::vector<runc::network_parameter> parameters;
};

/// Fits, and checks that nothing changes when it is done again.
inline fit_outcome fit(std::string_view spec, const runc::machine_facts& facts = make_machine(),
                       const runc::fit_options& options = make_options()) {
    auto fitted = runc::fit_spec(spec, facts, options);
    REQUIRE(fitted);
    auto again = runc::fit_spec(fitted->text, facts, options);
    REQUIRE(again);
    CHECK(again->text == fitted->text);
    return {parsed(fitted->text).as_object(), fitted->said.text(), fitted->parameters};
}

}  // namespace vminit::test
