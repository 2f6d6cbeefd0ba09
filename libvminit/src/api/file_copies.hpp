// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "vminit/core/blocking.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/system/file_tree.hpp"

namespace vminit::api {

enum class copy_extent {
    tree,
    top,  ///< of a directory only itself
};

/// What is copied out of a container.
struct copy_request {
    std::string id;
    std::string path;
    system::link_policy links = system::link_policy::keep;
    copy_extent extent = copy_extent::tree;
};

/// Where the pieces go that come out of a container.
class piece_sink {
public:
    virtual awaitable<result<void>> write(system::file_piece piece) = 0;

protected:
    ~piece_sink() = default;
};

/// Where the pieces come from that go into a container.
class piece_source {
public:
    /// None at the end.
    virtual awaitable<result<std::vector<system::file_piece>>> read() = 0;

protected:
    ~piece_source() = default;
};

/// Puts pieces into a container's root. Can sleep, destructor too: in jobs.
class copy_target {
public:
    virtual ~copy_target() = default;
    virtual result<void> put(system::file_piece piece) = 0;
    virtual result<void> finish() = 0;
};

/// In the container's root; in a job, too.
using target_opener = std::function<result<std::unique_ptr<copy_target>>(unique_fd root)>;

/// The copies of files into and out of containers. Between two messages nothing is at work: no thread waits for a host.
class file_copies {
public:
    static constexpr std::size_t max_count = 8;  ///< at a time: each holds up to 64 descriptors

    explicit file_copies(asio::io_context& context)
        : processes_(asio::use_service<process::process_service>(context)),
          pool_(asio::use_service<blocking_service>(context)) {}

    awaitable<result<void>> read(copy_request request, piece_sink& output);
    awaitable<result<void>> write(std::string id, target_opener open, piece_source& input);

private:
    /// For all of them one type: each would be compiled through the pool.
    using job = std::function<result<void>()>;
    class place_taken;
    struct reading;
    struct writing;

    result<void> check_root(const std::string& id, const std::string& path) const;
    awaitable<result<void>> run(job work) { return pool_.run(blocking_lane::copies, std::move(work), "copy of files"); }
    awaitable<result<void>> send(copy_request request, piece_sink& output, std::shared_ptr<reading> copy);
    awaitable<result<void>> take(std::string id, target_opener open, piece_source& input,
                                 std::shared_ptr<writing> copy);
    awaitable<result<void>> to_end(awaitable<result<void>> copy, std::shared_ptr<void> state);

    process::process_service& processes_;
    blocking_service& pool_;
    std::size_t count_ = 0;
    std::vector<std::shared_ptr<void>> stuck_;  // what no thread was free to close
};

}  // namespace vminit::api
