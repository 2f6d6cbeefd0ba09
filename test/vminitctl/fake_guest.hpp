// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "github.com/containerd/containerd/api/runtime/task/v3/shim.pb.h"
#include "github.com/containerd/containerd/api/types/event.pb.h"
#include "github.com/spin-stack/spinbox/api/services/system/v1/info.pb.h"
#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/process/v1/container.pb.h"
#include "vminit/supervisor/v1/supervisor.pb.h"
#include "vminit/system/v1/system.pb.h"
#include "vminit/ttrpc/server_service.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::test {

/// One process of the fake guest, as its script sees it.
struct fake_process {
    explicit fake_process(executor ex) : changed(ex) {}

    std::optional<ttrpc::stream_socket> in;
    std::optional<ttrpc::stream_socket> out;
    std::optional<ttrpc::stream_socket> err;
    std::vector<std::uint32_t> signals;
    bool is_stdin_closed = false;
    std::optional<std::uint32_t> exit_status;
    condition changed;  ///< of all the above

    awaitable<void> print(std::string text) { co_await write(*out, std::move(text)); }
    awaitable<void> complain(std::string text) { co_await write(*err, std::move(text)); }
    /// Reads all the time, until CloseIO and then until nothing more is there.
    awaitable<std::string> read_all();
    awaitable<std::uint32_t> next_signal();

private:
    awaitable<void> readable();
    static awaitable<void> write(ttrpc::stream_socket& stream, std::string text);
};

/// What a process does between its start and its exit status.
using script = std::function<awaitable<std::uint32_t>(fake_process&)>;

struct fake_machine_answers;  // fake_machine.hpp

/// The services and the stream port of a guest without anything behind them: it does what a test tells it to, and keeps
/// what it was asked.
class fake_guest {
public:
    explicit fake_guest(io_fixture& io);
    ~fake_guest();

    std::string rpc_address() const { return "unix://" + dir_.path("rpc"); }
    std::string stream_address() const { return "unix://" + dir_.path("streams"); }

    script process;                                                  ///< for every process that is started
    std::map<std::string, error> failures;                           ///< by method: answered instead
    std::map<std::string, std::function<awaitable<void>()>> before;  ///< by method: what happens before it is answered
    std::set<std::string> unanswered;                                ///< methods that never answer
    std::vector<std::string> calls;                                  ///< `Kill web 15`, `Kill web/exec 9 all`, ...
    std::vector<containerd::types::Envelope> events;
    bool is_powered_off_by_shutdown = false;
    bool has_terminal = false;                     ///< as State says of every process
    std::function<void(std::uint32_t)> on_stream;  ///< when one has named itself
    std::uint64_t events_after = 0;                ///< what the last subscriber asked for

    containerd::vminitd::services::system::v1::InfoResponse info;
    vminit::system::v1::HealthResponse health;
    vminit::system::v1::DevicesResponse devices;
    vminit::system::v1::ContainersResponse containers;
    vminit::system::v1::ResumeRequest resumed;
    vminit::supervisor::v1::StatusResponse services;
    std::string metrics;
    std::vector<vminit::process::v1::LogsResponse> log;
    vminit::process::v1::LogsRequest logs_asked;
    std::vector<vminit::process::v1::FilePiece> files;      ///< what ReadFiles answers
    std::vector<vminit::process::v1::FilePiece> files_put;  ///< what WriteFiles got
    vminit::process::v1::CopyPlace files_asked;
    std::vector<std::string> frozen;
    std::shared_ptr<fake_machine_answers> machine;

    std::map<std::string, std::string> bundle_files;
    containerd::task::v3::CreateTaskRequest created;
    containerd::task::v3::ExecProcessRequest executed;
    containerd::task::v3::UpdateTaskRequest updated;

    bool has_call(std::string_view text) const;
    /// The error to answer `method` with; the call is noted as `method what`.
    std::optional<error> note(const std::string& method, const std::string& what);
    /// Returns when `method` may be answered.
    awaitable<void> answer_time(std::string method);
    fake_process& process_of(const std::string& id, const std::string& exec_id);
    result<void> add_process(const std::string& id, const std::string& exec_id, const std::string& in,
                             const std::string& out, const std::string& err);
    result<void> attach_input(const std::string& id, const std::string& exec_id, const std::string& in);
    void power_off();
    executor ex() { return io_.ex(); }
    void start_process(const std::string& id, const std::string& exec_id);

private:
    awaitable<void> accept_streams();
    awaitable<void> register_stream(ttrpc::stream_socket stream);
    awaitable<void> run_process(std::shared_ptr<fake_process> running);
    result<std::optional<ttrpc::stream_socket>> claim(const std::string& uri);

    io_fixture& io_;
    temporary_directory dir_;
    ttrpc::listener streams_;
    std::map<std::uint32_t, ttrpc::stream_socket> unclaimed_;
    std::map<std::string, std::shared_ptr<fake_process>> processes_;
    task_group tasks_;
};

}  // namespace vminit::test
