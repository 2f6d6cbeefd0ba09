// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/transfer_api.hpp"

#include <optional>
#include <utility>

#include "file_copies.hpp"
#include "github.com/containerd/containerd/api/services/transfer/v1/transfer.ttrpc.hpp"
#include "github.com/containerd/containerd/api/types/transfer/container.pb.h"
#include "github.com/containerd/containerd/api/types/transfer/streaming.pb.h"
#include "transfer_stream.hpp"
#include "vminit/streams/stream_service.hpp"
#include "vminit/system/tar_stream.hpp"
#include "vminit/system/tree_unpacker.hpp"

namespace vminit::api {

namespace {

namespace wire = containerd::services::transfer::v1;
namespace types = containerd::types::transfer;
using system::file_piece;

constexpr std::string_view tar_type = "application/x-tar";

/// The side of a transfer that is in a container, and the other one.
struct transfer_plan {
    types::ContainerPath place;
    std::string media_type;
    bool is_into = false;
};

bool is_of(const google::protobuf::Any& any, std::string_view type) {
    auto url = std::string_view(any.type_url());
    return url.substr(url.rfind('/') + 1) == type;  // all of it, where there is none
}

template <class Message>
std::optional<Message> unpack(const google::protobuf::Any& any, std::string_view type) {
    Message message;
    if (is_of(any, type) && message.ParseFromString(any.value())) return message;
    return std::nullopt;
}

auto read_stream_of(const google::protobuf::Any& any) {
    return unpack<types::ReadStream>(any, "containerd.types.transfer.ReadStream");
}
auto write_stream_of(const google::protobuf::Any& any) {
    return unpack<types::WriteStream>(any, "containerd.types.transfer.WriteStream");
}
auto place_of(const google::protobuf::Any& any) {
    return unpack<types::ContainerPath>(any, "containerd.types.transfer.ContainerPath");
}

result<transfer_plan> plan_of(const wire::TransferRequest& request) {
    const auto& from = request.source();
    const auto& to = request.destination();
    if (from.type_url().empty() || to.type_url().empty())
        return error(errc::invalid_argument, "a transfer needs a source and a destination");
    auto input = read_stream_of(from);
    auto output = write_stream_of(to);
    auto place = input ? place_of(to) : output ? place_of(from) : std::nullopt;
    if (!place) return error(errc::not_implemented, "transfer from " + from.type_url() + " to " + to.type_url());
    transfer_plan plan;
    plan.place = std::move(*place);
    plan.media_type = input ? input->media_type() : output->media_type();
    plan.is_into = input.has_value();
    if (plan.media_type != tar_type)
        return error(errc::not_implemented, "transfer of \"" + plan.media_type + "\": only " + std::string(tar_type));
    return plan;
}

// The last name of `path`, without what leads out; "." of the root itself.
std::string name_in_archive(std::string_view path) {
    while (path.ends_with('/')) path.remove_suffix(1);
    auto name = path.substr(path.rfind('/') + 1);
    return name.empty() || name == ".." ? "." : std::string(name);
}

/// Pieces of a container, to the host as an archive.
class archive_sink final : public piece_sink {
public:
    archive_sink(transfer_stream& stream, std::string name) : stream_(stream), encoder_(std::move(name)) {}

    awaitable<result<void>> write(file_piece piece) override {
        std::string bytes;
        auto added = encoder_.add(piece, bytes);
        if (!added) co_return added.error();
        co_return co_await stream_.write(std::move(bytes));
    }
    awaitable<result<void>> finish() {
        std::string bytes;
        auto added = encoder_.finish(bytes);
        if (!added) co_return added.error();
        co_return co_await stream_.write(std::move(bytes));
    }

private:
    transfer_stream& stream_;
    system::tar_encoder encoder_;
};

/// Pieces of the host's archive.
class archive_source final : public piece_source {
public:
    explicit archive_source(transfer_stream& stream) : stream_(stream) {}

    awaitable<result<std::vector<file_piece>>> read() override {
        std::vector<file_piece> pieces;
        while (pieces.empty()) {
            auto bytes = co_await stream_.read();
            if (!bytes && decoder_.is_over()) co_return pieces;
            if (!bytes) co_return bytes.error();
            auto taken = bytes->empty() ? decoder_.finish() : decoder_.feed(*bytes, pieces);
            if (!taken) co_return taken.error();
            if (bytes->empty()) break;
        }
        co_return pieces;
    }

private:
    transfer_stream& stream_;
    system::tar_decoder decoder_;
};

class unpacked final : public copy_target {
public:
    explicit unpacked(std::unique_ptr<system::tree_unpacker> tree) : tree_(std::move(tree)) {}
    result<void> put(file_piece piece) override { return tree_->put(std::move(piece)); }
    result<void> finish() override { return tree_->finish(); }

private:
    std::unique_ptr<system::tree_unpacker> tree_;
};

class transfer_api final : public wire::TransferService {
public:
    explicit transfer_api(asio::io_context& context)
        : streams_(asio::use_service<streams::stream_service>(context)), copies_(context) {}

    awaitable<result<google::protobuf::Empty>> Transfer(ttrpc::call_context&, wire::TransferRequest request) override {
        // First of all: a stream that nobody takes would wait for its process, and its host for us.
        auto stream = claim(request);
        auto plan = plan_of(request);
        if (!plan) co_return plan.error();
        if (!stream) co_return stream.error();
        transfer_stream channel(std::move(*stream));
        bool is_into = plan->is_into;
        auto moved = is_into ? take(std::move(*plan), channel) : give(std::move(*plan), channel);
        auto done = co_await std::move(moved);
        if (!done) co_return done.error();
        auto told = co_await channel.finish();
        // Whoever sent all of it need not hear that we have it: the answer says so, too.
        if (!told && !is_into) co_return told.error();
        co_return google::protobuf::Empty();
    }

private:
    result<ttrpc::stream_socket> claim(const wire::TransferRequest& request) {
        auto input = read_stream_of(request.source());
        auto output = write_stream_of(request.destination());
        // Both would be neither of our pairs.
        if (input && output) (void)streams_.claim(output->stream());
        if (input) return streams_.claim(input->stream());
        if (output) return streams_.claim(output->stream());
        return error(errc::not_found, "no stream");
    }

    awaitable<result<void>> give(transfer_plan plan, transfer_stream& channel) {
        copy_request request;
        request.id = plan.place.container_id();
        request.path = plan.place.path();
        request.extent = plan.place.no_walk() ? copy_extent::top : copy_extent::tree;
        archive_sink sink(channel, name_in_archive(request.path));
        auto done = co_await copies_.read(std::move(request), sink);
        if (!done) co_return done.error();
        co_return co_await sink.finish();
    }

    awaitable<result<void>> take(transfer_plan plan, transfer_stream& channel) {
        auto owners = plan.place.preserve_ownership() ? system::archive_owners::keep : system::archive_owners::ours;
        target_opener open = [path = plan.place.path(),
                              owners](unique_fd root) -> result<std::unique_ptr<copy_target>> {
            auto tree = system::tree_unpacker::open(std::move(root), path, owners);
            if (!tree) return tree.error();
            return std::make_unique<unpacked>(std::move(*tree));
        };
        archive_source source(channel);
        co_return co_await copies_.write(plan.place.container_id(), std::move(open), source);
    }

    streams::stream_service& streams_;
    file_copies copies_;
};

}  // namespace

std::shared_ptr<ttrpc::service_base> make_transfer_api(asio::io_context& context) {
    return std::make_shared<transfer_api>(context);
}

}  // namespace vminit::api
