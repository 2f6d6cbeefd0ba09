// SPDX-License-Identifier: Apache-2.0
#include "vminit/process/process_service.hpp"

#include <signal.h>

#include <utility>

#include "process/own_places.hpp"
#include "process/process_core.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::process {

namespace {

constexpr std::uint32_t highest_signal = 64;  // SIGRTMAX

// The id names the runtime's state directory and the events.
bool is_valid_id(const std::string& id) {
    return !id.empty() && id != "." && id.find('/') == std::string::npos && id.find("..") == std::string::npos &&
           id.find('\0') == std::string::npos;
}

result<void> check_request(const create_request& request, const std::string& bundles) {
    if (!is_valid_id(request.id)) return error(errc::invalid_argument, "container id \"" + request.id + "\"");
    if (!request.bundle.starts_with('/')) {
        return error(errc::invalid_argument, "bundle \"" + request.bundle + "\" is not an absolute path");
    }
    if (auto good = check_runtime_root(request.options.root, bundles); !good) return good;
    if (!request.checkpoint.empty() || !request.parent_checkpoint.empty()) {
        return error(errc::not_implemented, "create from a checkpoint is not supported");
    }
    return {};
}

// Whether a Create may begin.
result<void> admit(const process_core& core, const create_request& request) {
    if (auto valid = check_request(request, core.context->config.bundles); !valid) return valid;
    if (core.context->is_going_down) return error(errc::unavailable, "shutting down");
    if (core.containers.contains(request.id)) {
        return error(errc::already_exists, "container " + request.id + " already exists");
    }
    if (auto user = core.user_of(request.bundle)) {
        return error(errc::failed_precondition, "bundle " + request.bundle + " is used by container " + user->id());
    }
    if (core.containers.size() >= process_service::max_containers) {
        return error(errc::resource_exhausted, "too many containers");
    }
    return {};
}

// The id of a container that is being created. However that fails, the id is free again.
class creation_in_flight {
public:
    creation_in_flight(std::shared_ptr<process_core> core, std::string id)
        : core_(std::move(core)), id_(std::move(id)) {}
    ~creation_in_flight() {
        core_->creations.erase(id_);
        if (!is_created_) core_->containers.erase(id_);
    }
    creation_in_flight(const creation_in_flight&) = delete;
    creation_in_flight& operator=(const creation_in_flight&) = delete;

    void begin(std::shared_ptr<container> fresh, std::shared_ptr<abandonment> abandoned) {
        core_->containers.emplace(id_, std::move(fresh));
        core_->creations.emplace(id_, std::move(abandoned));
    }
    void created() noexcept { is_created_ = true; }

private:
    std::shared_ptr<process_core> core_;
    std::string id_;
    bool is_created_ = false;
};

awaitable<result<std::uint32_t>> create_container(std::unique_ptr<creation_in_flight> creation,
                                                  std::shared_ptr<container> fresh, create_request request,
                                                  std::shared_ptr<abandonment> abandoned) {
    auto created = co_await fresh->create(std::move(request), std::move(abandoned));
    if (created) creation->created();
    co_return created;
}

awaitable<result<process_exit>> remove_container(std::shared_ptr<process_core> core, std::shared_ptr<container> target,
                                                 std::optional<clock::time_point> answer_by) {
    auto removed = co_await target->remove_init(answer_by);
    if (removed) core->containers.erase(target->id());
    co_return removed;
}

// These hold the container: it may be forgotten while they run, their caller gone.

awaitable<result<std::uint32_t>> start_process(std::shared_ptr<container> owner, std::string exec_id) {
    if (exec_id.empty()) co_return co_await owner->start_init();
    co_return co_await owner->start_exec(std::move(exec_id));
}

awaitable<result<process_exit>> remove_exec(std::shared_ptr<container> owner, std::string exec_id,
                                            std::optional<clock::time_point> answer_by) {
    co_return co_await owner->remove_exec(std::move(exec_id), answer_by);
}

awaitable<result<void>> pause_container(std::shared_ptr<container> owner) { co_return co_await owner->pause(); }

awaitable<result<void>> resume_container(std::shared_ptr<container> owner) { co_return co_await owner->resume(); }

// Until every process has ended and its end is told.
awaitable<void> await_silence(std::shared_ptr<process_core> core) {
    for (;;) {
        auto waited = core->somebody_left();
        if (!waited) co_return;
        co_await waited->changed.wait();
        auto cancellation = co_await asio::this_coro::cancellation_state;
        if (cancellation.cancelled() != asio::cancellation_type::none) co_return;
    }
}

error not_supported(std::string_view call) {
    return error(errc::not_implemented, std::string(call) + " is not supported");
}

}  // namespace

process_service::process_service(asio::execution_context& context) : process_service(context, process_config()) {}

process_service::process_service(asio::execution_context& context, process_config config)
    : asio::execution_context::service(context),
      core_(std::make_shared<process_core>(
          std::make_shared<process_context>(static_cast<asio::io_context&>(context), std::move(config)))) {
    // A process that closes its stdin, or a logger that dies, must cost an error code and not us.
    struct sigaction present{};
    if (::sigaction(SIGPIPE, nullptr, &present) == 0 && present.sa_handler == SIG_DFL) ::signal(SIGPIPE, SIG_IGN);
}

process_service::~process_service() = default;

void process_service::shutdown() noexcept {
    core_->context->tasks.reset();
    core_->context->io.background.reset();
    core_->containers.clear();
    core_->creations.clear();
}

awaitable<result<std::uint32_t>> process_service::create(create_request request) {
    auto core = core_;
    if (auto admitted = admit(*core, request); !admitted) {
        co_await drop_bundle(std::move(request.bundle));
        co_return admitted.error();
    }
    auto fresh = std::make_shared<container>(core->context, request.id, request.bundle);
    auto abandoned = std::make_shared<abandonment>(core->context->ex());
    auto creation = std::make_unique<creation_in_flight>(core, request.id);
    creation->begin(fresh, abandoned);
    auto operation = create_container(std::move(creation), std::move(fresh), std::move(request), abandoned);
    co_return co_await run_to_end<std::uint32_t>(core->context->ex(), *core->context->tasks, "create",
                                                 std::move(operation), std::move(abandoned));
}

awaitable<void> process_service::drop_bundle(std::string bundle) {
    if (core_->user_of(bundle) == nullptr) co_await remove_own_bundle(core_->context, std::move(bundle));
}

awaitable<result<std::uint32_t>> process_service::start(std::string id, std::string exec_id) {
    auto core = core_;
    auto target = core->find(id);
    if (!target) co_return target.error();
    if (core->context->is_going_down) co_return error(errc::unavailable, "shutting down");
    auto operation = start_process(*target, std::move(exec_id));
    co_return co_await run_to_end<std::uint32_t>(core->context->ex(), *core->context->tasks, "start",
                                                 std::move(operation));
}

awaitable<result<process_exit>> process_service::remove(std::string id, std::string exec_id,
                                                        std::optional<clock::time_point> answer_by) {
    auto core = core_;
    auto target = core->find(id);
    if (!target) co_return target.error();
    auto operation = exec_id.empty() ? remove_container(core, *target, answer_by)
                                     : remove_exec(*target, std::move(exec_id), answer_by);
    co_return co_await run_to_end<process_exit>(core->context->ex(), *core->context->tasks, "delete",
                                                std::move(operation));
}

awaitable<result<void>> process_service::exec(exec_request request) {
    auto core = core_;
    auto target = core->find(request.id);
    if (!target) co_return target.error();
    auto owner = *target;
    auto spec = co_await owner->with_user_numbers(std::move(request.spec_json));
    if (!spec) co_return spec.error();
    request.spec_json = std::move(*spec);
    if (core->context->is_going_down) co_return error(errc::unavailable, "shutting down");
    co_return owner->add_exec(std::move(request));
}

awaitable<result<void>> process_service::kill(std::string id, std::string exec_id, std::uint32_t signal,
                                              runc::kill_scope scope) {
    auto target = core_->find(id);
    if (!target) co_return target.error();
    if (signal > highest_signal) co_return error(errc::invalid_argument, "signal " + std::to_string(signal));
    auto owner = *target;
    if (!exec_id.empty()) co_return owner->kill_exec(exec_id, static_cast<int>(signal));
    co_return co_await owner->kill_init(static_cast<int>(signal), scope);
}

awaitable<result<process_exit>> process_service::wait(std::string id, std::string exec_id) {
    auto target = core_->find(id, exec_id);
    if (!target) co_return target.error();
    co_return co_await task_process::wait(*target);
}

result<process_snapshot> process_service::state(const std::string& id, const std::string& exec_id) const {
    auto owner = core_->find(id);
    if (!owner) return owner.error();
    auto target = (*owner)->find(exec_id);
    if (!target) return target.error();
    auto snapshot = (*target)->snapshot((*owner)->bundle());
    // Frozen with its container.
    auto init_status = (*owner)->init().state.status();
    bool is_frozen = init_status == process_status::paused || init_status == process_status::pausing;
    if (is_frozen && snapshot.status == process_status::running) snapshot.status = init_status;
    return snapshot;
}

result<std::string> process_service::root_path(const std::string& id) const {
    auto owner = core_->find(id);
    if (!owner) return owner.error();
    auto proc = proc_path(id);
    return proc ? *proc + "/root" : (*owner)->bundle() + "/rootfs";
}

result<std::string> process_service::proc_path(const std::string& id) const {
    auto owner = core_->find(id);
    if (!owner) return owner.error();
    const auto& init = (*owner)->init();
    if (init.is_dead() || init.state.pid() == 0) {
        return error(errc::failed_precondition, "container " + id + " is not running");
    }
    return core_->context->config.proc + "/" + std::to_string(init.state.pid());
}

result<std::string> process_service::cgroup_path(const std::string& id) const {
    if (auto running = proc_path(id); !running) return running.error();
    auto owner = core_->find(id);
    const auto& own = (*owner)->own_cgroup();
    if (!own) return error(errc::failed_precondition, "container " + id + " has no cgroup");
    return own->directory();
}

result<std::shared_ptr<kept_output>> process_service::log_of(const std::string& id, const std::string& exec_id) const {
    auto target = core_->find(id, exec_id);
    if (!target) return target.error();
    const auto& io = (*target)->io;
    if (!io || !io->log()) return error(errc::failed_precondition, "its output is not kept");
    return io->log();
}

result<void> process_service::attach_input(const std::string& id, const std::string& exec_id, const std::string& uri) {
    auto target = core_->find(id, exec_id);
    if (!target) return target.error();
    return (*target)->attach_input(uri);
}

std::vector<container_summary> process_service::containers() const {
    std::vector<container_summary> all;
    for (const auto& [id, one] : core_->containers) all.push_back(one->summary());
    return all;
}

std::optional<std::uint32_t> process_service::init_pid(const std::string& id) const {
    auto init = core_->find(id, std::string());
    if (!init) return std::nullopt;
    return (*init)->state.pid();
}

awaitable<result<std::vector<process_info>>> process_service::pids(std::string id) {
    auto target = core_->find(id);
    if (!target) co_return target.error();
    auto owner = *target;
    co_return co_await owner->pids();
}

awaitable<result<void>> process_service::resize(std::string id, std::string exec_id, std::uint32_t width,
                                                std::uint32_t height) {
    auto target = core_->find(id, exec_id);
    if (!target) co_return target.error();
    co_return (*target)->resize(width, height);
}

awaitable<result<void>> process_service::close_io(std::string id, std::string exec_id) {
    auto target = core_->find(id, exec_id);
    if (!target) co_return target.error();
    (*target)->close_input();
    co_return result<void>();
}

awaitable<result<cgroup_metrics>> process_service::stats(std::string id) {
    auto target = core_->find(id);
    if (!target) co_return target.error();
    co_return (*target)->stats();
}

awaitable<result<void>> process_service::update(std::string id, std::string resources_json) {
    auto target = core_->find(id);
    if (!target) co_return target.error();
    auto owner = *target;
    co_return co_await owner->update(std::move(resources_json));
}

awaitable<result<void>> process_service::pause(std::string id) {
    if (core_->context->config.dialect.pause == pause_support::refused) co_return not_supported("pause");
    auto target = core_->find(id);
    if (!target) co_return target.error();
    auto operation = pause_container(*target);
    co_return co_await run_to_end<void>(core_->context->ex(), *core_->context->tasks, "pause", std::move(operation));
}

awaitable<result<void>> process_service::resume(std::string id) {
    if (core_->context->config.dialect.pause == pause_support::refused) co_return not_supported("resume");
    auto target = core_->find(id);
    if (!target) co_return target.error();
    auto operation = resume_container(*target);
    co_return co_await run_to_end<void>(core_->context->ex(), *core_->context->tasks, "resume", std::move(operation));
}

awaitable<result<void>> process_service::checkpoint(checkpoint_request request) {
    if (core_->context->config.dialect.pause == pause_support::refused) co_return not_supported("checkpoint");
    auto target = core_->find(request.id);
    if (!target) co_return target.error();
    auto owner = *target;
    co_return co_await owner->checkpoint(std::move(request));
}

awaitable<void> process_service::kill_all(clock::duration limit) {
    using namespace asio::experimental::awaitable_operators;
    auto core = core_;
    core->context->is_going_down = true;
    for (auto& [id, creation] : core->creations) creation->tell();
    for (auto& [id, one] : core->containers) one->kill_everything();
    co_await (await_silence(core) || sleep_for(limit));
}

std::size_t process_service::container_count() const noexcept { return core_->containers.size(); }

process_counters process_service::counters() const noexcept {
    process_counters now;
    now.containers = core_->containers.size();
    for (const auto& [id, one] : core_->containers) now.execs += one->exec_count();
    now.input_bytes = core_->context->io.buffer->traffic.input;
    now.output_bytes = core_->context->io.buffer->traffic.output;
    return now;
}

const host_dialect& process_service::dialect() const noexcept { return core_->context->config.dialect; }

}  // namespace vminit::process
