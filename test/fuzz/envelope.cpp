// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/envelope.hpp"
#include <google/protobuf/stubs/logging.h>

#include "fuzz/input.hpp"
#include "github.com/containerd/ttrpc/request.pb.h"

namespace vminit {
namespace {

void compare_request(std::string_view data) {
    ttrpc::request_view view;
    bool is_read = !ttrpc::read_request(data, view);
    if (view.has_too_much_metadata) {
        test::require(view.metadata.size() <= ttrpc::max_metadata_pairs, "no more metadata than the bound");
        return;  // and no further look at the rest
    }
    ::ttrpc::Request message;
    bool is_parsed = message.ParseFromArray(data.data(), static_cast<int>(data.size()));
    test::require(is_read == is_parsed, "a request is read if protobuf reads it");
    if (!is_read) return;
    test::require(view.service == message.service() && view.method == message.method(), "names");
    test::require(view.payload == message.payload() && view.timeout_nano == message.timeout_nano(),
                  "payload, time-out");
    test::require(view.metadata.size() == static_cast<std::size_t>(message.metadata_size()), "metadata count");
    for (int i = 0; i < message.metadata_size(); ++i) {
        const auto& [key, value] = view.metadata[static_cast<std::size_t>(i)];
        test::require(key == message.metadata(i).key() && value == message.metadata(i).value(), "metadata");
    }
}

void compare_response(std::string_view data) {
    ttrpc::response_view view;
    bool is_read = !ttrpc::read_response(data, view);
    ::ttrpc::Response message;
    bool is_parsed = message.ParseFromArray(data.data(), static_cast<int>(data.size()));
    if (is_read && !is_parsed) return;  // we do not look into details
    test::require(is_read == is_parsed, "a response is read if protobuf reads it");
    if (!is_read) return;
    test::require(view.payload == message.payload(), "response payload");
    test::require(view.code == message.status().code() && view.message == message.status().message(), "status");
}

}  // namespace
}  // namespace vminit

// Our reader of the two envelopes takes and refuses what protobuf's does, and finds the same in it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    google::protobuf::SetLogHandler(nullptr);  // it tells of every bad string
    auto input = vminit::test::as_text(data, size);
    vminit::compare_request(input);
    vminit::compare_response(input);
    return 0;
}
