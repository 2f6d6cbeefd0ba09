#include "server_socket.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "vminit/core/syscalls.hpp"

namespace vminit::shim {

namespace {

constexpr int backlog = 128;

result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return error(errc::invalid_argument, "socket path " + path + ": too long");
    std::memcpy(address.sun_path, path.c_str(), path.size());
    return address;
}

result<unique_fd> new_socket() {
    auto opened = syscalls::check("socket", {}, [] { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); });
    if (!opened) return opened.error();
    return unique_fd(static_cast<int>(*opened));
}

// Empty if nobody takes connections there.
unique_fd connect_to(const std::string& path) {
    auto address = address_of(path);
    auto socket = new_socket();
    if (!address || !socket) return {};
    auto connected = syscalls::raw("connect", [&] {
        return ::connect(socket->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
    });
    return connected ? std::move(*socket) : unique_fd();
}

}  // namespace

bool is_served(const std::string& path) { return static_cast<bool>(connect_to(path)); }

bool stays_served(const std::string& path, std::chrono::milliseconds patience) {
    auto socket = connect_to(path);
    if (!socket) return false;
    // A ttrpc server never speaks first: what comes is the end.
    struct pollfd end{socket.get(), POLLIN, 0};
    return ::poll(&end, 1, static_cast<int>(patience.count())) == 0;
}

result<unique_fd> bind_server(const std::string& path) {
    auto address = address_of(path);
    if (!address) return address.error();
    auto socket = new_socket();
    if (!socket) return socket;
    ::unlink(path.c_str());  // nobody answers there: under the lock that was asked just now
    auto old_mask = ::umask(0177);
    auto bound = syscalls::attempt("bind", path, [&] {
        return ::bind(socket->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
    });
    ::umask(old_mask);
    if (!bound) return bound.error();
    auto listening = syscalls::attempt("listen", path, [&] { return ::listen(socket->get(), backlog); });
    if (!listening) return listening.error();
    return socket;
}

result<unique_fd> lock_directory(const std::string& path) {
    auto directory = syscalls::open(path, O_RDONLY | O_DIRECTORY);
    if (!directory) return directory;
    auto locked = syscalls::attempt("flock", path, [&] { return ::flock(directory->get(), LOCK_EX); });
    if (!locked) return locked.error();
    return directory;
}

}  // namespace vminit::shim
