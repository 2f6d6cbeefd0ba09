// SPDX-License-Identifier: Apache-2.0
#include "fake_machine.hpp"

#include "fake_guest.hpp"
#include "fake_services.hpp"
#include "vminit/system/v1/machine.ttrpc.hpp"

namespace vminit::test {

namespace {

namespace own = vminit::system::v1;
using ttrpc::call_context;

class fake_machine : public own::MachineService {
public:
    explicit fake_machine(fake_guest& guest) : guest_(guest) {}

    awaitable<result<void>> Logs(call_context&, own::LogsRequest request,
                                 ttrpc::writer<own::LogsResponse>& output) override {
        guest_.machine->logs_asked = request;
        if (auto failure = guest_.note("Logs machine", "")) co_return *failure;
        for (const auto& some : guest_.machine->logs) {
            auto written = co_await output.write(some);
            if (!written) co_return written.error();
        }
        co_return result<void>();
    }

    awaitable<result<own::ClockResponse>> Clock(call_context&, own::ClockRequest request) override {
        auto& machine = *guest_.machine;
        machine.clock_asked.push_back(request);
        if (auto failure = guest_.note("Clock", "")) co_return *failure;
        machine.ahead_ns += request.step_ns();
        auto response = machine.clock;
        auto now = wall_now() + std::chrono::nanoseconds(machine.ahead_ns);
        auto seconds = std::chrono::floor<std::chrono::seconds>(now);
        response.mutable_now()->set_seconds(seconds.time_since_epoch().count());
        response.mutable_now()->set_nanos(static_cast<std::int32_t>((now - seconds).count()));
        response.set_slewing_ns(request.slew_ns());
        co_return response;
    }

    awaitable<result<own::NetworkResponse>> Network(call_context&, own::NetworkRequest request) override {
        guest_.machine->network_asked = request;
        if (auto failure = guest_.note("Network", "")) co_return *failure;
        co_return guest_.machine->network;
    }

    awaitable<result<own::ReclaimResponse>> Reclaim(call_context&, own::ReclaimRequest request) override {
        guest_.machine->reclaim_asked = request;
        if (auto failure = guest_.note("Reclaim", request.id())) co_return *failure;
        co_return guest_.machine->reclaimed;
    }

private:
    fake_guest& guest_;
};

}  // namespace

void add_fake_machine(ttrpc::server_service& server, fake_guest& guest) {
    guest.machine = std::make_shared<fake_machine_answers>();
    server.add(std::make_shared<fake_machine>(guest));
}

}  // namespace vminit::test
