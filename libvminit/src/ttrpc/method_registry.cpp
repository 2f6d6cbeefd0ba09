// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/method_registry.hpp"

#include <algorithm>

namespace vminit::ttrpc {

namespace {

method_metrics zero_of(const registered_service& service, const method_info& method) noexcept {
    method_metrics zero;
    zero.service = service.name;
    zero.method = method.name;
    return zero;
}

// Not before the first call: until then its memory is not touched, and a boot makes many services that nobody calls.
void begin_to_count(registered_service& service) {
    if (!service.metrics.empty()) return;
    for (const auto& method : service.methods) service.metrics.push_back(zero_of(service, method));
}

}  // namespace

void method_registry::add(std::shared_ptr<service_base> service, std::string name) {
    auto entry = std::make_shared<registered_service>();
    entry->name = std::move(name);
    entry->methods = service->methods();
    entry->service = std::move(service);
    entry->metrics.reserve(entry->methods.size());  // so that counting needs no memory later
    auto same_name = [&](const auto& other) { return other->name == entry->name; };
    std::erase_if(services_, same_name);
    services_.push_back(std::move(entry));
}

lookup_outcome method_registry::find(std::string_view service, std::string_view method, method_entry& found) const {
    for (const auto& entry : services_) {
        if (entry->name != service) continue;
        for (std::size_t i = 0; i < entry->methods.size(); ++i) {
            if (entry->methods[i].name != method) continue;
            begin_to_count(*entry);
            found.owner = entry;
            found.index = i;
            return lookup_outcome::found;
        }
        return lookup_outcome::unknown_method;
    }
    return lookup_outcome::unknown_service;
}

std::vector<std::string> method_registry::names() const {
    std::vector<std::string> all;
    for (const auto& entry : services_) all.push_back(entry->name);
    return all;
}

void method_registry::forget_ages() const noexcept {
    for (const auto& entry : services_) {
        for (auto& counts : entry->metrics) counts.oldest.reset();
    }
}

std::vector<method_metrics> method_registry::metrics() const {
    std::vector<method_metrics> all;
    for (const auto& entry : services_) {
        all.insert(all.end(), entry->metrics.begin(), entry->metrics.end());
        if (!entry->metrics.empty()) continue;
        for (const auto& method : entry->methods) all.push_back(zero_of(*entry, method));
    }
    return all;
}

}  // namespace vminit::ttrpc
