// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "application.hpp"
#include "captured_output.hpp"
#include "commands/commands.hpp"
#include "fake_guest.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::test {

/// The program in a test: a guest, three descriptors and what comes of a command line.
class program {
public:
    program() {
        guest.process = [](fake_process&) -> awaitable<std::uint32_t> { co_return 0; };
        local = vminitctl::local_descriptors{input.read_end.get(), output.out(), output.err()};
    }

    int run(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(),
                         {"--address", guest.rpc_address(), "--stream-address", guest.stream_address()});
        vminitctl::command_set commands;
        vminitctl::add_commands(commands);
        vminitctl::invocation invoked;
        auto stop = commands.parse(std::move(arguments), invoked);
        if (stop) FAIL(stop->text);
        return io.run(vminitctl::run_invocation(io.ctx, std::move(invoked), local));
    }

    void type(std::string_view text) { REQUIRE(syscalls::write_all(input.write_end.get(), text, "stdin")); }
    boost::json::value out_json() { return boost::json::parse(output.out_text()); }

    io_fixture io;
    fake_guest guest{io};
    captured_output output;
    syscalls::pipe_pair input = syscalls::pipe().value();
    vminitctl::local_descriptors local;
};

}  // namespace vminit::test
