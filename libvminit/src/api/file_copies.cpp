// SPDX-License-Identifier: Apache-2.0
#include "file_copies.hpp"

#include <fcntl.h>

#include <exception>
#include <utility>

#include "vminit/core/syscalls.hpp"

namespace vminit::api {

using system::tree_reader;

/// One of the copies that there may be at a time.
class file_copies::place_taken {
public:
    explicit place_taken(std::size_t& count) noexcept : count_(count) { ++count_; }
    ~place_taken() { --count_; }
    place_taken(const place_taken&) = delete;
    place_taken& operator=(const place_taken&) = delete;

private:
    std::size_t& count_;
};

/// Belongs to the job while there is one, else to the loop.
struct file_copies::reading {
    std::unique_ptr<tree_reader> tree;
    std::vector<system::file_piece> pieces;
};

struct file_copies::writing {
    std::unique_ptr<copy_target> target;
    std::vector<system::file_piece> pieces;

    result<void> put_all() {
        result<void> done;
        for (auto& piece : pieces) {
            if (done) done = target->put(std::move(piece));
        }
        return done;
    }
};

namespace {

error too_many() {
    static_assert(file_copies::max_count == 8);
    return error(errc::resource_exhausted, "8 copies are under way already");
}

result<unique_fd> open_root(const std::string& path) { return syscalls::open(path, O_PATH | O_DIRECTORY); }

bool is_directory(const system::file_piece& piece) {
    return piece.entry && piece.entry->kind == system::file_kind::directory;
}

}  // namespace

result<void> file_copies::check_root(const std::string& id, const std::string& path) const {
    auto now = processes_.root_path(id);
    if (now && *now == path) return {};
    return error(errc::aborted, "the container has ended meanwhile");
}

// However the copy ends, also by an exception or a caller that goes, its files are closed by a thread that may sleep:
// that of a job that has been given up and still runs, or that of this last one.
awaitable<result<void>> file_copies::to_end(awaitable<result<void>> copy, std::shared_ptr<void> state) {
    result<void> outcome = error(errc::cancelled, "copy");
    try {
        outcome = co_await std::move(copy);
    } catch (const std::exception& thrown) {
        outcome = error(errc::cancelled, thrown.what());
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    auto last = std::make_shared<std::shared_ptr<void>>(std::move(state));
    job close = [last] {
        last->reset();
        return result<void>();
    };
    auto closed = co_await run(std::move(close));
    if (!closed) stuck_.push_back(std::move(last));
    co_return outcome;
}

awaitable<result<void>> file_copies::read(copy_request request, piece_sink& output) {
    if (count_ + stuck_.size() >= max_count) co_return too_many();
    place_taken place(count_);
    auto copy = std::make_shared<reading>();
    auto sending = send(std::move(request), output, copy);
    co_return co_await to_end(std::move(sending), std::move(copy));
}

awaitable<result<void>> file_copies::send(copy_request request, piece_sink& output, std::shared_ptr<reading> copy) {
    auto root = processes_.root_path(request.id);
    if (!root) co_return root.error();
    job open = [copy, at = *root, path = request.path, links = request.links]() -> result<void> {
        auto opened = open_root(at);
        if (!opened) return opened.error();
        auto tree = tree_reader::open(std::move(*opened), path, links);
        if (!tree) return tree.error();
        copy->tree = std::move(*tree);
        return {};
    };
    auto done = co_await run(std::move(open));
    if (done) done = check_root(request.id, *root);
    while (done) {
        job next = [copy]() -> result<void> {
            auto pieces = copy->tree->next();
            if (!pieces) return pieces.error();
            copy->pieces = std::move(*pieces);
            return {};
        };
        done = co_await run(std::move(next));
        if (done && copy->pieces.empty()) break;
        bool is_whole = request.extent == copy_extent::top && done && is_directory(copy->pieces.front());
        if (is_whole) copy->pieces.resize(1);
        for (std::size_t i = 0; done && i < copy->pieces.size(); ++i)
            done = co_await output.write(std::move(copy->pieces[i]));
        if (is_whole) break;
    }
    co_return done;
}

awaitable<result<void>> file_copies::write(std::string id, target_opener open, piece_source& input) {
    if (count_ + stuck_.size() >= max_count) co_return too_many();
    place_taken place(count_);
    auto copy = std::make_shared<writing>();
    auto taking = take(std::move(id), std::move(open), input, copy);
    co_return co_await to_end(std::move(taking), std::move(copy));
}

awaitable<result<void>> file_copies::take(std::string id, target_opener open, piece_source& input,
                                          std::shared_ptr<writing> copy) {
    auto root = processes_.root_path(id);
    if (!root) co_return root.error();
    job begin = [copy, at = *root, open = std::move(open)]() -> result<void> {
        auto opened = open_root(at);
        if (!opened) return opened.error();
        auto target = open(std::move(*opened));
        if (!target) return target.error();
        copy->target = std::move(*target);
        return {};
    };
    auto done = co_await run(std::move(begin));
    if (done) done = check_root(id, *root);
    for (bool is_last = false; done && !is_last;) {
        auto pieces = co_await input.read();
        if (!pieces) co_return pieces.error();
        is_last = pieces->empty();
        copy->pieces = std::move(*pieces);
        job step = [copy, is_last] { return is_last ? copy->target->finish() : copy->put_all(); };
        done = co_await run(std::move(step));
    }
    co_return done;
}

}  // namespace vminit::api
