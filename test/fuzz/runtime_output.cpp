// SPDX-License-Identifier: Apache-2.0
#include "runc/runtime_output.hpp"
#include "fuzz/input.hpp"
#include "runc/in_quotes.hpp"
#include "runc/runtime_log.hpp"

using namespace vminit;

// What an OCI runtime prints and logs; a container has a say in some of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto text = test::as_text(data, size);
    if (auto pids = runc::parse_pids(text)) {
        for (auto pid : *pids) test::require(pid > 0, "a pid is positive");
    }
    runc::parse_state(text);
    if (auto logged = runc::last_logged_error(text)) test::require(logged->size() <= size, "the message is in the log");
    auto quoted = runc::in_quotes(text);
    test::require(quoted.size() >= size + 2 || size > 0, "quotes surround");
    for (char character : quoted)
        test::require(static_cast<unsigned char>(character) >= 0x20 && character != 0x7f, "no control characters");
    return 0;
}
