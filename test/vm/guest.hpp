// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/buffer.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client_session.hpp"
#include "container_calls.hpp"
#include "github.com/spin-stack/spinbox/api/services/system/v1/info.ttrpc.hpp"
#include "github.com/spin-stack/spinbox/api/services/vmevents/v1/events.ttrpc.hpp"
#include "stdio_streams.hpp"
#include "support/io_fixture.hpp"
#include "vminit/ttrpc/client.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::test {

/// How a container that was run to its end came out.
struct finished {
    std::uint32_t status = 0;
    std::string out;
    std::string err;
};

/// A connection to one VM, with the calls the tests make, each with a limit of its own so that no failure hangs.
class guest : public io_fixture {
public:
    explicit guest(std::string address);
    ~guest();

    ttrpc::address rpc_address() const;
    ttrpc::address stream_address() const;

    /// A further ttrpc connection to the same VM.
    ttrpc::client connect();
    /// A further connection without any protocol yet, to the RPC port or to the stream port.
    ttrpc::stream_socket connect_raw();
    ttrpc::stream_socket connect_stream_port();

    task::TaskClient tasks() { return task::TaskClient(*rpc_); }
    vminitctl::system_client system() { return vminitctl::system_client(*rpc_); }
    vminitctl::supervisor_client supervisor() { return vminitctl::supervisor_client(*rpc_); }
    vminitctl::bundle_client bundles() { return vminitctl::bundle_client(*rpc_); }
    ttrpc::client& rpc() { return *rpc_; }

    /// For several at a time; those below are for one after the other.
    container_calls& calls() { return *calls_; }

    /// A number no other test of this VM uses.
    static std::uint32_t fresh_number();
    static std::string fresh_id() { return "t" + std::to_string(fresh_number()); }

    /// An open stdio stream of that id.
    ttrpc::stream_socket open_stream(std::uint32_t id);

    /// Bundle.Create; the result is what to ask of Task.Create.
    result<task::CreateTaskRequest> prepare(const container_wish& wish, vminitctl::stdio_uris stdio = {});
    /// Bundle.Create and Task.Create; the result is the pid.
    result<std::uint32_t> create(const container_wish& wish, stdio_uris stdio = {});
    result<void> exec(const std::string& id, const std::string& exec_id, const exec_wish& wish, stdio_uris stdio = {});
    result<std::uint32_t> start(const std::string& id, const std::string& exec_id = {});
    result<void> kill(const std::string& id, std::uint32_t signal);
    result<task::WaitResponse> wait(const std::string& id, const std::string& exec_id = {});
    result<task::DeleteResponse> remove(const std::string& id, const std::string& exec_id = {});
    result<task::StateResponse> state(const std::string& id, const std::string& exec_id = {});

    /// A container that sleeps, created and started; its id. Any failure fails the test.
    std::string run_sleeper();
    /// SIGKILL, Wait and Delete. Any failure fails the test.
    void kill_and_remove(const std::string& id);

    /// An exec run to its end and deleted. Any failure fails the test.
    finished run_exec(const std::string& id, const exec_wish& wish);

    /// Create, start, read both outputs to their end, wait, delete. Any failure fails the test.
    finished run_container(container_wish wish);

    /// Asks until the boot step of that name is there: some come while the VM serves already.
    containerd::vminitd::services::system::v1::BootStep boot_step(const std::string& name);

    /// What Metrics answers.
    std::string metrics();

    /// What the supervisor says of the agent; `settled_agent` asks until it does not wait for its trigger any more.
    vminit::supervisor::v1::ServiceStatus agent_status();
    vminit::supervisor::v1::ServiceStatus settled_agent();

    /// What a script prints in a container that shares the VM's pid namespace and sees its root at /proc/1/root.
    std::string look_inside(const std::string& script);

    static constexpr clock::duration limit = std::chrono::seconds(60);

private:
    std::string address_;
    std::optional<ttrpc::client> rpc_;
    std::optional<container_calls> calls_;
};

/// A stdio stream and what Task.Create or Task.Exec call it.
struct named_stream {
    explicit named_stream(guest& vm) : named_stream(vm, guest::fresh_number()) {}
    named_stream(guest& vm, std::uint32_t number)
        : socket(vm.open_stream(number)), uri(vminitctl::stream_uri(number)) {}

    ttrpc::stream_socket socket;
    std::string uri;
};

/// Ends a stream with bytes unread. The user-mode vsock device tells the guest nothing of a socket that is closed in
/// that state, but it does of one that is shut down.
void hang_up(ttrpc::stream_socket& stream);

/// A sample that is a whole number, out of such a text. Fails the test when there is no such series.
std::uint64_t sample_of(const std::string& metrics, const std::string& series);

/// Everything until the other end closes.
awaitable<std::string> read_to_end(ttrpc::stream_socket& stream);

}  // namespace vminit::test
