// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/memory_reclaim.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "system/limited_write.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/text.hpp"

namespace vminit::system {

namespace {

bool is(const result<void>& outcome, int number) { return !outcome && syscalls::is_errno(outcome.error(), number); }

std::uint64_t number_in(const std::string& path) {
    auto text = read_file(path);
    return text ? parse_number<std::uint64_t>(trimmed(*text)).value_or(0) : 0;
}

/// What runs on a thread of the lane.
class reclaim_job {
public:
    reclaim_job(reclaim_wish wish, std::string proc, std::string cgroup_root, std::shared_ptr<stoppable_write> writer)
        : wish_(std::move(wish)),
          proc_(std::move(proc)),
          directory_(wish_.cgroup.empty() ? std::move(cgroup_root) : wish_.cgroup),
          writer_(std::move(writer)) {}

    result<reclaim_outcome> operator()() {
        auto before = read_file(proc_ + "/meminfo");
        if (!before) return before.error();
        outcome_.before = parse_meminfo(*before);
        outcome_.cgroup_before = used_by_cgroup();
        if (auto reclaimed = reclaim(); !reclaimed) return reclaimed.error();
        if (auto compacted = compact(); !compacted) return compacted.error();
        auto after = read_file(proc_ + "/meminfo");
        if (!after) return after.error();
        outcome_.after = parse_meminfo(*after);
        outcome_.cgroup_after = used_by_cgroup();
        return std::move(outcome_);
    }

private:
    std::uint64_t used_by_cgroup() const {
        return wish_.cgroup.empty() ? 0 : number_in(directory_ + "/memory.current");
    }

    // More than there is would only make the kernel look at all of it again and again.
    std::uint64_t amount() const {
        auto most = wish_.cgroup.empty() ? outcome_.before.cached : outcome_.cgroup_before;
        return wish_.bytes == 0 ? most : std::min(wish_.bytes, most);
    }

    result<void> reclaim() {
        auto bytes = amount();
        if (bytes == 0) return {};
        auto written = writer_->perform(directory_ + "/memory.reclaim", std::to_string(bytes));
        if (is(written, EAGAIN)) return {};  // less than asked for: the figures tell
        bool is_missing = is(written, ENOENT);
        constexpr auto needs = "memory.reclaim needs Linux 5.19";
        if (is_missing && !wish_.cgroup.empty()) return error(errc::not_implemented, needs);
        if (is_missing) outcome_.remarks.emplace_back(needs);
        return is_missing ? result<void>() : unless_stopped(written);
    }

    result<void> compact() {
        if (!wish_.compacts || !outcome_.is_whole) return {};
        auto written = writer_->perform(proc_ + "/sys/vm/compact_memory", "1");
        if (is(written, ENOENT)) {
            outcome_.remarks.emplace_back("compaction needs CONFIG_COMPACTION");
            return {};
        }
        return unless_stopped(written);
    }

    result<void> unless_stopped(const result<void>& written) {
        if (!is(written, ECANCELED)) return written;
        outcome_.is_whole = false;
        return {};
    }

    reclaim_wish wish_;
    std::string proc_;
    std::string directory_;
    std::shared_ptr<stoppable_write> writer_;
    reclaim_outcome outcome_;
};

}  // namespace

memory_figures parse_meminfo(std::string_view text) {
    memory_figures figures;
    std::uint64_t shared = 0;
    while (!text.empty()) {
        auto words = words_of(take_until(text, '\n'));
        if (words.size() < 2) continue;
        auto bytes = parse_number<std::uint64_t>(words[1]).value_or(0) * 1024;
        if (words[0] == "MemFree:") figures.free = bytes;
        if (words[0] == "MemAvailable:") figures.available = bytes;
        if (words[0] == "Cached:" || words[0] == "Buffers:" || words[0] == "SReclaimable:") figures.cached += bytes;
        if (words[0] == "Shmem:") shared = bytes;  // counts as cached, but has no file to be read from again
    }
    figures.cached -= std::min(shared, figures.cached);
    return figures;
}

struct memory_reclaim::operation : limited_write {
    using limited_write::limited_write;

    std::optional<result<reclaim_outcome>> outcome;
};

memory_reclaim::memory_reclaim(asio::io_context& context, std::string proc, std::string cgroup_root)
    : blocking_(asio::use_service<blocking_service>(context)),
      ex_(context.get_executor()),
      proc_(std::move(proc)),
      cgroup_root_(std::move(cgroup_root)),
      tasks_(ex_, log_of(context)) {}

memory_reclaim::~memory_reclaim() = default;

awaitable<result<reclaim_outcome>> memory_reclaim::perform(reclaim_wish wish) {
    if (current_) co_return error(errc::failed_precondition, "memory is being reclaimed already");
    auto running = current_ = std::make_shared<operation>(ex_);
    tasks_.spawn("reclaim", run(running, std::move(wish)));
    tasks_.spawn("reclaim limit", limited_write::enforce(running, limit));
    bool has_ended = co_await running->wait();
    if (has_ended) co_return *running->outcome;
    co_return error(errc::deadline_exceeded, "the kernel does not come to an end with it");
}

awaitable<void> memory_reclaim::run(std::shared_ptr<operation> running, reclaim_wish wish) {
    reclaim_job job(std::move(wish), proc_, cgroup_root_, running->writer());
    auto outcome = co_await blocking_.run(blocking_lane::hotplug, std::move(job), "reclaim");
    current_.reset();
    running->outcome.emplace(std::move(outcome));
    running->end();
}

}  // namespace vminit::system
