// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>

#include "event_watch.hpp"
#include "guest.hpp"
#include "stdio_streams.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

awaitable<std::string> read_line(ttrpc::stream_socket& stream) {
    std::string line;
    char c = 0;
    while (c != '\n') {
        auto [failure, count] = co_await stream.async_read_some(asio::buffer(&c, 1), as_tuple_awaitable);
        if (failure) co_return line;
        line.append(&c, count);
    }
    co_return line;
}

/// A container that breaks something, says so, and mends it when it is told to. It sees PID 1's root at /proc/1/root.
class saboteur {
public:
    saboteur(guest& vm, const std::string& harm, const std::string& repair) : vm_(vm) {
        container_wish wish((harm + "; echo broken; read line; " + repair).c_str());
        wish.id = id_ = guest::fresh_id();
        wish.pids = vminitctl::pid_namespace::host;
        auto in = guest::fresh_number();
        auto out = guest::fresh_number();
        input_.emplace(vm_.open_stream(in));
        output_.emplace(vm_.open_stream(out));
        REQUIRE(vm_.create(wish, vminitctl::stdio_uris(vminitctl::stream_uri(in), vminitctl::stream_uri(out), "")));
        REQUIRE(vm_.start(id_));
        auto said = vm_.run(read_line(*output_));
        REQUIRE(said == "broken\n");
    }

    const std::string& id() const { return id_; }

    void mend() {
        asio::write(*input_, asio::buffer("\n", 1));
        auto exit = vm_.wait(id_);
        REQUIRE(exit);
        CHECK(exit->exit_status() == 0);
        CHECK(vm_.remove(id_));
    }

private:
    guest& vm_;
    std::string id_;
    std::optional<ttrpc::stream_socket> input_;
    std::optional<ttrpc::stream_socket> output_;
};

result<std::uint32_t> try_to_create(guest& vm) {
    container_wish wish("true");
    wish.id = guest::fresh_id();
    return vm.create(wish);
}

/// Whether requests on this and on a new connection are answered, and the container that broke things is known.
void check_served(guest& vm, const saboteur& culprit) {
    CHECK(vm.run(vm.system().Info({}, guest::limit)));
    CHECK(vm.state(culprit.id()));
    auto other = vm.connect();
    vminitctl::system_client system(other);
    CHECK(vm.run(system.BootTimeline({}, guest::limit)));
    other.close();
    vm.run(other.join());
}

/// Asks for the health until starts are in that trouble; empty: in none.
void await_trouble(guest& vm, const std::string& trouble) {
    for (;;) {
        auto health = vm.run(vm.system().Health({}, guest::limit));
        REQUIRE(health);
        for (const auto& layer : health->layers()) {
            bool is_it = trouble.empty() ? layer.text().empty() : layer.text().find(trouble) != std::string::npos;
            if (layer.name() == "runc" && is_it) return;
        }
    }
}

void check_runs(guest& vm) { CHECK(vm.run_container(container_wish("echo ok")).out == "ok\n"); }

}  // namespace

TEST_CASE("PID 1 survives what fails around it", "[vm]") {
    virtual_machine machine({"--memory", "256M"});  // there is less to fill
    guest vm(machine.address());

    // A full /run: a bundle has no room.
    saboteur full(vm,
                  "cd /proc/1/root/run; dd if=/dev/zero of=full bs=1M 2>/dev/null; dd if=/dev/zero of=fuller bs=512 2>/dev/null",
                  "rm full fuller");
    auto created = try_to_create(vm);
    REQUIRE_FALSE(created);
    CAPTURE(created.error().message());
    CHECK(created.error().kind() == errc::resource_exhausted);
    check_served(vm, full);
    await_trouble(vm, " is full, ");
    full.mend();
    check_runs(vm);
    await_trouble(vm, "");

    // A read-only root: everything written lies on filesystems of its own.
    saboteur read_only(vm,
                       "B=/run/spin-stack/busybox; cp /bin/busybox /proc/1/root$B; "
                       "nsenter -t 1 -m $B mount -o remount,bind,ro / && ! touch /proc/1/root/touched 2>/dev/null",
                       "nsenter -t 1 -m $B mount -o remount,bind,rw / && touch /proc/1/root/touched");
    check_served(vm, read_only);
    check_runs(vm);
    read_only.mend();

    // No pid is left: neither a runtime nor a thread can be started.
    saboteur crowd(vm,
                   "read old </proc/sys/kernel/pid_max; echo 450 >/proc/sys/kernel/pid_max; "
                   "(while :; do sleep 1000 & done) 2>/dev/null",
                   "echo $old >/proc/sys/kernel/pid_max; kill -KILL -1");
    created = try_to_create(vm);
    REQUIRE_FALSE(created);
    // Whichever cannot be started first: the runtime (its failure as hosts know it), or a thread for its mounts.
    auto said = created.error().message();
    CAPTURE(said);
    bool is_runtime = said.find("vfork: resource temporarily unavailable") != std::string::npos;
    CHECK((is_runtime || created.error().kind() == errc::resource_exhausted));
    check_served(vm, crowd);
    crowd.mend();
    check_runs(vm);

    // No memory is left: the kernel takes the container, not PID 1.
    event_watch watch(vm);
    container_wish eater("exec tail /dev/zero");
    eater.id = guest::fresh_id();
    CHECK(vm.run_container(eater).status == 137);
    watch.wait_for("/tasks/exit", eater.id, eater.id);
    CHECK(watch.topics_of(eater.id) ==
          std::vector<std::string>{"/tasks/create", "/tasks/start", "/tasks/oom", "/tasks/exit"});
    check_runs(vm);
    machine.press_ctrl_alt_del();
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
}
