// SPDX-License-Identifier: Apache-2.0
#include "bench/copy.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "process/output_pump.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/task_group.hpp"

namespace vminit::bench {

using namespace std::chrono_literals;

namespace {

// A copier with a pipe before it and a socket behind it.
struct copying {
    explicit copying(const words& command) {
        auto pipe = syscalls::pipe().value();
        int pair[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) give_up("socketpair");
        target = unique_fd(pair[0]);
        source = std::move(pipe.write_end);
        copier.emplace(command, std::move(pipe.read_end), unique_fd(pair[1]));
    }

    unique_fd source, target;
    std::optional<child> copier;
};

void write_zeros(int fd, std::uint64_t bytes) {
    std::string block(std::size_t{64} << 10, '\0');
    while (bytes > 0) {
        auto piece = std::min<std::uint64_t>(bytes, block.size());
        if (!syscalls::write_all(fd, std::string_view(block).substr(0, piece), "a pipe")) give_up("write");
        bytes -= piece;
    }
}

std::uint64_t read_all(int fd) {
    std::string block(std::size_t{1} << 20, '\0');
    std::uint64_t total = 0;
    for (;;) {
        auto count = ::read(fd, block.data(), block.size());
        if (count < 0) give_up("read");
        if (count == 0) return total;
        total += static_cast<std::uint64_t>(count);
    }
}

std::shared_ptr<process::stdio_end> own(executor ex, int fd, process::end_kind kind) {
    return process::stdio_end::adopt(ex, unique_fd(::dup(fd)), kind).value();
}

}  // namespace

void pump() {
    asio::io_context ctx{1};
    auto ex = ctx.get_executor();
    process::stdio_end::widen(STDIN_FILENO);
    auto source = own(ex, STDIN_FILENO, process::end_kind::pipe);
    auto target = own(ex, STDOUT_FILENO, process::end_kind::socket);
    auto buffer = std::make_shared<streams::copy_buffer>();
    auto copier = std::make_shared<process::output_pump>(ex, log_of(ctx), "bench", source, target, buffer, 2s);
    task_group tasks(ex, log_of(ctx));
    tasks.spawn("output", copier->run());
    ctx.run();
}

void floor_pump() {
    static char block[std::size_t{64} << 10];
    for (;;) {
        auto count = ::read(STDIN_FILENO, block, sizeof(block));
        if (count == 0) return;
        if (count < 0 || !syscalls::write_all(STDOUT_FILENO, {block, static_cast<std::size_t>(count)}, "a socket")) give_up("copy");
    }
}

double bulk_rate(const words& command, std::uint64_t bytes) {
    copying run(command);
    std::thread writer([&] {
        write_zeros(run.source.get(), bytes);
        run.source.reset();
    });
    auto arrived = read_all(run.target.get());
    writer.join();
    errno = 0;
    if (arrived != bytes) give_up("bytes are missing");
    return static_cast<double>(bytes) / (run.copier->wait() / 1e9);
}

double line_cost(const words& command, unsigned lines) {
    copying run(command);
    std::string line(79, 'x'), back(line.size(), '\0');
    for (unsigned i = 0; i < lines; ++i) {
        if (!syscalls::write_all(run.source.get(), line, "a pipe")) give_up("write");
        if (::recv(run.target.get(), back.data(), back.size(), MSG_WAITALL) != static_cast<ssize_t>(line.size())) give_up("read");
    }
    run.source.reset();
    return run.copier->wait() / lines;
}

}  // namespace vminit::bench
