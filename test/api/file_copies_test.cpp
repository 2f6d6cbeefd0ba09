// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <filesystem>

#include "api/task_fixture.hpp"
#include "vminit/api/container_api.hpp"
#include "vminit/core/file.hpp"
#include "vminit/process/v1/container.ttrpc.hpp"

using namespace vminit;
using namespace vminit::test;
namespace wire = vminit::process::v1;
namespace fs = std::filesystem;

namespace {

/// A container whose root is a directory, as /proc shows it.
class copies_fixture : public task_fixture {
public:
    copies_fixture() {
        server().add(api::make_container_api(ctx));
        create("web", {"sleep", "1000"});
        auto pid = std::to_string(start("web"));
        root = runtime.path("proc/" + pid + "/root");
        fs::create_directories(root + "/etc");
        REQUIRE(replace_file(root + "/etc/name", "web\n", 0644));
    }

    wire::ContainerClient containers() { return wire::ContainerClient(rpc()); }

    result<ttrpc::receive_stream<wire::FilePiece>> ask(const std::string& path, const std::string& id = "web") {
        wire::CopyPlace request;
        request.set_id(id);
        request.set_path(path);
        return containers().ReadFiles(std::move(request));
    }

    // Paths and bytes as they come.
    std::string read(const std::string& path, const std::string& id = "web") {
        auto stream = ask(path, id);
        REQUIRE(stream);
        for (std::string text;;) {
            auto piece = run(stream->read());
            if (!piece) return verdict(piece);
            if (!*piece) return text;
            if ((*piece)->kind() != wire::FilePiece::DATA) text += "[" + (*piece)->path() + "]";
            text += (*piece)->data();
        }
    }

    using upload = ttrpc::send_stream<wire::FilePiece, google::protobuf::Empty>;

    result<upload> begin(const std::string& path, const std::string& name) { return begin(rpc(), path, name); }
    result<upload> begin(ttrpc::client& over, const std::string& path, const std::string& name) {
        auto sending = wire::ContainerClient(over).WriteFiles();
        wire::FilePiece first;
        first.mutable_place()->set_id("web");
        first.mutable_place()->set_path(path);
        first.mutable_place()->set_name(name);
        if (sending) REQUIRE(run(sending->write(first)));
        return sending;
    }

    result<void> put(upload& sending, wire::FilePiece::Kind kind, const std::string& path, const std::string& data) {
        wire::FilePiece entry;
        entry.set_kind(kind);
        entry.set_path(path);
        entry.set_mode(kind == wire::FilePiece::DIRECTORY ? 0755 : 0644);
        entry.set_uid(::geteuid());
        entry.set_gid(::getegid());
        auto sent = run(sending.write(entry));
        if (!sent || data.empty()) return sent;
        wire::FilePiece bytes;
        bytes.set_data(data);
        return run(sending.write(bytes));
    }

    std::string root;
};

}  // namespace

TEST_CASE("ReadFiles gives what a container has", "[api]") {
    copies_fixture fixture;
    CHECK(fixture.read("/etc") == "[][name]web\n");
    CHECK(fixture.read("/etc/name") == "[]web\n");
    CHECK(fixture.read("/none") == "5 open /none: No such file or directory: not found");
    CHECK(fixture.read("/etc", "none") == "5 container not created: not found");
}

TEST_CASE("WriteFiles makes it", "[api]") {
    copies_fixture fixture;
    auto sending = fixture.begin("/etc", "app");
    REQUIRE(sending);
    REQUIRE(fixture.put(*sending, wire::FilePiece::DIRECTORY, "", ""));
    REQUIRE(fixture.put(*sending, wire::FilePiece::FILE, "f", "one"));
    REQUIRE(fixture.put(*sending, wire::FilePiece::FILE, "g", "three"));
    REQUIRE(fixture.run(sending->finish()));
    CHECK(fixture.read("/etc/app/g") == "[]three");
}

TEST_CASE("WriteFiles refuses what leads elsewhere", "[api]") {
    copies_fixture fixture;
    auto sending = fixture.begin("/etc", "app");
    REQUIRE(sending);
    REQUIRE(fixture.put(*sending, wire::FilePiece::DIRECTORY, "", ""));
    (void)fixture.put(*sending, wire::FilePiece::FILE, "../f", "x");
    CHECK(fixture.run(sending->finish()).error().kind() == errc::invalid_argument);
    CHECK(fixture.read("/etc/app") == "[]");
}

TEST_CASE("a caller that goes leaves no half file", "[api]") {
    copies_fixture fixture;
    auto peer = fixture.connect();
    auto sending = fixture.begin(peer, "/etc", "half");
    REQUIRE(sending);
    REQUIRE(fixture.put(*sending, wire::FilePiece::FILE, "", "ha"));
    auto count = [&] { return std::distance(fs::directory_iterator(fixture.root + "/etc"), fs::directory_iterator()); };
    fixture.pump([&] { return count() == 2; });
    peer.close();
    fixture.pump([&] { return count() == 1; });
    CHECK(fixture.read("/etc") == "[][name]web\n");
}

TEST_CASE("a ninth copy at a time is refused", "[api]") {
    copies_fixture fixture;
    auto peer = fixture.connect();
    std::vector<copies_fixture::upload> begun;
    for (int i = 0; i < 8; ++i) {
        auto sending = fixture.begin(peer, "/etc", "f" + std::to_string(i));
        REQUIRE(sending);
        REQUIRE(fixture.put(*sending, wire::FilePiece::FILE, "", "x"));
        begun.push_back(std::move(*sending));
    }
    auto count = [&] { return std::distance(fs::directory_iterator(fixture.root + "/etc"), fs::directory_iterator()); };
    fixture.pump([&] { return count() == 9; });
    CHECK(fixture.read("/etc/name") == "8 8 copies are under way already: resource exhausted");
    peer.close();
    fixture.pump([&] { return count() == 1; });
    // Not by `pump`: asking runs the loop itself, and may be what sees the last copy end.
    auto answer = fixture.read("/etc/name");
    while (answer.find("copies are under way") != std::string::npos) answer = fixture.read("/etc/name");
    CHECK(answer == "[]web\n");
}
