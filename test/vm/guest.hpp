#pragma once

#include <boost/asio/buffer.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client_session.hpp"
#include "container_options.hpp"
#include "github.com/containerd/containerd/api/runtime/task/v3/shim.ttrpc.hpp"
#include "github.com/spin-stack/spinbox/api/services/bundle/v1/bundle.ttrpc.hpp"
#include "github.com/spin-stack/spinbox/api/services/system/v1/info.ttrpc.hpp"
#include "github.com/spin-stack/spinbox/api/services/vmevents/v1/events.ttrpc.hpp"
#include "support/io_fixture.hpp"
#include "task_calls.hpp"
#include "vminit/system/mount_entry.hpp"
#include "vminit/ttrpc/client.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::test {

namespace task = containerd::task::v3;

/// How a container that was run to its end came out.
struct finished {
    std::uint32_t status = 0;
    std::string out;
    std::string err;
};

/// What `guest::run_container` starts.
struct container_wish {
    container_wish() = default;
    explicit container_wish(std::vector<std::string> arguments) : arguments(std::move(arguments)) {}
    explicit container_wish(const char* script) : arguments{"/bin/sh", "-c", script} {}

    std::vector<std::string> arguments;
    vminitctl::pid_namespace pids = vminitctl::pid_namespace::own;
    std::string id;  ///< empty: made up
    std::optional<system::mount_entry> rootfs;  ///< instead of an overlay over the disk `root`
};

/// A connection to one VM, with the calls the tests make, each with a limit of its own so that no failure hangs.
class guest : public io_fixture {
public:
    explicit guest(std::string address);
    ~guest();

    /// A further ttrpc connection to the same VM.
    ttrpc::client connect();
    /// A further connection without any protocol yet, to the RPC port or to the stream port.
    ttrpc::stream_socket connect_raw();
    ttrpc::stream_socket connect_stream_port();

    task::TaskClient tasks() { return task::TaskClient(*rpc_); }
    vminitctl::system_client system() { return vminitctl::system_client(*rpc_); }
    vminitctl::bundle_client bundles() { return vminitctl::bundle_client(*rpc_); }
    ttrpc::client& rpc() { return *rpc_; }

    /// A number no other test of this VM uses.
    static std::uint32_t fresh_number();
    static std::string fresh_id() { return "t" + std::to_string(fresh_number()); }

    /// An open stdio stream of that id.
    ttrpc::stream_socket open_stream(std::uint32_t id);

    /// Bundle.Create; the result is what to ask of Task.Create.
    result<task::CreateTaskRequest> prepare(const container_wish& wish, vminitctl::stdio_uris stdio = {});
    /// Bundle.Create and Task.Create; the result is the pid.
    result<std::uint32_t> create(const container_wish& wish, vminitctl::stdio_uris stdio = {});
    result<std::uint32_t> start(const std::string& id);
    result<void> kill(const std::string& id, std::uint32_t signal);
    result<task::WaitResponse> wait(const std::string& id);
    result<task::DeleteResponse> remove(const std::string& id);
    result<task::StateResponse> state(const std::string& id);

    /// Create, start, read both outputs to their end, wait, delete. Any failure fails the test.
    finished run_container(container_wish wish);

    /// What a script prints in a container that shares the VM's pid namespace and sees its root at /proc/1/root.
    std::string look_inside(const std::string& script);

    static constexpr clock::duration limit = std::chrono::seconds(60);

private:
    std::string address_;
    std::optional<ttrpc::client> rpc_;
};

/// Everything until the other end closes.
awaitable<std::string> read_to_end(ttrpc::stream_socket& stream);

}  // namespace vminit::test
