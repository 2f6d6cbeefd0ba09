// SPDX-License-Identifier: Apache-2.0
#include "file_copies.hpp"

#include <fcntl.h>

#include <exception>
#include <utility>

#include "file_messages.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/file_tree.hpp"

namespace vminit::api {

namespace wire = vminit::process::v1;
using system::link_policy;
using system::tree_reader;
using system::tree_writer;

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
    std::unique_ptr<tree_writer> tree;
    wire::FilePiece piece;
};

namespace {

error too_many() {
    static_assert(file_copies::max_count == 8);
    return error(errc::resource_exhausted, "8 copies are under way already");
}

result<unique_fd> open_root(const std::string& path) { return syscalls::open(path, O_PATH | O_DIRECTORY); }

template <class Tree>
result<void> take_over(result<std::unique_ptr<Tree>> opened, std::unique_ptr<Tree>& into) {
    if (!opened) return opened.error();
    into = std::move(*opened);
    return {};
}

result<void> put(tree_writer& writer, const wire::FilePiece& piece) {
    if (piece.kind() != wire::FilePiece::DATA) return writer.begin(from_message(piece));
    return writer.append(piece.data());
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

awaitable<result<void>> file_copies::read(wire::CopyPlace request, output_writer& output) {
    if (count_ + stuck_.size() >= max_count) co_return too_many();
    place_taken place(count_);
    auto copy = std::make_shared<reading>();
    auto sending = send(std::move(request), output, copy);
    co_return co_await to_end(std::move(sending), std::move(copy));
}

awaitable<result<void>> file_copies::send(wire::CopyPlace request, output_writer& output,
                                          std::shared_ptr<reading> copy) {
    auto root = processes_.root_path(request.id());
    if (!root) co_return root.error();
    auto links = request.follow() ? link_policy::follow : link_policy::keep;
    job open = [copy, at = *root, path = request.path(), links]() -> result<void> {
        auto opened = open_root(at);
        if (!opened) return opened.error();
        return take_over(tree_reader::open(std::move(*opened), path, links), copy->tree);
    };
    auto done = co_await run(std::move(open));
    if (done) done = check_root(request.id(), *root);
    while (done) {
        job next = [copy]() -> result<void> {
            auto pieces = copy->tree->next();
            if (!pieces) return pieces.error();
            copy->pieces = std::move(*pieces);
            return {};
        };
        done = co_await run(std::move(next));
        if (done && copy->pieces.empty()) break;
        for (std::size_t i = 0; done && i < copy->pieces.size(); ++i) {
            auto message = to_message(std::move(copy->pieces[i]));
            done = co_await output.write(message);
        }
    }
    co_return done;
}

awaitable<result<google::protobuf::Empty>> file_copies::write(input_reader& input) {
    if (count_ + stuck_.size() >= max_count) co_return too_many();
    place_taken place(count_);
    auto copy = std::make_shared<writing>();
    auto taking = take(input, copy);
    auto done = co_await to_end(std::move(taking), std::move(copy));
    if (!done) co_return done.error();
    co_return google::protobuf::Empty();
}

awaitable<result<void>> file_copies::take(input_reader& input, std::shared_ptr<writing> copy) {
    auto first = co_await input.read();
    if (!first) co_return first.error();
    if (!*first) co_return error(errc::invalid_argument, "no request");
    const auto& place = (*first)->place();
    auto root = processes_.root_path(place.id());
    if (!root) co_return root.error();
    job open = [copy, at = *root, path = place.path(), name = place.name()]() -> result<void> {
        auto opened = open_root(at);
        if (!opened) return opened.error();
        return take_over(tree_writer::open(std::move(*opened), path, name), copy->tree);
    };
    auto done = co_await run(std::move(open));
    if (done) done = check_root(place.id(), *root);
    while (done) {
        auto next = co_await input.read();
        if (!next) co_return next.error();
        bool is_last = !*next;
        if (!is_last) copy->piece.Swap(&**next);
        job step = [copy, is_last] { return is_last ? copy->tree->finish() : put(*copy->tree, copy->piece); };
        done = co_await run(std::move(step));
        if (is_last) break;
    }
    co_return done;
}

}  // namespace vminit::api
