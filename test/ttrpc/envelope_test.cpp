// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/envelope.hpp"

#include <catch2/catch.hpp>
#include <google/protobuf/stubs/logging.h>

#include <random>

#include "github.com/containerd/ttrpc/request.pb.h"
#include "support/ttrpc_peer.hpp"
#include "ttrpc/wire.hpp"

using namespace vminit;
using vminit::test::from_hex;
using vminit::ttrpc::read_request;
using vminit::ttrpc::read_response;
using vminit::ttrpc::request_view;
using vminit::ttrpc::response_view;

namespace {

// protobuf reports bad UTF-8 on stderr; here that is what we ask for.
struct quiet_protobuf {
    quiet_protobuf() : before(google::protobuf::SetLogHandler(nullptr)) {}
    ~quiet_protobuf() { google::protobuf::SetLogHandler(before); }
    google::protobuf::LogHandler* before;
};

void check_as_protobuf(const std::string& bytes) {
    ::ttrpc::Request expected;
    bool is_decodable = expected.ParseFromString(bytes);
    request_view got;
    bool is_read = !read_request(bytes, got);
    INFO("bytes " << Catch::Detail::stringify(bytes));
    REQUIRE(is_read == is_decodable);
    if (!is_read) return;
    REQUIRE(got.service == expected.service());
    REQUIRE(got.method == expected.method());
    REQUIRE(got.payload == expected.payload());
    REQUIRE(got.timeout_nano == expected.timeout_nano());
    REQUIRE(got.metadata.size() == static_cast<std::size_t>(expected.metadata_size()));
    for (int i = 0; i < expected.metadata_size(); ++i) {
        REQUIRE(got.metadata[static_cast<std::size_t>(i)].first == expected.metadata(i).key());
        REQUIRE(got.metadata[static_cast<std::size_t>(i)].second == expected.metadata(i).value());
    }
}

void check_response_as_protobuf(const std::string& bytes) {
    ::ttrpc::Response expected;
    bool is_decodable = expected.ParseFromString(bytes);
    response_view got;
    bool is_read = !read_response(bytes, got);
    INFO("bytes " << Catch::Detail::stringify(bytes));
    // We do not look into details; whether they are well-formed is all the same to us.
    if (is_read && !is_decodable) return;
    REQUIRE(is_read == is_decodable);
    if (!is_read) return;
    REQUIRE(got.code == expected.status().code());
    REQUIRE(got.message == expected.status().message());
    REQUIRE(got.payload == expected.payload());
}

::ttrpc::Request sample_request() {
    auto request = vminit::test::make_request("t.S", "Echo", std::string("\x08\x01", 2), -5);
    for (const char* key : {"foo", "Foo", ""}) {
        auto* pair = request.add_metadata();
        pair->set_key(key);
        pair->set_value("v\xc3\xa4lue");
    }
    return request;
}

}  // namespace

TEST_CASE("a request is read and written as protobuf does", "[ttrpc]") {
    auto request = sample_request();
    auto bytes = request.SerializeAsString();
    check_as_protobuf(bytes);
    vminit::ttrpc::metadata metadata;
    metadata.append("FOO", "bar");
    metadata.append("empty", "");
    vminit::ttrpc::request_parts parts;
    parts.service = "t.S";
    parts.method = "Echo";
    parts.payload = "payload";
    parts.timeout_nano = -1;
    parts.metadata = &metadata;
    auto written = vminit::ttrpc::write_request(parts);
    ::ttrpc::Request read;
    REQUIRE(read.ParseFromString(written));
    CHECK(read.SerializeAsString() == written);
    CHECK(read.timeout_nano() == -1);
    CHECK(read.metadata(0).key() == "foo");
    CHECK(read.metadata(1).value().empty());
}

TEST_CASE("unknown fields, wrong types and repetitions are taken as protobuf takes them", "[ttrpc]") {
    quiet_protobuf quiet;
    for (const char* hex : {
             "", "0a0161 0a0162", "0801", "0d01020304", "0901020304 05060708", "f80601", "fa0603616263",
             "0b0c", "0b 0a0161 0c", "0b 0b0c 0c 0a0161", "0b", "0b14", "0c", "0f", "00", "0000", "0a", "0a05", "0a0561",
             "8a00 0161", "8a8080800001 61", "8a808080800000", "20ffffffffffffffffff01", "20ffffffffffffffffffff01",
             "20808080808080808080 01", "20", "2080", "2a00", "2a02 0a00", "2a01 0a", "2a03 0801ff", "0a02c3a4", "0a01c3",
             "0a02c080", "0a03eda080", "0a04f0908080", "0a04f4908080", "1202fffe", "1a02fffe", "2a04 0a02fffe",
             "2a04 1202fffe", "f8ffffff0f01", "f8ffffff7f01", "0a80808080 10", "0affffffff ff01"}) {
        check_as_protobuf(from_hex(hex));
        check_response_as_protobuf(from_hex(hex));
    }
}

TEST_CASE("mutated envelopes are read or refused exactly as protobuf does", "[ttrpc]") {
    quiet_protobuf quiet;
    std::mt19937 random(11);
    auto request = sample_request().SerializeAsString();
    ::ttrpc::Response response;
    response.mutable_status()->set_code(-3);
    response.mutable_status()->set_message("container x: not found");
    response.set_payload("payload");
    auto answer = response.SerializeAsString();
    auto mutate = [&](std::string bytes) {
        for (auto changes = random() % 4; changes != 0; --changes) {
            auto at = random() % bytes.size();
            if (random() % 5 == 0) bytes.erase(at, 1);
            if (bytes.empty()) return bytes;
            if (random() % 5 == 0) bytes.insert(at % bytes.size(), 1, static_cast<char>(random()));
            bytes[at % bytes.size()] = static_cast<char>(random());
        }
        return bytes;
    };
    for (int round = 0; round < 40000; ++round) {
        check_as_protobuf(mutate(request));
        check_response_as_protobuf(mutate(answer));
    }
}

TEST_CASE("responses have the golden bytes", "[ttrpc]") {
    CHECK(vminit::ttrpc::write_status_response({12, "service nope"}) ==
          from_hex("0a10 080c 120c 73657276696365206e6f7065"));
    CHECK(vminit::ttrpc::response_prefix(0).empty());
    CHECK(vminit::ttrpc::response_prefix(6) == from_hex("1206"));
    CHECK(vminit::ttrpc::response_prefix(4194299) == from_hex("12fbffff01"));
}
