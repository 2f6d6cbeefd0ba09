// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <utility>

#include "observer.hpp"
#include "virtual_machine.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

const std::string hung = "/bin/busybox sleep 1000000";

std::string image_path() { return "/tmp/vminit-hanging." + std::to_string(::getpid()); }

/// A VM whose runtime hangs in an operation while `/run/hang-<operation>` exists.
std::vector<std::string> with_hanging_runtime() {
    std::string scripts = VMINIT_VM_SCRIPTS;
    auto initrd = run_vm_script("make-initrd", {"-o", image_path(), "--add", "/bin/busybox:/bin/busybox", "--add",
                                                scripts + "/inside/hanging_runtime:/sbin/hanging_runtime",
                                                scripts + "/../../build/release/cmd/vminitd/vminitd"});
    return {"--initrd", initrd, "--args", "-runtime=/sbin/hanging_runtime"};
}

template <class T>
awaitable<void> keep_failure(awaitable<result<T>> call, std::string& failure) {
    auto answer = co_await std::move(call);
    failure = answer ? "it succeeded" : answer.error().message();
}

/// A call on a connection of its own that hangs in the runtime from the constructor's return until one of the two ends.
class hanging_call {
public:
    template <class Call>
    hanging_call(guest& vm, observer& eye, const std::string& operation, Call call)
        : vm_(vm),
          eye_(eye),
          flag_("/proc/1/root/run/hang-" + operation),
          rpc_(vm.connect()),
          calls_(rpc_),
          tasks_(vm.ex(), vm.log()) {
        eye_.ask("touch " + flag_);
        tasks_.spawn("call that hangs", keep_failure(call(calls_), failure_));
        while (eye_.pids_of(hung).empty()) {
        }
    }

    bool is_pending() const { return tasks_.size() == 1; }

    /// The host hangs up, and the runtime is killed for that.
    void abandon() {
        rpc_.close();
        vm_.run(rpc_.join());
        vm_.run(tasks_.join());
        while (!eye_.pids_of(hung).empty()) {
        }
        eye_.ask("rm " + flag_);
    }

    /// The runtime dies, here or at vminitd's own limit, whichever comes first; returns what the host is told.
    std::string end_runtime() {
        eye_.ask("rm " + flag_);
        eye_.ask("kill -9 " + eye_.pids_of(hung) + " 2>/dev/null");
        vm_.run(tasks_.join());
        rpc_.close();
        vm_.run(rpc_.join());
        return failure_;
    }

private:
    guest& vm_;
    observer& eye_;
    std::string flag_;
    ttrpc::client rpc_;
    container_calls calls_;
    std::string failure_;
    task_group tasks_;
};

/// Everything that must answer meanwhile. The runtime hangs in one operation only, so `kill` is among it.
void check_the_rest_answers(guest& vm, const std::string& bystander, const hanging_call& call) {
    CHECK(vm.run(vm.system().Info({}, guest::limit)));
    CHECK(vm.state(bystander)->status() == containerd::v1::types::RUNNING);
    CHECK(vm.run(vm.calls().stats(bystander)));
    vm.kill_and_remove(bystander);
    CHECK(call.is_pending());
}

}  // namespace

TEST_CASE("a runtime that hangs delays nobody else, and leaves nothing when it is ended", "[vm]") {
    virtual_machine machine(with_hanging_runtime());
    ::unlink(image_path().c_str());  // QEMU has read it
    guest vm(machine.address());
    observer eye(vm);
    vm.kill_and_remove(vm.run_sleeper());
    auto before = eye.remains();
    process_key key(guest::fresh_id(), "");
    container_wish wish("exec sleep 100000");
    wish.id = key.id;

    // in create: nothing of it is left
    auto bystander = vm.run_sleeper();
    hanging_call create(vm, eye, "create", [&](container_calls& calls) { return calls.create(wish, stdio_uris()); });
    check_the_rest_answers(vm, bystander, create);
    CHECK(vm.state(key.id).error().kind() == errc::not_found);
    create.abandon();
    CHECK(vm.state(key.id).error().kind() == errc::not_found);
    CHECK(eye.remains() == before);

    // in start: the container can still be deleted
    key.id = wish.id = guest::fresh_id();
    REQUIRE(vm.create(wish));
    bystander = vm.run_sleeper();
    hanging_call start(vm, eye, "start", [&](container_calls& calls) { return calls.start(key); });
    check_the_rest_answers(vm, bystander, start);
    CHECK(vm.state(key.id)->status() == containerd::v1::types::CREATED);
    CHECK_THAT(start.end_runtime(), Catch::Matchers::StartsWith("OCI runtime start failed: /sbin/hanging_runtime did not "));
    CHECK(vm.remove(key.id)->exit_status() == 137);
    CHECK(eye.remains() == before);

    // in exec: this exec has failed, its id can be used again, init does not notice
    key = process_key(vm.run_sleeper(), "again");
    REQUIRE(vm.exec(key.id, key.exec_id, exec_wish("true")));
    bystander = vm.run_sleeper();
    hanging_call exec(vm, eye, "exec", [&](container_calls& calls) { return calls.start(key); });
    check_the_rest_answers(vm, bystander, exec);
    CHECK_THAT(exec.end_runtime(), Catch::Matchers::StartsWith("OCI runtime exec failed: /sbin/hanging_runtime did not "));
    CHECK(vm.wait(key.id, key.exec_id)->exit_status() == 255);
    CHECK(vm.start(key.id, key.exec_id).error().kind() == errc::failed_precondition);
    CHECK(vm.remove(key.id, key.exec_id)->exit_status() == 255);
    REQUIRE(vm.exec(key.id, key.exec_id, exec_wish("exit 5")));
    REQUIRE(vm.start(key.id, key.exec_id));
    CHECK(vm.wait(key.id, key.exec_id)->exit_status() == 5);
    CHECK(vm.remove(key.id, key.exec_id)->exit_status() == 5);

    // in kill: the container runs on
    process_key init(key.id, "");
    hanging_call kill(vm, eye, "kill", [&](container_calls& calls) { return calls.kill(init, SIGKILL); });
    CHECK(vm.state(key.id)->status() == containerd::v1::types::RUNNING);
    CHECK(vm.run_container(container_wish("echo through")).out == "through\n");
    CHECK_THAT(kill.end_runtime(), Catch::Matchers::StartsWith("unknown error after kill: /sbin/hanging_runtime did not "));
    CHECK(vm.state(key.id)->status() == containerd::v1::types::RUNNING);

    // in delete: it can be repeated
    REQUIRE(vm.kill(key.id, SIGKILL));
    CHECK(vm.wait(key.id)->exit_status() == 137);
    bystander = vm.run_sleeper();
    hanging_call remove(vm, eye, "delete", [&](container_calls& calls) { return calls.remove(init); });
    CHECK(vm.state(bystander)->status() == containerd::v1::types::RUNNING);
    REQUIRE(vm.kill(bystander, SIGKILL));
    CHECK(vm.wait(bystander)->exit_status() == 137);
    CHECK_THAT(remove.end_runtime(), Catch::Matchers::StartsWith("failed to delete task: /sbin/hanging_runtime did not "));
    CHECK(vm.remove(key.id)->exit_status() == 137);
    CHECK(vm.remove(bystander)->exit_status() == 137);
    CHECK(eye.remains() == before);
    machine.check_no_panic();
}
