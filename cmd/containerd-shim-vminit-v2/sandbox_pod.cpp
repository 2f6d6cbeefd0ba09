// SPDX-License-Identifier: Apache-2.0
// The sandbox's part for the Sandbox API: a pod that is no container of the daemon's.

#include "pod_metrics.hpp"
#include "sandbox.hpp"
#include "vminit/core/file.hpp"

namespace vminit::shim {

namespace task = containerd::task::v3;

namespace {

constexpr auto call_limit = std::chrono::seconds(60);

}  // namespace

awaitable<result<std::shared_ptr<shim_container>>> sandbox::start_pod(pod_setup pod) {
    auto holder = std::make_shared<shim_container>(context_, pod.id, pod.bundle, publisher_);
    holder->is_untold = true;
    auto [place, is_new] = containers_.try_emplace(pod.id, holder);
    if (!is_new) co_return error(errc::already_exists, "container " + pod.id);
    auto done = co_await make_pod(holder, std::move(pod));
    if (done) phase_ = pod_phase::running;
    if (done) write_record();
    if (done) co_return holder;
    co_await undo_create(holder);
    co_return done.error();
}

// Its root is empty but for its program, which is the guest's own.
awaitable<result<void>> sandbox::make_pod(std::shared_ptr<shim_container> holder, pod_setup pod) {
    if (auto read = read_wishes(*holder, pod.config_json); !read) co_return read;
    holder->storage.rootfs.in_guest.emplace_back("tmpfs", "pod", std::string(), std::vector<std::string>{"mode=755"});
    auto input = spec_input(pod.id);
    input.kind_of = [](const std::string&) { return source_kind::of_guest; };
    auto spec = make_guest_spec(pod.config_json, input);
    if (!spec) co_return spec.error();
    stdio_names none;
    auto done = write_pod_files(pod);
    if (done) done = co_await provide_vm(holder);
    if (done) done = co_await set_limits(holder->id(), holder->facts.limits);
    if (done) done = co_await create_in_guest(holder, std::move(none), std::move(*spec));
    if (done) sysctls_.add(holder->facts.net_sysctls);
    if (done) done = co_await start_holder(holder);
    co_return done;
}

result<void> sandbox::write_pod_files(const pod_setup& pod) {
    if (auto made = make_directories(paths_.vm, 0700); !made) return made;
    for (const auto& [place, text] : pod.files) {
        auto file = paths_.vm + "/pod-" + place.substr(place.rfind('/') + 1);
        pod_files_[place] = file;
        if (auto written = replace_file(file, text, 0644); !written) return written;
    }
    return {};
}

awaitable<result<void>> sandbox::start_holder(std::shared_ptr<shim_container> holder) {
    auto init = holder->find(std::string());
    if (!init) co_return init.error();
    auto calls = guest();
    if (!calls) co_return calls.error();
    task::StartRequest message;
    message.set_id(holder->id());
    auto tasks = calls->task();
    auto started = co_await tasks.Start(std::move(message), ttrpc::call_options(call_limit));
    if (!started) co_return started.error();
    (*init)->is_started = true;
    co_return result<void>();
}

awaitable<void> sandbox::end_pod() {
    phase_ = pod_phase::ended;
    co_await stop();
}

awaitable<void> sandbox::forget_containers() {
    while (!containers_.empty()) co_await remove(containers_.begin()->second);
}

awaitable<result<io::containerd::cgroups::v2::Metrics>> sandbox::pod_metrics() {
    auto calls = guest();
    if (!calls) co_return calls.error();
    std::vector<std::string> ids;
    for (const auto& [id, container] : containers_) ids.push_back(id);
    io::containerd::cgroups::v2::Metrics total;
    auto tasks = calls->task();
    for (auto& id : ids) {
        task::StatsRequest message;
        message.set_id(std::move(id));
        auto stats = co_await tasks.Stats(std::move(message), ttrpc::call_options(call_limit));
        // One that has gone meanwhile has no part in it.
        if (!stats && stats.error().kind() == errc::not_found) continue;
        if (!stats) co_return stats.error();
        io::containerd::cgroups::v2::Metrics each;
        if (each.ParseFromString(stats->stats().value())) add_metrics(total, each);
    }
    co_return total;
}

}  // namespace vminit::shim
