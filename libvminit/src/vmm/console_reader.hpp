// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "console_log.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/core/unique_fd.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::vmm {

/// What the guest prints on its serial console: always read, so that the guest never waits for us; the last
/// `kept_lines` lines stay, for whoever wants to know why a boot failed. A line is cut at `longest_line` bytes; `log`
/// gets all of it.
class console_reader {
public:
    static constexpr std::size_t kept_lines = 100;
    static constexpr std::size_t longest_line = 1024;

    console_reader(asio::io_context& context, ttrpc::stream_socket socket, console_log log = {});
    ~console_reader();

    /// Returns when a line with `part` in it has come, or false at the console's end. A line that came before counts.
    awaitable<bool> wait_for(std::string part);

    /// Returns when the guest prints no more: its VMM has ended, and all that it had printed is in the log.
    awaitable<void> over();

    /// The last `count` lines that are kept, oldest first, joined by newlines.
    std::string last_lines(std::size_t count) const;

private:
    // Kept by the task that reads: its read may end after the reader.
    struct connection {
        connection(ttrpc::stream_socket connected, console_reader& reader)
            : socket(std::move(connected)), owner(&reader) {}

        ttrpc::stream_socket socket;
        console_reader* owner;  // null when it is gone
    };

    static awaitable<void> read(std::shared_ptr<connection> from);
    void end();
    void take(std::string_view bytes);

    std::shared_ptr<connection> connection_;
    console_log log_;
    std::deque<std::string> lines_;
    std::string current_;
    std::string wanted_;
    bool is_found_ = false;
    bool is_over_ = false;
    condition changed_;
    task_group tasks_;
};

}  // namespace vminit::vmm
