// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/container_api.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "file_copies.hpp"
#include "vminit/api/file_messages.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/process/v1/container.ttrpc.hpp"

namespace vminit::api {

namespace {

namespace wire = vminit::process::v1;
using process::kept_output;
using log_writer = ttrpc::writer<wire::LogsResponse>;

// Many pieces of one ring may wait for a slow reader, each in a copy.
constexpr std::size_t log_piece = std::size_t{32} << 10;

/// Sends what is kept from `at` on: up to what is there now, or until it is over.
awaitable<result<void>> send_log(std::shared_ptr<kept_output> log, std::uint64_t at, bool is_followed,
                                 log_writer& output) {
    auto until = is_followed ? std::numeric_limits<std::uint64_t>::max() : log->end();
    while (at < until) {
        wire::LogsResponse message;
        if (at < log->begin()) message.set_lost(log->begin() - std::exchange(at, log->begin()));
        auto piece = log->read(at, log_piece);
        at += piece.size();
        bool is_empty = piece.empty() && message.lost() == 0;
        message.set_data(std::move(piece));
        if (!is_empty) {
            auto written = co_await output.write(message);
            if (!written) co_return written.error();
        } else if (log->is_finished()) {
            break;
        } else {
            bool goes_on = co_await log->wait();
            if (!goes_on) co_return error(errc::cancelled, "logs");
        }
    }
    co_return result<void>();
}

class message_sink final : public piece_sink {
public:
    explicit message_sink(ttrpc::writer<wire::FilePiece>& output) : output_(output) {}

    awaitable<result<void>> write(system::file_piece piece) override {
        auto message = to_message(std::move(piece));
        co_return co_await output_.write(message);
    }

private:
    ttrpc::writer<wire::FilePiece>& output_;
};

class message_source final : public piece_source {
public:
    explicit message_source(ttrpc::reader<wire::FilePiece>& input) : input_(input) {}

    awaitable<result<std::vector<system::file_piece>>> read() override {
        std::vector<system::file_piece> pieces;
        auto message = co_await input_.read();
        if (!message) co_return message.error();
        if (*message) pieces.push_back(from_message(std::move(**message)));
        co_return pieces;
    }

private:
    ttrpc::reader<wire::FilePiece>& input_;
};

/// As WriteFiles puts a tree.
class written_tree final : public copy_target {
public:
    explicit written_tree(std::unique_ptr<system::tree_writer> tree) : tree_(std::move(tree)) {}
    result<void> put(system::file_piece piece) override {
        return piece.entry ? tree_->begin(*piece.entry) : tree_->append(piece.data);
    }
    result<void> finish() override { return tree_->finish(); }

private:
    std::unique_ptr<system::tree_writer> tree_;
};

target_opener opener_of(const wire::CopyPlace& place) {
    return [path = place.path(), name = place.name()](unique_fd root) -> result<std::unique_ptr<copy_target>> {
        auto tree = system::tree_writer::open(std::move(root), path, name);
        if (!tree) return tree.error();
        return std::make_unique<written_tree>(std::move(*tree));
    };
}

class container_api final : public wire::ContainerService {
public:
    explicit container_api(asio::io_context& context)
        : processes_(asio::use_service<process::process_service>(context)), copies_(context) {}

    awaitable<result<void>> Logs(ttrpc::call_context&, wire::LogsRequest request, log_writer& output) override {
        auto log = processes_.log_of(request.id(), request.exec_id());
        if (!log) co_return log.error();
        auto at = request.has_tail() ? (*log)->tail(request.tail()) : 0;
        co_return co_await send_log(std::move(*log), at, request.follow(), output);
    }

    awaitable<result<google::protobuf::Empty>> AttachInput(ttrpc::call_context&,
                                                           wire::AttachInputRequest request) override {
        auto attached = processes_.attach_input(request.id(), request.exec_id(), request.stdin());
        if (!attached) co_return attached.error();
        co_return google::protobuf::Empty();
    }

    awaitable<result<void>> ReadFiles(ttrpc::call_context&, wire::CopyPlace request,
                                      ttrpc::writer<wire::FilePiece>& output) override {
        copy_request asked;
        asked.id = request.id();
        asked.path = request.path();
        asked.links = request.follow() ? system::link_policy::follow : system::link_policy::keep;
        message_sink sink(output);
        co_return co_await copies_.read(std::move(asked), sink);
    }

    awaitable<result<google::protobuf::Empty>> WriteFiles(ttrpc::call_context&,
                                                          ttrpc::reader<wire::FilePiece>& input) override {
        auto first = co_await input.read();
        if (!first) co_return first.error();
        if (!*first) co_return error(errc::invalid_argument, "no request");
        auto open = opener_of((*first)->place());
        message_source source(input);
        auto done = co_await copies_.write((*first)->place().id(), std::move(open), source);
        if (!done) co_return done.error();
        co_return google::protobuf::Empty();
    }

private:
    process::process_service& processes_;
    file_copies copies_;
};

}  // namespace

std::shared_ptr<ttrpc::service_base> make_container_api(asio::io_context& context) {
    return std::make_shared<container_api>(context);
}

}  // namespace vminit::api
