// SPDX-License-Identifier: Apache-2.0
#include "forward/container_socket.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <utility>

#include "vminit/core/syscalls.hpp"

namespace vminit::forward {

namespace {

constexpr useconds_t way_back_pause = 10'000;

result<long> erased_call(std::string_view name, const std::string& what, long (*call)(void*), void* context) {
    return syscalls::check(name, what, [&] { return call(context); });
}

// As `syscalls::attempt`, which would be compiled into each of many callers.
template <class Call>
result<void> attempt(std::string_view name, const std::string& what, Call call) {
    auto made = erased_call(
        name, what, [](void* context) { return static_cast<long>((*static_cast<Call*>(context))()); }, &call);
    return made ? result<void>() : result<void>(made.error());
}

// The same of a call that opens something.
template <class Call>
result<unique_fd> attempt_open(std::string_view name, const std::string& what, Call call) {
    auto made = erased_call(
        name, what, [](void* context) { return static_cast<long>((*static_cast<Call*>(context))()); }, &call);
    return made ? result<unique_fd>(unique_fd(static_cast<int>(*made))) : result<unique_fd>(made.error());
}

result<unique_fd> open_socket(int family) {
    return attempt_open("socket", {}, [&] { return ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); });
}

bool is_same_file(int one, int other) noexcept {
    struct stat first{}, second{};
    return ::fstat(one, &first) == 0 && ::fstat(other, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

// A socket belongs for ever to the network namespace in which it was made.
result<unique_fd> open_socket_in(const std::string& net, int family) {
    if (net.empty()) return open_socket(family);
    auto there = syscalls::open(net, O_RDONLY);
    if (!there) return there.error();
    auto home = syscalls::open("/proc/thread-self/ns/net", O_RDONLY);
    if (!home) return home.error();
    if (is_same_file(there->get(), home->get())) return open_socket(family);
    // Who may not come back does not go.
    for (const auto& next : {std::cref(*home), std::cref(*there)}) {
        auto gone = attempt("setns", net, [&] { return ::setns(next.get().get(), CLONE_NEWNET); });
        if (!gone) return gone.error();
    }
    auto made = open_socket(family);
    // The thread is for other jobs, too: until it is back it does none.
    while (!syscalls::raw("setns", [&] { return ::setns(home->get(), CLONE_NEWNET); })) ::usleep(way_back_pause);
    return made;
}

result<unique_fd> open_below(const std::string& root, const std::string& path, int flags) {
    auto top = syscalls::open(root.empty() ? "/" : root, O_PATH | O_DIRECTORY);
    if (!top) return top.error();
    open_how how{};
    how.flags = static_cast<unsigned>(flags | O_PATH | O_CLOEXEC);
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    return attempt_open("open", path,
                        [&] { return ::syscall(SYS_openat2, top->get(), path.c_str(), &how, sizeof how); });
}

// What an O_PATH descriptor stands for, for calls that want a path.
std::string path_of(const unique_fd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

/// The directory and the last part of a path that is to be made.
struct new_name {
    unique_fd directory;
    std::string name;
    std::string path() const { return path_of(directory) + "/" + name; }
};

result<new_name> open_parent(const std::string& path, const std::string& root) {
    auto slash = path.rfind('/');
    auto name = path.substr(slash + 1);
    if (name.empty() || name == "." || name == "..") {
        return error(errc::invalid_argument, path + ": not the name of a socket");
    }
    auto directory = open_below(root, path.substr(0, slash + 1), O_DIRECTORY);
    if (!directory) return directory.error();
    return new_name{std::move(*directory), std::move(name)};
}

place local_place(std::string path) {
    place local;
    local.path = std::move(path);
    return local;
}

result<void> connect_socket(int fd, const socket_name& name, const std::string& what) {
    auto begun = attempt("connect", what, [&] { return ::connect(fd, name.data(), name.size); });
    if (!begun && !syscalls::is_errno(begun.error(), EINPROGRESS)) return begun.error();
    return {};
}

result<void> bind_socket(int fd, const socket_name& name, const std::string& what) {
    return attempt("listen at", what, [&] { return ::bind(fd, name.data(), name.size); });
}

// Whoever listens on it would have taken us, or let us wait.
bool is_stale(const socket_name& name) {
    auto probe = open_socket(AF_UNIX);
    if (!probe) return false;
    auto tried = syscalls::raw("connect", [&] { return ::connect(probe->get(), name.data(), name.size); });
    return !tried && tried.error().value() == ECONNREFUSED;
}

bool is_socket(const new_name& there) {
    struct stat facts{};
    return ::fstatat(there.directory.get(), there.name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISSOCK(facts.st_mode);
}

result<void> remove_name(const new_name& there) {
    return attempt("unlink", there.name, [&] { return ::unlinkat(there.directory.get(), there.name.c_str(), 0); });
}

// Not through a link that has taken its place since.
result<void> set_mode(const new_name& made, mode_t mode) {
    auto socket = attempt_open("open", made.name, [&] {
        return ::openat(made.directory.get(), made.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    });
    if (!socket) return socket.error();
    return attempt("chmod", made.name, [&] { return ::chmod(path_of(*socket).c_str(), mode); });
}

result<void> bind_local(int fd, const std::string& path, const surroundings& in) {
    auto there = open_parent(path, in.root);
    if (!there) return there.error();
    auto name = local_place(there->path()).name();
    if (!name) return name.error();
    auto bound = bind_socket(fd, *name, path);
    bool is_taken = !bound && syscalls::is_errno(bound.error(), EADDRINUSE);
    if (is_taken && is_socket(*there) && is_stale(*name)) {
        if (auto removed = remove_name(*there); !removed) return removed;
        bound = bind_socket(fd, *name, path);
    }
    if (!bound) return bound;
    return set_mode(*there, in.socket_mode);
}

result<void> bind_tcp(int fd, const place& at) {
    auto name = at.name();
    if (!name) return name.error();
    int on = 1;
    // Without it the port of a listener that has just ended cannot be had; without success that is all.
    (void)::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return bind_socket(fd, *name, at.to_string());
}

}  // namespace

result<unique_fd> begin_connect(const place& to, const surroundings& in) {
    auto target = to.is_tcp() ? result<unique_fd>(unique_fd()) : open_below(in.root, to.path, 0);
    if (!target) return target.error();
    auto name = to.is_tcp() ? to.name() : local_place(path_of(*target)).name();
    if (!name) return name.error();
    // Unix sockets with a path are of no network.
    auto socket = open_socket_in(to.is_tcp() ? in.net : std::string(), name->family());
    if (!socket) return socket;
    if (auto begun = connect_socket(socket->get(), *name, to.to_string()); !begun) return begun.error();
    return socket;
}

result<unique_fd> begin_listen(const place& at, const surroundings& in, int backlog) {
    auto name = at.is_tcp() ? at.name() : result<socket_name>(socket_name());
    if (!name) return name.error();
    auto socket = at.is_tcp() ? open_socket_in(in.net, name->family()) : open_socket(AF_UNIX);
    if (!socket) return socket;
    auto bound = at.is_tcp() ? bind_tcp(socket->get(), at) : bind_local(socket->get(), at.path, in);
    if (!bound) return bound.error();
    auto listening = attempt("listen at", at.to_string(), [&] { return ::listen(socket->get(), backlog); });
    if (!listening) return listening.error();
    return socket;
}

result<void> remove_socket(const std::string& path, const std::string& root) {
    auto there = open_parent(path, root);
    if (!there) return there.error();
    if (!is_socket(*there)) return {};
    return remove_name(*there);
}

}  // namespace vminit::forward
