// SPDX-License-Identifier: Apache-2.0
#include "nerdbox_checks.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>

#include "api/transfer_stream.hpp"
#include "github.com/containerd/containerd/api/services/transfer/v1/transfer.ttrpc.hpp"
#include "github.com/containerd/containerd/api/types/transfer/container.pb.h"
#include "github.com/containerd/containerd/api/types/transfer/streaming.pb.h"
#include "github.com/containerd/nerdbox/api/services/mount/v1/mount.ttrpc.hpp"
#include "support/packed_file.hpp"
#include "vminit/system/tar_stream.hpp"

namespace vminit::test {

namespace {

namespace mount = containerd::vminitd::services::mount::v1;
namespace transfer = containerd::services::transfer::v1;
namespace types = containerd::types::transfer;
using system::mount_entry;

/// A container that stays, with execs whose status is what is asked for: stdio streams have names in this dialect.
class resident {
public:
    resident(guest& vm, std::vector<mount_entry> mounts) : vm_(vm), id_(guest::fresh_id()) {
        container_wish wish(std::vector<std::string>{"/bin/sleep", "100000"});
        wish.id = id_;
        wish.pids = vminitctl::pid_namespace::host;
        wish.mounts = std::move(mounts);
        REQUIRE(vm_.create(wish));
        REQUIRE(vm_.start(id_));
    }
    bool finds(const char* script) {
        auto exec_id = guest::fresh_id();
        REQUIRE(vm_.exec(id_, exec_id, exec_wish(script)));
        REQUIRE(vm_.start(id_, exec_id));
        auto ended = vm_.wait(id_, exec_id);
        REQUIRE(vm_.remove(id_, exec_id));
        return ended && ended->exit_status() == 0;
    }
    void remove() { vm_.kill_and_remove(id_); }
    const std::string& id() const noexcept { return id_; }

private:
    guest& vm_;
    std::string id_;
};

mount::MountSpec spec_of(const mount_entry& entry) {
    mount::MountSpec spec;
    spec.set_type(entry.type);
    spec.set_source(entry.source);
    spec.set_target(entry.target);
    for (const auto& option : entry.options) spec.add_options(option);
    return spec;
}

result<mount::MountAllResponse> mount_all(guest& vm, const std::vector<mount_entry>& entries) {
    mount::MountAllRequest request;
    for (const auto& entry : entries) *request.add_mounts() = spec_of(entry);
    return vm.run(mount::MountClient(vm.rpc()).MountAll(std::move(request), guest::limit));
}

result<mount::UnmountResponse> unmount(guest& vm, const std::string& target) {
    mount::UnmountRequest request;
    request.set_target(target);
    return vm.run(mount::MountClient(vm.rpc()).Unmount(std::move(request), guest::limit));
}

// A stream of that name, as nerdbox's host opens it.
api::transfer_stream open_stream(guest& vm, const std::string& name) {
    auto opened = [](ttrpc::stream_socket socket, std::string bytes) -> awaitable<std::optional<ttrpc::stream_socket>> {
        auto echo = bytes;
        auto [failed, sent] = co_await asio::async_write(socket, asio::buffer(bytes), as_tuple_awaitable);
        auto [failure, got] = co_await asio::async_read(socket, asio::buffer(echo), as_tuple_awaitable);
        if (failed || failure || echo != bytes) co_return std::nullopt;
        co_return std::move(socket);
    };
    auto bytes = std::string(3, '\0') + static_cast<char>(name.size()) + name;
    auto socket = vm.run(opened(vm.connect_stream_port(), std::move(bytes)));
    REQUIRE(socket);
    return api::transfer_stream(std::move(*socket));
}

template <class Message>
google::protobuf::Any any(const Message& message) {
    google::protobuf::Any made;
    made.set_type_url(message.GetTypeName());
    made.set_value(message.SerializeAsString());
    return made;
}

template <class Stream>
google::protobuf::Any named(const std::string& name) {
    Stream stream;
    stream.set_stream(name);
    stream.set_media_type("application/x-tar");
    return any(stream);
}

awaitable<result<google::protobuf::Empty>> ask(guest& vm, transfer::TransferRequest request) {
    transfer::TransferClient client(vm.rpc());
    co_return co_await client.Transfer(std::move(request), guest::limit);
}

awaitable<result<std::string>> send_all(api::transfer_stream& stream, std::string bytes) {
    auto sent = co_await stream.write(std::move(bytes));
    if (sent) sent = co_await stream.finish();
    if (!sent) co_return sent.error();
    co_return std::string();
}

// Closes the stream at its end, as the host does: the guest waits for that.
awaitable<result<std::string>> receive_all(std::optional<api::transfer_stream>& stream) {
    std::string all;
    for (bool is_over = false; !is_over;) {
        auto bytes = co_await stream->read();
        if (!bytes) co_return bytes.error();
        is_over = bytes->empty();
        all += *bytes;
    }
    stream.reset();
    co_return all;
}

using options = std::vector<std::string>;

std::vector<mount_entry> memory_and_disk() {
    return {mount_entry("tmpfs", "tmpfs", "/run/shared/memory", options{"size=1m"}),
            mount_entry("erofs", "/dev/vda", "/run/shared/disk", options{"ro"})};
}

void mount_overlay(guest& vm) {
    std::string layers = "lowerdir=/run/shared/disk,upperdir=/run/shared/memory/up,workdir=/run/shared/memory/work";
    REQUIRE(mount_all(vm, {mount_entry("overlay", "overlay", "/run/shared/both", options{layers})}));
    // Of what fails nothing stays.
    CHECK_FALSE(mount_all(vm, {mount_entry("tmpfs", "tmpfs", "/run/shared/other", options{}),
                               mount_entry("nonesuch", "none", "/run/shared/none", options{})}));
}

void unmount_all(guest& vm) {
    REQUIRE(unmount(vm, "/run/shared/both"));
    CHECK(unmount(vm, "/run/shared/both").error().kind() == errc::not_found);
    REQUIRE(vm.run(mount::MountClient(vm.rpc()).UnmountAll({}, guest::limit)));
}

types::ContainerPath place_in(const std::string& id) {
    types::ContainerPath place;
    place.set_container_id(id);
    place.set_path("/srv/new");
    return place;
}

void put(guest& vm, const std::string& id, const std::string& path, const std::string& text) {
    using namespace asio::experimental::awaitable_operators;
    auto stream = open_stream(vm, "into");
    transfer::TransferRequest request;
    *request.mutable_source() = named<types::ReadStream>("into");
    *request.mutable_destination() = any(place_in(id));
    auto [answer, sent] = vm.run(ask(vm, std::move(request)) && send_all(stream, packed_file(path, text)));
    CHECK(sent);
    CHECK(answer);
}

std::string get(guest& vm, const std::string& id) {
    using namespace asio::experimental::awaitable_operators;
    std::optional<api::transfer_stream> stream = open_stream(vm, "out");
    transfer::TransferRequest request;
    *request.mutable_source() = any(place_in(id));
    *request.mutable_destination() = named<types::WriteStream>("out");
    auto [answer, received] = vm.run(ask(vm, std::move(request)) && receive_all(stream));
    CHECK(answer);
    REQUIRE(received);
    return *received;
}

}  // namespace

void check_host_services(guest& vm) {
    REQUIRE(mount_all(vm, memory_and_disk()));
    // Once more is no matter.
    REQUIRE(mount_all(vm, memory_and_disk()));
    resident container(vm, {mount_entry("bind", "/run/shared/disk", "/shared", options{"rbind", "ro"})});
    CHECK(container.finds("test -e /shared/bin/sh && cd /proc/1/root/run/shared/memory && mkdir up work && >up/one"));
    mount_overlay(vm);
    auto text = std::string(200000, 't');
    put(vm, container.id(), "sub/f", text);
    CHECK(container.finds(
        "cd /proc/1/root/run/shared/both && test -e one && test -e bin/sh &&"
        "test $(grep -c ' /run/shared/' /proc/1/mounts) = 3 && test $(wc -c </srv/new/sub/f) = 200000"));
    unmount_all(vm);
    CHECK(container.finds("! grep ' /run/shared/' /proc/1/mounts"));
    system::tar_decoder decoder;
    std::vector<system::file_piece> pieces;
    REQUIRE(decoder.feed(get(vm, container.id()), pieces));
    REQUIRE(decoder.is_over());
    REQUIRE(pieces.size() >= 4);
    CHECK(pieces[0].entry->path == "new");
    CHECK(pieces[2].entry->path == "new/sub/f");
    CHECK(pieces[2].entry->size == text.size());
    container.remove();
}

}  // namespace vminit::test
