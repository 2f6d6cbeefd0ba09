// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "network_wish.hpp"
#include "pod_network_plan.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"

namespace vminit::shim {

/// What a VM's network has changed in a network namespace, and how to undo it. It lies as a file in the VM's directory
/// while it is there, so that `delete` can undo it after a shim that was killed.
struct network_record {
    std::string network_namespace;
    std::vector<std::string> interfaces;  ///< that have an ingress of ours
    std::vector<std::string> taps;

    friend bool operator==(const network_record&, const network_record&) = default;
};

std::string record_text(const network_record& record);

/// Errors: invalid_argument.
result<network_record> parse_record(std::string_view text);

/// The network of one VM.
class pod_network {
public:
    /// `directory` is the VM's, whose name is unique on this machine.
    pod_network(asio::io_context& context, std::string directory);

    /// Reads the network namespace of `wish`, and makes taps and redirects in it. Undone when a step fails. A namespace
    /// without interfaces makes nothing, and neither does a wish without one.
    ///
    /// Errors: not_found for a path that is not there; invalid_argument for what is no network namespace, or is this
    /// machine's own; failed_precondition when its traffic is redirected already (another VM); resource_exhausted for
    /// more than a VM can have; what `ip` and `tc` say.
    awaitable<result<void>> prepare(network_wish wish);

    /// Puts the cards, their words and the namespace into a plan.
    void add_to(vmm::vm_plan& plan) const;

    /// Takes taps and redirects away. What is gone is fine. Idempotent.
    awaitable<void> undo();

private:
    awaitable<result<netns_facts>> read_facts();
    awaitable<result<void>> set_up();
    awaitable<result<void>> claim(std::string interface);
    awaitable<result<std::string>> in_namespace(std::vector<std::string> command, std::string input);

    asio::io_context& context_;
    std::string directory_;
    std::string path_;
    pod_network_plan plan_;
    network_record made_;
};

/// Undoes what the record in a VM's directory tells, and removes it. Without a record nothing happens.
awaitable<result<void>> undo_recorded_network(asio::io_context& context, std::string directory);

}  // namespace vminit::shim
