// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/supervisor_api.hpp"

#include <algorithm>

#include "message_fields.hpp"
#include "vminit/supervisor/supervisor_service.hpp"
#include "vminit/supervisor/v1/supervisor.ttrpc.hpp"

namespace vminit::api {

namespace {

namespace wire = vminit::supervisor::v1;
using google::protobuf::Empty;
using ttrpc::call_context;

wire::ServiceStatus_State to_state(supervisor::supervised_state state) {
    using supervisor::supervised_state;
    switch (state) {
        case supervised_state::waiting:
            return wire::ServiceStatus_State_WAITING;
        case supervised_state::absent:
            return wire::ServiceStatus_State_ABSENT;
        case supervised_state::running:
            return wire::ServiceStatus_State_RUNNING;
        case supervised_state::backing_off:
            return wire::ServiceStatus_State_BACKING_OFF;
        case supervised_state::gave_up:
            return wire::ServiceStatus_State_GAVE_UP;
        case supervised_state::stopped:
            return wire::ServiceStatus_State_STOPPED;
    }
    return wire::ServiceStatus_State_STOPPED;
}

void set_status(wire::ServiceStatus& target, const supervisor::supervised_status& status) {
    target.set_name(status.name);
    target.set_state(to_state(status.state));
    target.set_binary(status.binary);
    target.set_pid(static_cast<std::uint32_t>(status.pid));
    target.set_starts(status.starts);
    target.set_restarts_in_window(status.restarts_in_window);
    if (status.last_exit) {
        auto* exit = target.mutable_last_exit();
        exit->set_status(static_cast<std::uint32_t>(status.last_exit->value));
        set_timestamp(*exit->mutable_exited_at(), status.last_exit->exited_at);
    }
    target.set_last_failure(status.last_failure);
    if (status.restart_due_in) {
        auto due = std::chrono::duration_cast<std::chrono::milliseconds>(*status.restart_due_in).count();
        target.set_restart_due_in_ms(static_cast<std::uint64_t>(std::max<std::int64_t>(due, 0)));
    }
    target.set_output_dropped(status.output_dropped);
}

class supervisor_api final : public wire::SupervisorService {
public:
    explicit supervisor_api(asio::io_context& context)
        : services_(asio::use_service<supervisor::supervisor_service>(context)) {}

    awaitable<result<wire::StatusResponse>> Status(call_context&, wire::StatusRequest request) override {
        wire::StatusResponse response;
        if (request.name().empty()) {
            for (const auto& status : services_.list()) set_status(*response.add_services(), status);
            co_return response;
        }
        auto status = services_.status(request.name());
        if (!status) co_return status.error();
        set_status(*response.add_services(), *status);
        co_return response;
    }

    awaitable<result<Empty>> Restart(call_context&, wire::RestartRequest request) override {
        if (request.name().empty()) co_return error(errc::invalid_argument, "no service is named");
        auto restarted = services_.restart(request.name());
        if (!restarted) co_return restarted.error();
        co_return Empty();
    }

private:
    supervisor::supervisor_service& services_;
};

}  // namespace

std::shared_ptr<ttrpc::service_base> make_supervisor_api(asio::io_context& context) {
    return std::make_shared<supervisor_api>(context);
}

}  // namespace vminit::api
