// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/fatal.hpp"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <exception>

#include "vminit/core/syscalls.hpp"
#include "vminit/system/machine_end.hpp"

// Everything below runs in a signal handler of a broken process: no allocation, no locks, no stdio.
namespace vminit::system {

namespace {

constexpr int fatal_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
constexpr int max_frames = 24;

fatal_options installed;
volatile sig_atomic_t reports_begun = 0;
alignas(16) unsigned char alternate_stack[64 * 1024];

// A line of at most `capacity` bytes; what does not fit is left out.
class line_writer {
public:
    line_writer& text(const char* part) noexcept {
        while (*part != '\0' && length_ < capacity) bytes_[length_++] = *part++;
        return *this;
    }
    line_writer& number(std::uint64_t value, unsigned base) noexcept {
        char digits[24];
        int count = 0;
        do {
            digits[count++] = "0123456789abcdef"[value % base];
            value /= base;
        } while (value != 0);
        while (count > 0 && length_ < capacity) bytes_[length_++] = digits[--count];
        return *this;
    }
    // /dev/kmsg takes one record a write; `<2>` is its level: critical.
    void send(int kmsg, int console) noexcept {
        if (kmsg >= 0) write_all(kmsg);
        bytes_[length_++] = '\n';
        if (console >= 0) ::syscall(SYS_write, console, bytes_ + prefix, length_ - prefix);
        length_ = prefix;
    }

private:
    void write_all(int fd) const noexcept { ::syscall(SYS_write, fd, bytes_, length_); }

    static constexpr std::size_t prefix = 3;
    static constexpr std::size_t capacity = 240;
    char bytes_[capacity + 2] = {'<', '2', '>'};
    std::size_t length_ = prefix;
};

struct frame_walk {
    line_writer* line;
    int count;
};

_Unwind_Reason_Code add_frame(struct _Unwind_Context* context, void* opaque) {
    auto* walk = static_cast<frame_walk*>(opaque);
    if (walk->count++ >= max_frames) return _URC_END_OF_STACK;
    walk->line->text(" 0x").number(_Unwind_GetIP(context), 16);
    return _URC_NO_REASON;
}

std::uint64_t program_counter(const void* context) noexcept {
    const auto* user = static_cast<const ucontext_t*>(context);
#if defined(__x86_64__)
    return user == nullptr ? 0 : static_cast<std::uint64_t>(user->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
    return user == nullptr ? 0 : user->uc_mcontext.pc;
#else
    return 0;
#endif
}

sigset_t set_of_faults() noexcept {
    sigset_t set;
    ::sigemptyset(&set);
    for (int number : fatal_signals) ::sigaddset(&set, number);
    return set;
}

int open_kmsg() noexcept {
    return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, "/dev/kmsg", O_WRONLY | O_CLOEXEC, 0));
}

bool is_sent(const siginfo_t* info) noexcept { return info != nullptr && info->si_code <= 0; }

// The kernel lets nobody but the process itself choose a sender for these two (rt_sigqueueinfo(2)).
bool is_our_own(const siginfo_t* info) noexcept {
    return info == nullptr || ((info->si_code == SI_USER || info->si_code == SI_TKILL) && info->si_pid == ::getpid());
}

// No fault is a SIGABRT. One with a code above zero comes from a descriptor somebody made PID 1 the owner of
// (F_SETOWN, F_SETSIG of fcntl(2)); for the other numbers the kernel says SI_SIGIO then.
bool is_from_stranger(int number, const siginfo_t* info) noexcept {
    return !is_our_own(info) && (is_sent(info) || number == SIGABRT);
}

// A line a second at most; errno is the interrupted code's.
void tell_ignored(int number, const siginfo_t* info) noexcept {
    static std::atomic<long> next_line{0};
    static std::atomic<std::uint64_t> untold{0};
    struct timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    untold.fetch_add(1);
    long due = next_line.load();
    if (now.tv_sec < due || !next_line.compare_exchange_strong(due, now.tv_sec + 1)) return;
    line_writer line;
    line.text("vminitd: ignored signal ").number(static_cast<std::uint64_t>(number), 10);
    if (is_sent(info)) {
        line.text(" from pid ").number(static_cast<std::uint64_t>(info->si_pid), 10);
        line.text(" uid ").number(info->si_uid, 10);
    }
    line.text(", ").number(untold.exchange(0), 10).text(" since the last such line");
    // Not to the console, where this could wait: the process goes on.
    int kmsg = open_kmsg();
    line.send(kmsg, installed.ignored_fd);
    if (kmsg >= 0) ::syscall(SYS_close, kmsg);
}

void report(int number, const siginfo_t* info, const void* context) noexcept {
    int kmsg = open_kmsg();
    line_writer line;
    line.text("vminitd: fatal signal ").number(static_cast<std::uint64_t>(number), 10);
    if (is_sent(info)) {
        line.text(", sent by pid ").number(static_cast<std::uint64_t>(info->si_pid), 10);
        line.text(" uid ").number(info->si_uid, 10);
    } else if (info != nullptr) {
        line.text(" at 0x").number(program_counter(context), 16);
        line.text(", address 0x").number(reinterpret_cast<std::uintptr_t>(info->si_addr), 16);
    }
    line.send(kmsg, installed.console_fd);
    line.text("vminitd: return addresses");
    frame_walk walk{&line, 0};
    _Unwind_Backtrace(add_frame, &walk);
    line.send(kmsg, installed.console_fd);
}

void finish(int number) noexcept {
    if (installed.final_action != nullptr) installed.final_action(number);
    if (::getpid() == 1) {
        ::sync();
        end_machine();
    }
    ::signal(number, SIG_DFL);
    sigset_t only;
    ::sigemptyset(&only);
    ::sigaddset(&only, number);
    ::sigprocmask(SIG_UNBLOCK, &only, nullptr);
    ::raise(number);
    ::_exit(128 + number);
}

// The unwinder may want memory while the fault holds the heap's lock, a console may block, sync may sleep for ever in a
// broken filesystem: two seconds, then off with what there is.
void limit_the_end() noexcept {
    if (::getpid() == 1) arm_watchdog(std::chrono::seconds(2), end_machine);
}

void end_of_fault(int number, siginfo_t* info, void* context) noexcept {
    // The report itself may fault: then there is only the end left to try, and without any of it after that.
    reports_begun = reports_begun + 1;
    if (reports_begun == 1) limit_the_end();
    if (reports_begun == 1) report(number, info, context);
    if (reports_begun <= 2) finish(number);
    end_machine();
    ::_exit(128 + number);
}

void on_fatal_signal(int number, siginfo_t* info, void* context) {
    if (!is_from_stranger(number, info)) {
        // A fault on the way to the end must come back here; blocked, the kernel would kill PID 1 for it.
        auto faults = set_of_faults();
        ::pthread_sigmask(SIG_UNBLOCK, &faults, nullptr);
        return end_of_fault(number, info, context);
    }
    int before = syscalls::detail::last_error().value();
    tell_ignored(number, info);
    errno = before;
}

[[noreturn]] void on_terminate() {
    limit_the_end();
    line_writer line;
    int kmsg = open_kmsg();
    line.text("vminitd: std::terminate");
    try {
        if (auto thrown = std::current_exception()) std::rethrow_exception(thrown);
    } catch (const std::exception& failure) {
        line.text(": ").text(failure.what());
    } catch (...) {
        line.text(": unknown exception");
    }
    line.send(kmsg, installed.console_fd);
    end_of_fault(SIGABRT, nullptr, nullptr);
    ::_exit(128 + SIGABRT);
}

}  // namespace

void install_fatal_handlers(fatal_options options) noexcept {
    installed = options;
    reports_begun = 0;
    stack_t stack{};
    stack.ss_sp = alternate_stack;
    stack.ss_size = sizeof alternate_stack;
    ::sigaltstack(&stack, nullptr);
    struct sigaction action{};
    action.sa_sigaction = on_fatal_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    // Otherwise a flood of them would pile up handlers until the stack is full.
    action.sa_mask = set_of_faults();
    for (int number : fatal_signals) ::sigaction(number, &action, nullptr);
    std::set_terminate(on_terminate);
}

}  // namespace vminit::system
