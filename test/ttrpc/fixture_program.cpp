// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/fixture_program.hpp"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdio>

#include "ttrpc/fixture_service.hpp"
#include "vminit/ttrpc/server_service.hpp"

namespace vminit::test {

result<void> serve_fixture(const std::string& path) {
    asio::io_context ctx{1};
    auto& server = asio::use_service<ttrpc::server_service>(ctx);
    server.add(std::make_shared<fixture_service>());
    auto listening = server.listen(ttrpc::address::unix_socket(path));
    if (!listening) return listening;
    std::puts("ready");
    std::fflush(stdout);
    asio::posix::stream_descriptor input(ctx, ::dup(STDIN_FILENO));
    input.async_wait(asio::posix::stream_descriptor::wait_read, [&](error_code) {
        server.close();
        ctx.stop();
    });
    ctx.run();
    return {};
}

}  // namespace vminit::test
