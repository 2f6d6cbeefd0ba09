// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "github.com/containerd/containerd/api/types/event.pb.h"
#include "guest.hpp"
#include "vminit/core/task_group.hpp"

namespace vminit::test {

/// One event of a task, whichever its type is: what it does not have is empty.
struct task_event {
    std::string topic;
    std::string container;
    std::string process;  ///< the exec id, or the container's for its init
    std::uint32_t pid = 0;
    std::uint32_t status = 0;
    std::uint64_t sequence = 0;
};

task_event decode(const containerd::types::Envelope& envelope);

/// Subscribes on a connection of its own and keeps every event that arrives; events of before may be among them.
class event_watch {
public:
    explicit event_watch(guest& vm);
    ~event_watch();
    event_watch(const event_watch&) = delete;
    event_watch& operator=(const event_watch&) = delete;

    /// Turns the loop until one has `topic` and tells of this process, then returns it.
    task_event wait_for(const std::string& topic, const std::string& container, const std::string& process);

    /// Those of one container, in their order.
    std::vector<task_event> of(const std::string& container) const;
    std::vector<std::string> topics_of(const std::string& container) const;

    const std::vector<task_event>& all() const noexcept { return events_; }
    void forget() { events_.clear(); }

    /// False once the stream has ended, which nobody asked for.
    bool is_open() const noexcept { return is_open_; }

private:
    awaitable<void> read_all();

    guest& vm_;
    ttrpc::client rpc_;
    std::vector<task_event> events_;
    bool is_open_ = true;
    task_group tasks_;
};

}  // namespace vminit::test
