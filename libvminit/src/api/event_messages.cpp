// SPDX-License-Identifier: Apache-2.0
#include "event_messages.hpp"

#include "github.com/containerd/containerd/api/events/task.pb.h"
#include "message_fields.hpp"
#include "vminit/events/v1/events.pb.h"

namespace vminit::api {

namespace {

namespace wire = containerd::events;
using google::protobuf::Any;

// One overload an event: the fields, then the bare type name into the Any.
struct packer {
    Any& target;

    void operator()(const events::task_create& event) const {
        wire::TaskCreate message;
        message.set_container_id(event.container_id);
        message.set_bundle(event.bundle);
        for (const auto& mount : event.rootfs) {
            auto* entry = message.add_rootfs();
            entry->set_type(mount.type);
            entry->set_source(mount.source);
            entry->set_target(mount.target);
            for (const auto& option : mount.options) entry->add_options(option);
        }
        auto* io = message.mutable_io();
        io->set_stdin(event.stdin_uri);
        io->set_stdout(event.stdout_uri);
        io->set_stderr(event.stderr_uri);
        io->set_terminal(event.terminal);
        message.set_checkpoint(event.checkpoint);
        message.set_pid(event.pid);
        pack(target, message);
    }

    void operator()(const events::task_start& event) const {
        wire::TaskStart message;
        message.set_container_id(event.container_id);
        message.set_pid(event.pid);
        pack(target, message);
    }

    void operator()(const events::task_exit& event) const {
        wire::TaskExit message;
        message.set_container_id(event.container_id);
        message.set_id(event.id);
        message.set_pid(event.pid);
        message.set_exit_status(event.exit_status);
        set_timestamp(*message.mutable_exited_at(), event.exited_at);
        pack(target, message);
    }

    void operator()(const events::task_oom& event) const {
        wire::TaskOOM message;
        message.set_container_id(event.container_id);
        pack(target, message);
    }

    void operator()(const events::task_delete& event) const {
        wire::TaskDelete message;
        message.set_container_id(event.container_id);
        message.set_pid(event.pid);
        message.set_exit_status(event.exit_status);
        set_timestamp(*message.mutable_exited_at(), event.exited_at);
        message.set_id(event.id);
        pack(target, message);
    }

    void operator()(const events::task_exec_added& event) const {
        wire::TaskExecAdded message;
        message.set_container_id(event.container_id);
        message.set_exec_id(event.exec_id);
        pack(target, message);
    }

    void operator()(const events::task_exec_started& event) const {
        wire::TaskExecStarted message;
        message.set_container_id(event.container_id);
        message.set_exec_id(event.exec_id);
        message.set_pid(event.pid);
        pack(target, message);
    }

    void operator()(const events::task_paused& event) const {
        wire::TaskPaused message;
        message.set_container_id(event.container_id);
        pack(target, message);
    }

    void operator()(const events::task_resumed& event) const {
        wire::TaskResumed message;
        message.set_container_id(event.container_id);
        pack(target, message);
    }

    void operator()(const events::task_checkpointed& event) const {
        wire::TaskCheckpointed message;
        message.set_container_id(event.container_id);
        message.set_checkpoint(event.checkpoint);
        pack(target, message);
    }

    void operator()(const events::events_lost& event) const {
        vminit::events::v1::EventsLost message;
        message.set_first(event.first);
        message.set_last(event.last);
        pack(target, message);
    }

    void operator()(const events::foreign_event& event) const {
        target.set_type_url(event.type_url);
        target.set_value(event.value);
    }
};

}  // namespace

containerd::types::Envelope to_message(const events::envelope& envelope) {
    containerd::types::Envelope message;
    set_timestamp(*message.mutable_timestamp(), envelope.timestamp);
    message.set_namespace_(std::string(envelope.name_space));
    message.set_topic(std::string(events::topic_of(envelope.event)));
    std::visit(packer{*message.mutable_event()}, envelope.event);
    message.set_sequence(envelope.sequence);
    return message;
}

}  // namespace vminit::api
