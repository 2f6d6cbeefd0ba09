// SPDX-License-Identifier: Apache-2.0
#include "supervisor/output_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <string_view>
#include <utility>

#include "supervisor/bounded_file.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::supervisor {

namespace {

// Room in a batch for the line that tells of lost bytes.
constexpr std::size_t notice_room = 64;

}  // namespace

output_log::output_log(asio::io_context& context, std::string service, std::string path, std::size_t limit)
    : reader_(context.get_executor()),
      pool_(asio::use_service<blocking_service>(context)),
      log_(log_of(context)),
      service_(std::move(service)),
      path_(std::move(path)),
      limit_(limit),
      capacity_(std::min(max_pending, limit - notice_room)),
      changed_(context.get_executor()) {}

result<void> output_log::open(task_group& tasks) {
    if (path_.empty() || writer_) return {};
    auto made = syscalls::pipe();
    if (!made) return made.error().within("output of " + service_);
    error_code failed;
    reader_.assign(made->read_end.get(), failed);
    if (failed) return error(failed, "output of " + service_);
    [[maybe_unused]] int owned_by_reader = made->read_end.release();
    writer_ = std::move(made->write_end);
    // Of the read end only: the child expects an ordinary stdout.
    reader_.non_blocking(true, failed);
    if (failed) return error(failed, "output of " + service_);
    tasks.spawn("output reader", read());
    tasks.spawn("output writer", write());
    return {};
}

void output_log::finish() {
    is_finishing_ = true;
    writer_.reset();
    error_code ignored;
    reader_.cancel(ignored);
}

awaitable<void> output_log::read() {
    while (!is_finishing_) {
        auto [failed] = co_await reader_.async_wait(asio::posix::descriptor_base::wait_read, as_tuple_awaitable);
        if (failed) break;
        take_available();
    }
    take_available();
    // What the service left behind must not wait for a reader that is gone: now it gets EPIPE.
    error_code ignored;
    reader_.close(ignored);
    is_read_ = true;
    changed_.notify_all();
}

// At most one pipe's worth: what a writer adds meanwhile has its turn later, or is not owed at the end.
void output_log::take_available() {
    std::array<char, 4096> buffer;
    for (std::size_t taken = 0; taken < max_pending;) {
        error_code failed;
        auto count = reader_.read_some(asio::buffer(buffer), failed);
        if (failed) break;
        taken += count;
        auto kept = std::min(count, capacity_ - pending_.size());
        pending_.append(buffer.data(), kept);
        lost_ += count - kept;
        dropped_ += count - kept;
    }
    changed_.notify_all();
}

awaitable<void> output_log::write() {
    for (;;) {
        if (pending_.empty() && is_read_) break;
        if (pending_.empty()) {
            co_await changed_.wait();
            continue;
        }
        auto batch = next_batch();
        auto size = batch.size();
        auto job = [path = path_, limit = limit_, batch = std::move(batch)] {
            return append_bounded(path, batch, limit);
        };
        auto written = co_await pool_.run(blocking_lane::files, std::move(job), "log of " + service_);
        note_written(written, size);
    }
}

std::string output_log::next_batch() {
    auto batch = std::exchange(pending_, {});
    if (auto lost = std::exchange(lost_, 0); lost > 0) {
        // Once: `dropped` and the file tell of the rest.
        if (!std::exchange(is_loss_told_, true))
            log_.warn("service output lost", {{"service", service_}, {"bytes", lost}});
        batch += fmt::format("\n[{} bytes of output lost]\n", lost);
    }
    return batch;
}

void output_log::note_written(const result<void>& outcome, std::size_t size) {
    if (!outcome) {
        dropped_ += size;
        // Once, not for every line the service prints.
        if (!is_failing_) log_.warn("service output not written", {{"service", service_}, {"error", outcome.error()}});
    }
    is_failing_ = !outcome;
}

}  // namespace vminit::supervisor
