// SPDX-License-Identifier: Apache-2.0
#include "terminal.hpp"

#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <utility>

#include "vminit/core/syscalls.hpp"

namespace vminit::vminitctl {

namespace {

constexpr int fatal_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

// What a signal handler restores; -1 = nothing. Plain data, because a handler may not do more than read it.
volatile sig_atomic_t restore_fd = -1;
termios restore_to;

extern "C" void restore_and_die(int signal) {
    if (restore_fd >= 0) (void)::tcsetattr(restore_fd, TCSANOW, &restore_to);
    // SA_RESETHAND has put the default action back.
    (void)::raise(signal);
}

void handle_fatal_signals() {
    struct sigaction action{};
    action.sa_handler = restore_and_die;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
    for (int signal : fatal_signals) (void)::sigaction(signal, &action, nullptr);
}

termios raw_form(termios settings) {
    ::cfmakeraw(&settings);
    return settings;
}

}  // namespace

bool is_terminal(int fd) noexcept { return ::isatty(fd) == 1; }

std::optional<window_size> window_size_of(int fd) {
    winsize size{};
    auto asked = syscalls::raw("ioctl", [&] { return ::ioctl(fd, TIOCGWINSZ, &size); });
    if (!asked || size.ws_col == 0 || size.ws_row == 0) return std::nullopt;
    return window_size{size.ws_col, size.ws_row};
}

result<raw_mode> raw_mode::enter(int fd) {
    auto saved = std::make_unique<termios>();
    auto read = syscalls::check("tcgetattr", "terminal", [&] { return ::tcgetattr(fd, saved.get()); });
    if (!read) return read.error();
    restore_to = *saved;
    restore_fd = fd;
    handle_fatal_signals();
    auto raw = raw_form(*saved);
    auto changed = syscalls::check("tcsetattr", "terminal", [&] { return ::tcsetattr(fd, TCSANOW, &raw); });
    if (changed) return raw_mode(fd, std::move(saved));
    restore_fd = -1;
    return changed.error();
}

raw_mode::raw_mode(int fd, std::unique_ptr<termios> saved) noexcept : fd_(fd), saved_(std::move(saved)) {}

raw_mode::raw_mode(raw_mode&&) noexcept = default;

raw_mode::~raw_mode() {
    if (!saved_) return;
    // TCSADRAIN: what the container printed last is shown before its newlines would be treated anew.
    (void)syscalls::raw("tcsetattr", [&] { return ::tcsetattr(fd_, TCSADRAIN, saved_.get()); });
    restore_fd = -1;
}

void raw_mode::give_up() noexcept {
    (void)syscalls::raw("tcsetattr", [&] { return ::tcsetattr(fd_, TCSANOW, saved_.get()); });
    saved_.reset();
    restore_fd = -1;
}

void raw_mode::resume() noexcept {
    auto raw = raw_form(*saved_);
    (void)syscalls::raw("tcsetattr", [&] { return ::tcsetattr(fd_, TCSANOW, &raw); });
}

}  // namespace vminit::vminitctl
