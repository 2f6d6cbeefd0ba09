// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "vminit/core/blocking.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/process/v1/container.ttrpc.hpp"

namespace vminit::api {

/// The copies of files into and out of containers. Between two messages nothing is at work: no thread waits for a host.
class file_copies {
public:
    static constexpr std::size_t max_count = 8;  ///< at a time: each holds up to 64 descriptors

    explicit file_copies(asio::io_context& context)
        : processes_(asio::use_service<process::process_service>(context)),
          pool_(asio::use_service<blocking_service>(context)) {}

    awaitable<result<void>> read(vminit::process::v1::CopyPlace request,
                                 ttrpc::writer<vminit::process::v1::FilePiece>& output);
    awaitable<result<google::protobuf::Empty>> write(ttrpc::reader<vminit::process::v1::FilePiece>& input);

private:
    using input_reader = ttrpc::reader<vminit::process::v1::FilePiece>;
    using output_writer = ttrpc::writer<vminit::process::v1::FilePiece>;
    /// For all of them one type: each would be compiled through the pool.
    using job = std::function<result<void>()>;
    class place_taken;
    struct reading;
    struct writing;

    result<void> check_root(const std::string& id, const std::string& path) const;
    awaitable<result<void>> run(job work) { return pool_.run(blocking_lane::copies, std::move(work), "copy of files"); }
    awaitable<result<void>> send(vminit::process::v1::CopyPlace request, output_writer& output,
                                 std::shared_ptr<reading> copy);
    awaitable<result<void>> take(input_reader& input, std::shared_ptr<writing> copy);
    awaitable<result<void>> to_end(awaitable<result<void>> copy, std::shared_ptr<void> state);

    process::process_service& processes_;
    blocking_service& pool_;
    std::size_t count_ = 0;
    std::vector<std::shared_ptr<void>> stuck_;  // what no thread was free to close
};

}  // namespace vminit::api
