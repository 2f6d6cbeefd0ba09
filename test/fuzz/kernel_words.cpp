// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "fuzz/input.hpp"
#include "settings.hpp"
#include "system/module_parameters.hpp"
#include "vminit/core/kernel_cmdline.hpp"
#include "vminit/devices/extras.hpp"
#include "vminit/system/network_settings.hpp"
#include "vminit/ttrpc/address.hpp"

using namespace vminit;

namespace {

void read_network(const kernel_cmdline& words) {
    auto pnp = words.words().empty() ? std::string() : words.words().back();
    auto network = system::parse_network_settings(words, words.words(), pnp).settings;
    for (const auto& link : network.links) {
        for (const auto& one : link.addresses) {
            test::require(one.prefix <= (one.address.is_v4() ? 32 : 128), "a prefix fits its address");
        }
    }
    auto text = system::resolv_conf(network) + system::hosts_file(network);
    test::require(text.find('\0') == std::string::npos, "no zero byte in a file");
    for (const auto& word : words.words()) system::parse_netmask(word);
}

void read_address(std::string_view text) {
    auto address = ttrpc::address::parse(text);
    if (!address) return;
    auto again = ttrpc::address::parse(address->to_string());
    test::require(again && *again == *address, "an address is printed as it is read");
}

}  // namespace

// The kernel command line, and what vminitd reads from its words: settings, network, extras, addresses.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto text = test::as_text(data, size);
    if (text.find("config") != std::string_view::npos) return -1;  // would open any file
    kernel_cmdline words(text);
    read_network(words);
    auto parameters = system::module_parameters(text).for_module("/a_b.ko");
    test::require(parameters.size() <= 2 * text.size(), "parameters are words of the command line");
    auto extras = devices::parse_extras_settings(words);
    if (extras && *extras) test::require((*extras)->disk <= devices::max_extras_disk, "the disk has a name");
    auto loaded = vminitd::load_settings(words.words(), words);
    test::require(loaded.problems.size() <= 2 * words.words().size(), "at most one problem a word");
    for (const auto& word : words.words()) read_address(word);
    return 0;
}
