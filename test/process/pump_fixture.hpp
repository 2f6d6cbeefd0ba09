// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "process/input_pump.hpp"
#include "process/output_pump.hpp"
#include "support/io_fixture.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::test {

/// A pump between a pipe (the process's) and a socket (the host's), with everything under the test's hand.
struct pump_fixture : io_fixture {
    pump_fixture() {
        auto pair = ttrpc::connected_pair(ex()).value();
        error_code ignored;
        ours = process::stdio_end::adopt(ex(), unique_fd(pair.first.release(ignored)), process::end_kind::socket).value();
        host = std::move(pair.second);
    }
    ~pump_fixture() { tasks.reset(); }

    std::shared_ptr<process::output_pump> start_output() {
        return start_output(process::stdio_end::adopt(ex(), std::move(pipe.read_end), process::end_kind::pipe).value());
    }
    std::shared_ptr<process::output_pump> start_output(std::shared_ptr<process::stdio_end> source) {
        auto pump = std::make_shared<process::output_pump>(ex(), log(), "web", source, ours, buffer, std::chrono::seconds(2));
        tasks->spawn("output", pump->run());
        poll();
        return pump;
    }
    std::shared_ptr<process::input_pump> start_input() {
        return start_input(process::stdio_end::adopt(ex(), std::move(pipe.write_end), process::end_kind::pipe).value());
    }
    std::shared_ptr<process::input_pump> start_input(std::shared_ptr<process::stdio_end> target) {
        auto pump = std::make_shared<process::input_pump>(ex(), ours, target, buffer, std::chrono::milliseconds(100));
        tasks->spawn("input", pump->run());
        poll();
        return pump;
    }
    void drain(const std::shared_ptr<process::output_pump>& pump, bool& is_drained) {
        auto note = [](std::shared_ptr<process::output_pump> which, bool& flag) -> awaitable<void> {
            co_await which->drain();
            flag = true;
        };
        tasks->spawn("drain", note(pump, is_drained));
        poll();
    }

    /// As the process writes. Never blocks: returns what did not fit.
    std::size_t write(std::size_t size, char byte = 'x') {
        std::string bytes(size, byte);
        ::fcntl(pipe.write_end.get(), F_SETFL, O_NONBLOCK);
        auto count = ::write(pipe.write_end.get(), bytes.data(), size);
        return size - (count > 0 ? static_cast<std::size_t>(count) : 0);
    }
    std::string read(int fd, std::size_t limit = 1 << 20) {
        std::string bytes(limit, ' ');
        ::fcntl(fd, F_SETFL, O_NONBLOCK);
        auto count = ::read(fd, bytes.data(), limit);
        if (count < 0) return "(nothing)";
        return count == 0 ? "(end)" : bytes.substr(0, static_cast<std::size_t>(count));
    }
    /// Until the end; time goes on meanwhile.
    std::string host_read_all() {
        std::string all;
        for (auto text = host_read(); text != "(end)"; text = host_read()) {
            if (text != "(nothing)") all += text;
            time.advance(std::chrono::milliseconds(50));
            poll();
        }
        return all;
    }
    /// Writes until nothing more fits anywhere; how much that was.
    std::size_t fill_output() {
        std::size_t written = 0;
        for (std::size_t left = 0; left < 65536; poll()) written += 65536 - (left = write(65536));
        return written;
    }
    std::string host_read(std::size_t limit = 1 << 20) { return read(host.get(), limit); }

    manual_time time;
    syscalls::pipe_pair pipe = syscalls::pipe().value();
    std::shared_ptr<process::stdio_end> ours;
    unique_fd host;
    std::shared_ptr<streams::copy_buffer> buffer = std::make_shared<streams::copy_buffer>();
    std::unique_ptr<task_group> tasks = std::make_unique<task_group>(ex(), log());
};

}  // namespace vminit::test
