// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/identifier.hpp"
#include "vminit/events/envelope.hpp"

namespace vminit::events {

namespace {

constexpr std::string_view unknown_topic = "/tasks/?";

struct topic_visitor {
    std::string_view operator()(const task_create&) const noexcept { return "/tasks/create"; }
    std::string_view operator()(const task_start&) const noexcept { return "/tasks/start"; }
    std::string_view operator()(const task_exit&) const noexcept { return "/tasks/exit"; }
    std::string_view operator()(const task_oom&) const noexcept { return "/tasks/oom"; }
    std::string_view operator()(const task_delete&) const noexcept { return "/tasks/delete"; }
    std::string_view operator()(const task_exec_added&) const noexcept { return "/tasks/exec-added"; }
    std::string_view operator()(const task_exec_started&) const noexcept { return "/tasks/exec-started"; }
    std::string_view operator()(const task_paused&) const noexcept { return "/tasks/paused"; }
    std::string_view operator()(const task_resumed&) const noexcept { return "/tasks/resumed"; }
    std::string_view operator()(const task_checkpointed&) const noexcept { return "/tasks/checkpointed"; }
    std::string_view operator()(const events_lost&) const noexcept { return "/vminit/events-lost"; }
    std::string_view operator()(const foreign_event& event) const noexcept {
        return is_topic(event.topic) ? std::string_view(event.topic) : unknown_topic;
    }
};

}  // namespace

std::string_view topic_of(const payload& event) noexcept {
    // visit throws for a valueless variant, which a moved-from payload is not.
    return event.valueless_by_exception() ? unknown_topic : std::visit(topic_visitor(), event);
}

bool is_topic(std::string_view text) noexcept {
    if (!text.starts_with('/')) return false;
    while (!text.empty()) {
        text.remove_prefix(1);
        auto end = text.find('/');
        if (!is_identifier(text.substr(0, end))) return false;
        text.remove_prefix(end == std::string_view::npos ? text.size() : end);
    }
    return true;
}

}  // namespace vminit::events
