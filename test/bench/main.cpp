// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>

#include "bench/child.hpp"
#include "bench/copy.hpp"
#include "bench/guest.hpp"
#include "bench/rpc.hpp"

// What test/bench/run measures with. Each figure is one number on standard output.

using namespace vminit::bench;

namespace {

constexpr const char* usage =
    "usage: bench serve PATH | call PATH COUNT DEPTH | pump | floor-pump\n"
    "       bench server-cost PATH COUNT DEPTH BYTES SERVER...   ns of the server's processor time a call\n"
    "       bench client-cost PATH COUNT CLIENT...         ns of the client's\n"
    "       bench bulk BYTES COPIER...                     MB a second of the copier's\n"
    "       bench lines COUNT COPIER...                    ns a line\n"
    "       bench guest-cost ADDRESS SERVICE METHOD COUNT  ns of PID 1's a call, in a VM\n"
    "       bench guest-cpu ADDRESS                        ns of PID 1's so far\n"
    "       bench take ADDRESS LETTER                      bytes that came from guests/copy.c\n";

unsigned number(const std::string& word) { return static_cast<unsigned>(std::stoul(word)); }

int print(double figure) {
    std::printf("%.1f\n", figure);
    return 0;
}

int run(const words& given) {
    auto is = [&](const char* name, std::size_t least) { return given.size() > least && given[0] == name; };
    auto rest = [&](std::ptrdiff_t from) { return words(given.begin() + from, given.end()); };
    if (is("serve", 1)) return serve(given[1]), 0;
    if (is("call", 3)) return call(given[1], number(given[2]), number(given[3])), 0;
    if (is("pump", 0)) return pump(), 0;
    if (is("floor-pump", 0)) return floor_pump(), 0;
    if (is("server-cost", 5)) {
        call_plan plan{number(given[2]), number(given[3]), number(given[4])};
        return print(server_cost(rest(5), given[1], plan));
    }
    if (is("client-cost", 3)) return print(client_cost(rest(3), given[1], number(given[2])));
    if (is("bulk", 2)) return print(bulk_rate(rest(2), std::stoull(given[1])) / 1e6);
    if (is("lines", 2)) return print(line_cost(rest(2), number(given[1])));
    if (is("guest-cost", 4)) return print(guest_cost(given[1], given[2], given[3], number(given[4])));
    if (is("guest-cpu", 1)) return print(guest_cpu(given[1]));
    if (is("take", 2)) return print(take(given[1], given[2].at(0)));
    std::fputs(usage, stderr);
    return 2;
}

}  // namespace

int main(int argc, char* argv[]) { return run(words(argv + 1, argv + argc)); }
