// SPDX-License-Identifier: Apache-2.0
#include "link_keeper.hpp"

#include <iterator>

namespace vminit::devices {

namespace {

// A card that is being unplugged may be seen once more, for a moment. Its going is no failure to configure it.
bool is_gone(const std::vector<error>& failures) {
    return !failures.empty() && failures.front().kind() == errc::not_found;
}

}  // namespace

link_keeper::link_keeper(std::vector<system::link_settings> links, link_actions actions)
    : links_(std::make_move_iterator(links.begin()), std::make_move_iterator(links.end())),
      actions_(std::move(actions)) {}

std::function<result<link_keeper::found_devices>()> link_keeper::look(const std::string& sysfs) const {
    std::vector<std::string> wanted;
    for (const auto& link : links_) wanted.push_back(link.settings.device);
    return [wanted = std::move(wanted), sysfs]() -> result<found_devices> {
        found_devices found;
        for (const auto& device : wanted) found.push_back(find_network_device(sysfs, device));
        return found;
    };
}

awaitable<void> link_keeper::configure(found_devices found) {
    for (std::size_t at = 0; at < found.size(); ++at) {
        auto index = found[at] ? found[at]->index : 0;
        if (std::exchange(links_[at].index, index) == index || index == 0) continue;
        auto settings = links_[at].settings;
        settings.device = found[at]->name;
        link_report report;
        report.position = at;
        report.name = found[at]->name;
        report.failures = co_await actions_.configure(std::move(settings));
        if (is_gone(report.failures)) {
            links_[at].index = 0;
            continue;
        }
        links_[at].is_reported = true;
        actions_.report(std::move(report));
    }
}

void link_keeper::report_missing() {
    for (std::size_t at = 0; at < links_.size(); ++at) {
        if (std::exchange(links_[at].is_reported, true)) continue;
        link_report report;
        report.position = at;
        report.failures.emplace_back(errc::not_found, "wait for network device " + links_[at].settings.device);
        actions_.report(std::move(report));
    }
}

}  // namespace vminit::devices
