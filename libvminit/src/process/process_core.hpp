// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>

#include "process/container.hpp"
#include "process/process_context.hpp"

namespace vminit::process {

/// The containers by id, and the context they share. Lives as long as the service or its last coroutine.
class process_core {
public:
    explicit process_core(std::shared_ptr<process_context> shared) : context(std::move(shared)) {}

    /// Errors: not_found `container not created`, also while it is being created.
    result<std::shared_ptr<container>> find(const std::string& id) const {
        auto found = containers.find(id);
        if (found != containers.end() && found->second->is_created()) return found->second;
        return error(errc::not_found, "container not created");
    }

    result<std::shared_ptr<task_process>> find(const std::string& id, const std::string& exec_id) const {
        auto owner = find(id);
        if (!owner) return owner.error();
        return (*owner)->find(exec_id);
    }

    /// The container, made or being made, whose bundle this is, if any.
    std::shared_ptr<container> user_of(const std::string& bundle) const {
        for (const auto& [id, one] : containers) {
            if (one->bundle() == bundle) return one;
        }
        return nullptr;
    }

    /// A process whose end has not been told yet, if any.
    std::shared_ptr<task_process> somebody_left() const {
        for (const auto& [id, one] : containers) {
            if (auto process = one->somebody_left()) return process;
        }
        return nullptr;
    }

    std::shared_ptr<process_context> context;
    std::map<std::string, std::shared_ptr<container>> containers;
    std::map<std::string, std::shared_ptr<abandonment>> creations;  // in progress
};

}  // namespace vminit::process
