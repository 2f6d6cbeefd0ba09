// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/transfer_api.hpp"

#include <sys/socket.h>

#include <filesystem>

#include "api/task_fixture.hpp"
#include "github.com/containerd/containerd/api/services/transfer/v1/transfer.ttrpc.hpp"
#include "github.com/containerd/containerd/api/types/transfer/container.pb.h"
#include "github.com/containerd/containerd/api/types/transfer/streaming.pb.h"
#include "support/packed_file.hpp"
#include "vminit/core/file.hpp"
#include "vminit/system/tar_stream.hpp"

using namespace vminit;
using namespace vminit::test;
namespace wire = containerd::services::transfer::v1;
namespace types = containerd::types::transfer;
namespace fs = std::filesystem;

namespace {

/// A host with a stream, and a container whose root is a directory, as /proc shows it.
class transfer_fixture : public task_fixture {
public:
    transfer_fixture() {
        server().add(api::make_transfer_api(ctx));
        create("web", {"sleep", "1000"});
        root = runtime.path("proc/" + std::to_string(start("web")) + "/root");
        fs::create_directories(root + "/etc");
        REQUIRE(replace_file(root + "/etc/name", "web\n", 0644));
        auto pair = ttrpc::connected_pair(ex()).value();
        REQUIRE(asio::use_service<streams::stream_service>(ctx).add("data-1", std::move(pair.first)));
        stream = std::move(pair.second);
    }

    template <class Message>
    static google::protobuf::Any any(const Message& message) {
        google::protobuf::Any made;
        made.set_type_url(message.GetTypeName());
        made.set_value(message.SerializeAsString());
        return made;
    }
    static types::ContainerPath place(const std::string& path, const std::string& id = "web") {
        types::ContainerPath made;
        made.set_container_id(id);
        made.set_path(path);
        return made;
    }
    template <class Stream>
    static Stream tar_stream(const std::string& name = "data-1") {
        Stream made;
        made.set_stream(name);
        made.set_media_type("application/x-tar");
        return made;
    }
    template <class From, class To>
    void begin(const From& from, const To& to) {
        wire::TransferRequest request;
        *request.mutable_source() = any(from);
        *request.mutable_destination() = any(to);
        begin(std::move(request));
    }
    void begin(wire::TransferRequest request) {
        answer.reset();
        auto ask = [](ttrpc::client& over, wire::TransferRequest what,
                      std::optional<std::string>& into) -> awaitable<void> {
            auto answered = co_await wire::TransferClient(over).Transfer(std::move(what));
            into = verdict(answered);
        };
        calls->spawn("transfer", ask(rpc(), std::move(request), answer));
    }
    std::string outcome() {
        pump([&] { return answer.has_value(); });
        return *answer;
    }

    // The host's side of the stream, by hand.
    void say(const std::string& message) {
        std::string bytes;
        for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(message.size() >> shift));
        bytes += message;
        REQUIRE(::send(stream.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
    }
    void allow(int bytes) {
        types::WindowUpdate more;
        more.set_update(bytes);
        say(any(more).SerializeAsString());
    }
    void send(const std::string& bytes) {
        types::Data data;
        data.set_data(bytes);
        say(any(data).SerializeAsString());
    }
    std::string received(std::size_t size) {
        std::string bytes(size, '\0');
        for (std::size_t at = 0; at < size;) {
            ssize_t count = -1;
            pump([&] {
                count = ::recv(stream.get(), bytes.data() + at, size - at, MSG_DONTWAIT);
                return count >= 0;
            });
            if (count == 0) return bytes.substr(0, at);
            at += static_cast<std::size_t>(count);
        }
        return bytes;
    }
    // Nothing: the end, or the mark of it.
    std::optional<google::protobuf::Any> next() {
        auto head = received(4);
        if (head.size() < 4) return std::nullopt;
        std::size_t size = 0;
        for (char byte : head) size = size << 8 | static_cast<unsigned char>(byte);
        has_mark = size == 0;
        google::protobuf::Any message;
        if (has_mark) return std::nullopt;
        REQUIRE(message.ParseFromString(received(size)));
        return message;
    }
    types::Data next_data() {
        auto message = next();
        REQUIRE(message);
        REQUIRE(message->type_url() == "containerd.types.transfer.Data");
        types::Data data;
        REQUIRE(data.ParseFromString(message->value()));
        taken += data.data();
        return data;
    }
    // Paths and bytes of all that comes.
    std::string unpacked() {
        while (auto message = next()) {
            types::Data data;
            REQUIRE(data.ParseFromString(message->value()));
            taken += data.data();
            allow(static_cast<int>(data.data().size()));
        }
        CHECK(has_mark);
        system::tar_decoder decoder;
        std::string text;
        std::vector<system::file_piece> pieces;
        REQUIRE(decoder.feed(taken, pieces));
        for (const auto& piece : pieces) text += piece.entry ? "[" + piece.entry->path + "]" : piece.data;
        CHECK(decoder.is_over());
        stream.reset();
        return text;
    }
    std::string root;
    unique_fd stream;
    std::optional<std::string> answer;
    bool has_mark = false;
    std::string taken;  // the archive, as far as it has come
};

using types::ReadStream;
using types::WriteStream;

}  // namespace

TEST_CASE("Transfer gives a container's files as an archive", "[api]") {
    transfer_fixture host;
    SECTION("of a directory") {
        host.begin(host.place("/etc"), host.tar_stream<WriteStream>());
        host.allow(64 << 10);
        CHECK(host.unpacked() == "[etc][etc/name]web\n");
    }
    SECTION("of a file") {
        host.begin(host.place("/etc/name"), host.tar_stream<WriteStream>());
        host.allow(64 << 10);
        CHECK(host.unpacked() == "[name]web\n");
    }
    SECTION("of a directory itself") {
        auto place = host.place("/etc/");
        place.set_no_walk(true);
        host.begin(place, host.tar_stream<WriteStream>());
        host.allow(64 << 10);
        CHECK(host.unpacked() == "[etc]");
    }
    SECTION("of all") {
        host.begin(host.place("/"), host.tar_stream<WriteStream>());
        host.allow(64 << 10);
        CHECK(host.unpacked() == "[etc][etc/name]web\n");
    }
    SECTION("of more than the host takes at once") {
        REQUIRE(replace_file(host.root + "/etc/big", std::string(300000, 'b'), 0644));
        host.begin(host.place("/etc/big"), host.tar_stream<WriteStream>());
        host.allow(1000);
        CHECK(host.next_data().data().size() == 512);
        CHECK(host.next_data().data().size() == 488);
        host.allow(100000);
        CHECK(host.next_data().data().size() == 32 << 10);
        host.allow(64 << 10);
        CHECK(host.unpacked() == "[big]" + std::string(300000, 'b'));
    }
    CHECK(host.outcome() == "ok");
}

TEST_CASE("Transfer puts an archive into a container", "[api]") {
    transfer_fixture host;
    auto text = std::string(100000, 't');
    auto bytes = packed_file("sub/f", text);
    host.begin(host.tar_stream<ReadStream>(), host.place("/srv/new"));
    for (std::size_t at = 0, open = 0; at < bytes.size();) {
        while (open < 20000) {
            auto message = host.next();
            REQUIRE(message);
            types::WindowUpdate more;
            REQUIRE(more.ParseFromString(message->value()));
            open += static_cast<std::size_t>(more.update());
        }
        auto piece = bytes.substr(at, 20000);
        host.send(piece);
        at += piece.size();
        open -= piece.size();
    }
    host.say("");
    while (host.next()) continue;
    CHECK(host.has_mark);
    host.stream.reset();
    CHECK(host.outcome() == "ok");
    CHECK(read_file(host.root + "/srv/new/sub/f").value() == text);
}

TEST_CASE("an archive that breaks off is an error, and leaves no file", "[api]") {
    transfer_fixture host;
    auto bytes = packed_file("name", std::string(1000, 'n'));
    host.begin(host.tar_stream<ReadStream>(), host.place("/etc"));
    host.send(bytes.substr(0, 700));
    SECTION("by the mark") {
        host.say("");
        CHECK(host.outcome() == "3 tar archive: it ends too early: invalid argument");
    }
    SECTION("by the end of the stream") {
        host.stream.reset();
        CHECK(host.outcome().starts_with("14 the host's stream: "));
    }
    SECTION("by nonsense") {
        host.say("\xff\xff");
        CHECK(host.outcome() == "3 the host's stream: not a message: invalid argument");
    }
    SECTION("by too much") {
        REQUIRE(::send(host.stream.get(), "\x7f\0\0\0", 4, MSG_NOSIGNAL) == 4);
        CHECK(host.outcome() == "8 the host's stream: a message of more than 1 MiB: resource exhausted");
    }
    CHECK(read_file(host.root + "/etc/name").value() == "web\n");
    CHECK(std::distance(fs::directory_iterator(host.root + "/etc"), fs::directory_iterator()) == 1);
}

TEST_CASE("a host that takes no more ends its transfer", "[api]") {
    transfer_fixture host;
    host.begin(host.place("/etc"), host.tar_stream<WriteStream>());
    host.allow(100);
    CHECK(host.next_data().data().size() == 100);
    SECTION("by the mark") {
        host.say("");
        CHECK(host.outcome() == "14 the host takes no more of it: unavailable");
    }
    SECTION("by closing") {
        host.stream.reset();
        CHECK(host.outcome().starts_with("14 the host's stream: "));
    }
}

TEST_CASE("what is no transfer of ours is refused, and its stream closed", "[api]") {
    transfer_fixture host;
    std::string wanted;
    SECTION("nothing") {
        wanted = "3 a transfer needs a source and a destination: invalid argument";
        host.begin(wire::TransferRequest());
        CHECK(host.outcome() == wanted);
        return;
    }
    SECTION("no such stream") {
        host.begin(host.place("/etc"), host.tar_stream<WriteStream>("data-2"));
        CHECK(host.outcome() == "5 unable to get stream data-2: not found");
        return;
    }
    SECTION("no such container") {
        host.begin(host.place("/etc", "none"), host.tar_stream<WriteStream>());
        wanted = "5 container not created: not found";
    }
    SECTION("no such file") {
        host.begin(host.place("/none"), host.tar_stream<WriteStream>());
        wanted = "5 open /none: No such file or directory: not found";
    }
    SECTION("another format") {
        auto stream = host.tar_stream<WriteStream>();
        stream.set_media_type("text/plain");
        host.begin(host.place("/etc"), stream);
        wanted = "12 transfer of \"text/plain\": only application/x-tar: not implemented";
    }
    SECTION("another pair") {
        host.begin(host.tar_stream<ReadStream>(), host.tar_stream<WriteStream>("data-2"));
        wanted =
            "12 transfer from containerd.types.transfer.ReadStream to containerd.types.transfer.WriteStream: "
            "not implemented";
    }
    CHECK(host.outcome() == wanted);
    CHECK_FALSE(host.next());
    CHECK_FALSE(host.has_mark);
}

TEST_CASE("a caller that goes ends its transfer", "[api]") {
    transfer_fixture host;
    auto peer = host.connect();
    wire::TransferRequest request;
    *request.mutable_source() = host.any(host.tar_stream<ReadStream>());
    *request.mutable_destination() = host.any(host.place("/etc"));
    auto ask = [](ttrpc::client& over, wire::TransferRequest what) -> awaitable<void> {
        (void)co_await wire::TransferClient(over).Transfer(std::move(what));
    };
    host.calls->spawn("transfer", ask(peer, std::move(request)));
    REQUIRE(host.next());
    peer.close();
    CHECK_FALSE(host.next());
}
