// SPDX-License-Identifier: Apache-2.0
#include "shim_container.hpp"

#include "github.com/containerd/containerd/api/events/task.pb.h"
#include "timestamps.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::shim {

namespace events = containerd::events;

namespace {

constexpr std::uint32_t killed_status = 137;  // 128 + SIGKILL
constexpr std::string_view exit_topic = "/tasks/exit";
constexpr std::string_view delete_topic = "/tasks/delete";

// Parses, sets the pid, serializes again; what an event does not have in common is set by `edit`.
template <class Event, class Edit>
google::protobuf::Any edited(const google::protobuf::Any& event, Edit edit) {
    Event message;
    if (!message.ParseFromString(event.value())) return event;
    edit(message);
    google::protobuf::Any packed = event;
    packed.set_value(message.SerializeAsString());
    return packed;
}

}  // namespace

shim_container::shim_container(asio::io_context& context, std::string id, std::string bundle,
                               event_publisher& publisher)
    : context_(context),
      id_(std::move(id)),
      bundle_(std::move(bundle)),
      publisher_(publisher),
      tasks_(context.get_executor(), log_of(context)) {}

result<std::shared_ptr<shim_process>> shim_container::add(std::string exec_id, std::shared_ptr<host_stdio> stdio) {
    auto process = std::make_shared<shim_process>(context_, exec_id, std::move(stdio));
    auto [place, is_new] = processes_.try_emplace(std::move(exec_id), process);
    if (!is_new) return error(errc::already_exists, "process " + place->first + " of container " + id_);
    return process;
}

result<std::shared_ptr<shim_process>> shim_container::find(const std::string& exec_id) const {
    auto found = processes_.find(exec_id);
    if (found != processes_.end()) return found->second;
    return error(errc::not_found, "process " + exec_id + " of container " + id_);
}

void shim_container::remove(const std::string& exec_id) {
    auto found = processes_.find(exec_id);
    if (found == processes_.end()) return;
    found->second->stdio->close();
    processes_.erase(found);
}

void shim_container::take(containerd::types::Envelope envelope) {
    // This machine's time: the guest's clock is another one.
    set_timestamp(*envelope.mutable_timestamp(), wall_now());
    waiting_.push_back(std::move(envelope));
    if (is_forwarding_) return;
    is_forwarding_ = true;
    tasks_.spawn("events of " + id_, forward_all(shared_from_this()));
}

awaitable<void> shim_container::forward_all(std::shared_ptr<shim_container> self) {
    while (!self->waiting_.empty()) {
        auto envelope = std::move(self->waiting_.front());
        self->waiting_.pop_front();
        co_await self->forward(std::move(envelope));
    }
    self->is_forwarding_ = false;
}

void shim_container::publish(std::string_view topic, google::protobuf::Any event) {
    if (!is_untold) publisher_.publish(std::string(topic), std::move(event));
}

awaitable<void> shim_container::forward(containerd::types::Envelope envelope) {
    if (envelope.topic() == exit_topic) {
        co_await forward_exit(std::move(envelope));
        co_return;
    }
    publish(envelope.topic(), rewritten(envelope.event()));
}

awaitable<void> shim_container::forward_exit(containerd::types::Envelope envelope) {
    events::TaskExit exit;
    if (!exit.ParseFromString(envelope.event().value())) co_return;
    // containerd calls init by the container's id.
    auto process = find(exit.id() == id_ ? std::string() : exit.id());
    if (process && (*process)->exit) co_return;  // told already: the VM was given up meanwhile
    bool is_read = true;
    if (process) is_read = co_await (*process)->stdio->drained(output_limit);
    if (!is_read) log_of(context_).warn("output was not read", {{"id", id_}, {"exec", exit.id()}});
    if (process && (*process)->exit) co_return;
    exit.set_pid(pid_);
    *exit.mutable_exited_at() = envelope.timestamp();
    publish(envelope.topic(), pack_event(exit));
    if (process) (*process)->tell_exit(process_exit(exit.exit_status(), from_timestamp(exit.exited_at())));
}

google::protobuf::Any shim_container::rewritten(const google::protobuf::Any& event) const {
    const auto& type = event.type_url();
    auto set_pid = [this](auto& message) { message.set_pid(pid_); };
    if (type.ends_with("containerd.events.TaskCreate")) {
        return edited<events::TaskCreate>(event, [this](auto& message) {
            message.set_pid(pid_);
            message.set_bundle(bundle_);
            *message.mutable_rootfs() = rootfs;
            auto init = find(std::string());
            if (!init) return;
            const auto& names = (*init)->stdio->names();
            message.mutable_io()->set_stdin(names.in);
            message.mutable_io()->set_stdout(names.out);
            message.mutable_io()->set_stderr(names.err);
            message.mutable_io()->set_terminal(names.is_terminal);
        });
    }
    if (type.ends_with("containerd.events.TaskStart")) return edited<events::TaskStart>(event, set_pid);
    if (type.ends_with("containerd.events.TaskExecStarted")) return edited<events::TaskExecStarted>(event, set_pid);
    return event;
}

awaitable<void> shim_container::init_ended(clock::duration limit) {
    using namespace asio::experimental::awaitable_operators;
    auto init = find(std::string());
    if (!init) co_return;
    auto process = std::move(*init);
    auto until = clock::now() + limit;
    while (!process->exit && clock::now() < until)
        co_await (process->changed.wait() || sleep_for(until - clock::now()));
}

void shim_container::lose() {
    auto tell = [this](shim_process& process) {
        if (process.exit) return;
        events::TaskExit exit;
        exit.set_container_id(id_);
        exit.set_id(process.exec_id.empty() ? id_ : process.exec_id);
        exit.set_pid(pid_);
        exit.set_exit_status(killed_status);
        auto now = wall_now();
        set_timestamp(*exit.mutable_exited_at(), now);
        publish(exit_topic, pack_event(exit));
        process.tell_exit(process_exit(killed_status, now));
    };
    for (auto& [exec_id, process] : processes_) {
        if (!exec_id.empty() && process->is_started) tell(*process);
    }
    if (auto init = find(std::string())) tell(**init);
}

void shim_container::tell_deleted(const process_exit& how) {
    events::TaskDelete message;
    message.set_container_id(id_);
    message.set_pid(pid_);
    message.set_exit_status(how.status);
    set_timestamp(*message.mutable_exited_at(), how.at);
    publish(delete_topic, pack_event(message));
}

void shim_container::close() {
    tasks_.stop();
    for (auto& [exec_id, process] : processes_) process->stdio->close();
}

awaitable<void> shim_container::end_loggers() {
    std::vector<std::shared_ptr<host_stdio>> all;
    for (const auto& [exec_id, process] : processes_) all.push_back(process->stdio);
    for (const auto& stdio : all) co_await stdio->end_logger();
}

std::shared_ptr<host_stdio> shim_container::make_stdio(stdio_names names, const std::string& exec_id) const {
    logged_process whose;
    whose.id = exec_id.empty() ? id_ : exec_id;  // as containerd's own shims have it
    whose.name_space = publisher_.space();
    return std::make_shared<host_stdio>(context_, std::move(names), std::move(whose));
}

}  // namespace vminit::shim
