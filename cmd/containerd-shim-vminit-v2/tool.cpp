// SPDX-License-Identifier: Apache-2.0
#include "tool.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <optional>

#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/reaper/reaper_service.hpp"

namespace vminit::shim {

namespace {

constexpr auto tool_limit = std::chrono::seconds(10);
constexpr std::size_t longest_complaint = 4096;

// A file without a name, whose bytes a child finds at its beginning.
result<unique_fd> memory_file(std::string_view bytes) {
    auto made = syscalls::check("memfd_create", "tool", [] { return ::memfd_create("tool", MFD_CLOEXEC); });
    if (!made) return made.error();
    unique_fd file(static_cast<int>(*made));
    auto written = syscalls::write_all(file.get(), bytes, "memfd");
    if (!written) return written.error();
    auto rewound = syscalls::check("lseek", "memfd", [&] { return ::lseek(file.get(), 0, SEEK_SET); });
    if (!rewound) return rewound.error();
    return file;
}

std::string first_bytes(const unique_fd& file) {
    std::string text(longest_complaint, '\0');
    auto count = ::pread(file.get(), text.data(), text.size(), 0);
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return std::string(trimmed(text));
}

// To its end, so that the child never waits for us.
awaitable<result<std::string>> read_all(executor ex, unique_fd pipe) {
    asio::posix::basic_stream_descriptor<executor> source(ex, pipe.release());
    std::string text;
    std::array<char, 4096> block{};
    bool is_too_long = false;
    for (;;) {
        auto [failure, count] = co_await source.async_read_some(asio::buffer(block), as_tuple_awaitable);
        if (failure) break;
        is_too_long = is_too_long || text.size() + count > longest_output;
        if (!is_too_long) text.append(block.data(), count);
    }
    if (is_too_long) co_return error(errc::resource_exhausted, fmt::format("more than {} bytes", longest_output));
    co_return text;
}

}  // namespace

awaitable<result<std::string>> output_of(asio::io_context& context, tool run) {
    auto input = memory_file(run.input);
    if (!input) co_return input.error();
    auto complaint = memory_file({});
    if (!complaint) co_return complaint.error();
    auto pipe = syscalls::pipe();
    if (!pipe) co_return pipe.error();
    auto name = run.command.front();
    reaper::spawn_options options(name, std::move(run.command));
    options.group = reaper::process_group::own;
    options.parent_death_signal = SIGKILL;
    options.network_namespace = std::move(run.network_namespace);
    options.cgroup_procs = std::move(run.cgroup_procs);
    options.stdin_fd = input->get();
    options.stdout_fd = pipe->write_end.get();
    options.stderr_fd = complaint->get();
    auto launched = asio::use_service<reaper::reaper_service>(context).launch(std::move(options));
    if (!launched) co_return launched.error();
    pipe->write_end.reset();
    auto reading = read_all(context.get_executor(), std::move(pipe->read_end));
    auto text = co_await with_timeout(std::move(reading), tool_limit, name);
    std::optional<reaper::exit_status> ended;
    if (text) ended = co_await launched->wait_for(tool_limit);
    if (!ended) (void)launched->signal_group(SIGKILL);
    if (!text) co_return text.error();
    if (!ended) co_return error(errc::deadline_exceeded, name);
    if (ended->value == 0) co_return text;
    auto said = first_bytes(*complaint);
    co_return error(errc::unknown, name + ": " + (said.empty() ? fmt::format("ended with {}", ended->value) : said));
}

}  // namespace vminit::shim
