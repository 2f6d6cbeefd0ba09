// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/ttrpc/method_metrics.hpp"
#include "vminit/ttrpc/service_base.hpp"

namespace vminit::ttrpc {

/// A service under one of its names. Calls keep it alive, also after it has been replaced.
struct registered_service {
    std::string name;
    std::shared_ptr<service_base> service;
    std::span<const method_info> methods;
    std::vector<method_metrics> metrics;  ///< parallel to `methods`, or empty before the first call
};

/// One method of one registered service.
struct method_entry {
    std::shared_ptr<registered_service> owner;
    std::size_t index = 0;

    const method_info& info() const noexcept { return owner->methods[index]; }
    method_metrics& metrics() const noexcept { return owner->metrics[index]; }
};

enum class lookup_outcome { found, unknown_service, unknown_method };

/// The services of a server by name. A handful, so they are searched in order.
class method_registry {
public:
    void add(std::shared_ptr<service_base> service, std::string name);
    lookup_outcome find(std::string_view service, std::string_view method, method_entry& found) const;
    std::vector<method_metrics> metrics() const;
    std::vector<std::string> names() const;
    std::size_t size() const noexcept { return services_.size(); }

    /// Before running calls tell their age again.
    void forget_ages() const noexcept;
    void clear() noexcept { services_.clear(); }

private:
    std::vector<std::shared_ptr<registered_service>> services_;
};

}  // namespace vminit::ttrpc
