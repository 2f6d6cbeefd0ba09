// SPDX-License-Identifier: Apache-2.0
#include "forward/forward_core.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "forward/container_socket.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::forward {

namespace {

// unix(7): nothing tells when a full listener has room again.
constexpr auto full_listener_pause = std::chrono::milliseconds(20);

blocking_lane lane_of(const place& where) noexcept {
    return where.is_tcp() ? blocking_lane::kernel_writes : blocking_lane::copies;
}

result<void> connect_outcome(ttrpc::stream_socket& socket, const place& to) {
    int failure = 0;
    socklen_t size = sizeof failure;
    auto asked = syscalls::attempt(
        "getsockopt", {}, [&] { return ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_ERROR, &failure, &size); });
    if (!asked || failure == 0) return asked;
    return error(error_code(failure, boost::system::system_category()), "connect " + to.to_string());
}

}  // namespace

forward_core::forward_core(asio::io_context& context)
    : ex(context.get_executor()),
      log(log_of(context)),
      pool(&asio::use_service<blocking_service>(context)),
      tasks(std::make_unique<task_group>(ex, log)),
      changed(ex) {}

awaitable<result<unique_fd>> forward_core::run(blocking_lane lane, socket_job job, const surroundings& in) {
    auto made = co_await pool->run(lane, std::move(job), "socket of a container");
    if (made && in.check) {
        if (auto checked = in.check(); !checked) co_return checked.error();
    }
    co_return made;
}

awaitable<result<ttrpc::stream_socket>> forward_core::open(place to, surroundings in) {
    ++connecting;
    struct one_less {
        std::size_t& count;
        ~one_less() { --count; }
    } counted{connecting};
    co_return co_await open_now(std::move(to), std::move(in));
}

awaitable<result<ttrpc::stream_socket>> forward_core::open_now(place to, surroundings in) {
    auto until = clock::now() + forward_service::connect_limit;
    socket_job begin = [to, in] { return begin_connect(to, in); };
    auto begun = co_await run(lane_of(to), begin, in);
    while (!begun && syscalls::is_errno(begun.error(), EAGAIN) && clock::now() < until) {
        co_await sleep_for(full_listener_pause);
        begun = co_await run(lane_of(to), begin, in);
    }
    if (!begun) co_return begun.error();
    auto adopted = ttrpc::adopt_socket(ex, std::move(*begun));
    if (!adopted || !to.is_tcp()) co_return adopted;
    auto socket = std::make_shared<ttrpc::stream_socket>(std::move(*adopted));
    timer limit(ex, until);
    limit.async_wait([weak = std::weak_ptr(socket)](error_code failure) {
        auto slow = weak.lock();
        if (!failure && slow) slow->cancel(failure);
    });
    auto [failure] = co_await socket->async_wait(ttrpc::stream_socket::wait_write, as_tuple_awaitable);
    if (failure && clock::now() >= until) co_return error(errc::deadline_exceeded, "connect " + to.to_string());
    if (failure) co_return error(failure, "connect " + to.to_string());
    if (auto outcome = connect_outcome(*socket, to); !outcome) co_return outcome.error();
    co_return std::move(*socket);
}

awaitable<result<ttrpc::stream_socket>> forward_core::open_gate(place at, surroundings in) {
    ++opening;
    struct one_less {
        std::size_t& count;
        ~one_less() { --count; }
    } counted{opening};
    constexpr int backlog = 128;
    socket_job begin = [at, in] { return begin_listen(at, in, backlog); };
    auto made = co_await run(lane_of(at), std::move(begin), in);
    if (!made) co_return made.error();
    co_return ttrpc::adopt_socket(ex, std::move(*made));
}

result<void> forward_core::room_for_connection() {
    if (is_closed) return error(errc::unavailable, "forwards are closed");
    if (connections() < forward_service::max_connections) return {};
    ++refused;
    static_assert(forward_service::max_connections == 128);
    return error(errc::resource_exhausted, "128 forwarded connections are open already");
}

result<std::shared_ptr<relay>> forward_core::carry(std::string owner, ttrpc::stream_socket near,
                                                   ttrpc::stream_socket stream, end_of_stream ending) {
    if (auto room = room_for_connection(); !room) return room.error();
    auto link = std::make_shared<relay>(ex, std::move(near), std::move(stream), buffer, ending);
    std::erase_if(links_, [](const carried& one) { return one.link.expired(); });
    links_.push_back({std::move(owner), link});
    link->start(*tasks);
    return link;
}

std::size_t forward_core::connections() const noexcept {
    auto open = std::count_if(links_.begin(), links_.end(), [](const carried& one) { return !one.link.expired(); });
    return static_cast<std::size_t>(open) + connecting;
}

std::size_t forward_core::waiting_at(const gate* at) const noexcept {
    auto count = std::count_if(arrivals.begin(), arrivals.end(), [at](const auto& one) { return one.second.at == at; });
    return static_cast<std::size_t>(count);
}

void forward_core::forget(const gate* at) noexcept {
    std::erase(gates, at);
    std::erase_if(arrivals, [at](const auto& one) { return one.second.at == at; });
}

void forward_core::remove_name(std::string path, surroundings in) {
    if (is_closed || (in.check && !in.check())) return;
    tasks->spawn("forward socket removal", remove_late(shared_from_this(), std::move(path), std::move(in.root)));
}

awaitable<void> forward_core::remove_late(std::shared_ptr<forward_core> self, std::string path, std::string root) {
    socket_job remove = [path, root]() -> result<unique_fd> {
        auto removed = remove_socket(path, root);
        if (!removed) return removed.error();
        return unique_fd();
    };
    auto removed = co_await self->pool->run(blocking_lane::copies, std::move(remove), "socket of a container");
    if (!removed) self->log.info("a forward's socket is left", {{"path", path}, {"error", removed.error()}});
}

void forward_core::end(const std::string& owner) {
    auto why = error(errc::failed_precondition, "container " + owner + " has ended");
    auto all = gates;
    for (auto* one : all) {
        if (one->owner() == owner) one->close(why);
    }
    for (const auto& one : links_) {
        if (one.owner == owner && !one.link.expired()) {
            tasks->spawn("forward end", end_late(shared_from_this(), one.link));
        }
    }
}

// What the owner wrote last is on its way.
awaitable<void> forward_core::end_late(std::shared_ptr<forward_core> self, std::weak_ptr<relay> link) {
    auto latest = clock::now() + forward_service::longest_end;
    timer pause(self->ex);
    for (std::uint64_t before = ~std::uint64_t{0}; clock::now() < latest;) {
        auto open = link.lock();
        if (!open || open->is_over() || open->moved() == before) break;
        before = open->moved();
        open.reset();
        pause.expires_after(forward_service::late_silence);
        co_await pause.async_wait(as_tuple_awaitable);
    }
    auto open = link.lock();
    if (open && !open->is_over()) open->close();
}

awaitable<void> forward_core::end_when(std::shared_ptr<forward_core> self, std::string owner, awaitable<void> ending) {
    co_await std::move(ending);
    self->watched.erase(owner);
    self->end(owner);
}

void forward_core::close() noexcept {
    if (std::exchange(is_closed, true)) return;
    auto all = gates;
    for (auto* one : all) one->close(error(errc::unavailable, "forwards are closed"));
    for (const auto& one : links_) {
        if (auto open = one.link.lock()) open->close();
    }
    arrivals.clear();
    tasks->stop();
}

}  // namespace vminit::forward
