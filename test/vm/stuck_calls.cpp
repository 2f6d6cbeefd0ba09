// SPDX-License-Identifier: Apache-2.0
#include "stuck_calls.hpp"

#include <catch2/catch.hpp>

namespace vminit::test {

void await_named_jobs(guest& vm, const std::vector<std::string>& kinds) {
    for (bool are_named = false; !are_named;) {
        auto health = vm.run(vm.system().Health({}, guest::limit));
        REQUIRE(health);
        are_named = true;
        for (const auto& kind : kinds) {
            are_named = are_named && health->layers(0).text().find(kind) != std::string::npos;
        }
    }
}

}  // namespace vminit::test
