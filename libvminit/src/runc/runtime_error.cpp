// SPDX-License-Identifier: Apache-2.0
#include "runc/runtime_error.hpp"

#include <algorithm>
#include <cctype>

#include "vminit/core/file.hpp"

namespace vminit::runc {

namespace {

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

bool contains_whatever_case(std::string_view text, std::string_view part) {
    auto same = [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
    };
    return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

}  // namespace

std::string os_text(const error& failure) {
    if (failure.code().category() != boost::system::system_category()) return failure.context();
    auto reason = failure.code().message();
    // Go's texts differ from the C library's in the first letter only ("No such file", but "RPC ..." has none here).
    if (!reason.empty()) reason[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(reason[0])));
    return failure.context() + ": " + reason;
}

std::string exit_text(std::string_view argv0, int status, std::string_view output) {
    std::string text(argv0);
    text.append(" did not terminate successfully: exit status ").append(std::to_string(status));
    if (!output.empty()) text.append(": ").append(output);
    return text;
}

std::string explained(std::string text) {
    // crun's text ("bpf create ``: Invalid argument") and runc's ("bpf_prog_query(BPF_CGROUP_DEVICE) failed: ...").
    bool is_of_devices = contains(text, "bpf create") || contains(text, "BPF_CGROUP_DEVICE");
    if (is_of_devices) text += " (the container's devices are confined, for which the kernel needs CONFIG_CGROUP_BPF)";
    return text;
}

std::string_view last_line(std::string_view output) {
    output = trimmed(output);
    auto newline = output.rfind('\n');
    return newline == std::string_view::npos ? output : trimmed(output.substr(newline + 1));
}

bool says_gone(std::string_view text, std::string_view root, std::string_view id) {
    if (contains(text, "does not exist")) return true;
    // crun names the missing file of its state directory instead.
    auto state = std::string(root).append("/").append(id);
    return contains(text, "No such file or directory") && contains(text, state);
}

bool says_dead(std::string_view text) {
    return contains(text, "os: process already finished") || contains(text, "container not running") ||
           contains(text, "is not running") || contains(text, "process not running") ||
           contains_whatever_case(text, "no such process");
}

}  // namespace vminit::runc
