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
        guest_.machine.logs_asked = request;
        if (auto failure = guest_.note("Logs machine", "")) co_return *failure;
        for (const auto& some : guest_.machine.logs) {
            auto written = co_await output.write(some);
            if (!written) co_return written.error();
        }
        co_return result<void>();
    }

private:
    fake_guest& guest_;
};

}  // namespace

void add_fake_machine(ttrpc::server_service& server, fake_guest& guest) {
    server.add(std::make_shared<fake_machine>(guest));
}

}  // namespace vminit::test
