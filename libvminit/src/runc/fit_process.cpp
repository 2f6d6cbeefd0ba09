// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "runc/spec_parts.hpp"

namespace vminit::runc {

namespace {

constexpr std::int64_t oom_score_limit = 1000;  // proc(5)

// A working directory that is one of the runtime's descriptors leads out of the container (CVE-2024-21626).
result<void> check_directory(const json::object& process) {
    auto path = normal_path(text_of(process, "cwd"));
    bool is_descriptor = path.starts_with("/proc/") && path.find("/fd") != std::string::npos;
    if (!is_descriptor) return {};
    return error(errc::invalid_argument, "process.cwd \"" + path + "\" is a descriptor of the runtime");
}

void fit_open_files(json::object& process, const process_facts& facts, remarks& said) {
    auto* limits = array_in(process, "rlimits");
    if (limits == nullptr) return;
    for (auto& entry : *limits) {
        if (text_of(entry, "type") != "RLIMIT_NOFILE") continue;
        for (const char* key : {"hard", "soft"}) {
            auto wanted = number_in(entry.get_object(), key);
            if (!wanted || *wanted <= facts.most_open_files) continue;
            entry.get_object()[key] = facts.most_open_files;
            said.add(std::string(key) + " RLIMIT_NOFILE lowered to " + std::to_string(facts.most_open_files));
        }
    }
}

void fit_oom_score(json::object& process, remarks& said) {
    auto* score = process.if_contains("oomScoreAdj");
    if (score == nullptr || !score->is_int64()) return;
    auto clamped = std::clamp(score->get_int64(), -oom_score_limit, oom_score_limit);
    if (clamped == score->get_int64()) return;
    *score = clamped;
    said.add("oomScoreAdj clamped to " + std::to_string(clamped));
}

}  // namespace

result<void> fit_process(json::object& process, const process_facts& facts, remarks& said) {
    if (auto checked = check_directory(process); !checked) return checked;
    fit_open_files(process, facts, said);
    fit_oom_score(process, said);
    const auto& loaded = facts.apparmor_profiles;
    auto profile = text_of(process, "apparmorProfile");
    bool is_loaded = std::find(loaded.begin(), loaded.end(), profile) != loaded.end();
    if (profile == "unconfined") {
        process.erase("apparmorProfile");  // as without a word
    } else if (!is_loaded) {
        leave_out(process, "apparmorProfile", "no such profile is loaded", said);
    }
    if (!facts.has_selinux) leave_out(process, "selinuxLabel", "no SELinux", said);
    return {};
}

}  // namespace vminit::runc
