#include "vminit/system/fatal.hpp"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <cstdint>
#include <exception>

#include "vminit/system/power.hpp"

// Everything below runs in a signal handler of a broken process: no allocation, no locks, no stdio.
namespace vminit::system {

namespace {

constexpr int fatal_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};
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

bool was_sent_by_process(const siginfo_t* info) noexcept { return info != nullptr && info->si_code <= 0; }

void report(int number, const siginfo_t* info, const void* context) noexcept {
    int kmsg = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, "/dev/kmsg", O_WRONLY | O_CLOEXEC, 0));
    line_writer line;
    line.text("vminitd: fatal signal ").number(static_cast<std::uint64_t>(number), 10);
    if (was_sent_by_process(info)) {
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

void end_for_good() noexcept { power_off_machine(); }

void finish(int number) noexcept {
    if (installed.final_action != nullptr) installed.final_action(number);
    if (::getpid() == 1) {
        // sync may sleep for ever in a broken filesystem: two seconds, then off without it.
        arm_watchdog(std::chrono::seconds(2), end_for_good);
        ::sync();
        power_off_machine();
    }
    ::signal(number, SIG_DFL);
    sigset_t only;
    ::sigemptyset(&only);
    ::sigaddset(&only, number);
    ::sigprocmask(SIG_UNBLOCK, &only, nullptr);
    ::raise(number);
    ::_exit(128 + number);
}

// The unwinder, or starting the thread of the watchdog, may want memory while the fault holds the heap's lock: two
// seconds, then off with what there is. A signal gets through where this thread waits for ever for that lock.
void limit_the_end() noexcept {
    if (::getpid() != 1) return;
    ::signal(SIGALRM, [](int) { power_off_machine(); });
    ::alarm(2);
}

void on_fatal_signal(int number, siginfo_t* info, void* context) {
    // The report itself may fault: then there is only the end left to try, and without any of it after that.
    reports_begun = reports_begun + 1;
    if (reports_begun == 1) limit_the_end();
    if (reports_begun == 1) report(number, info, context);
    if (reports_begun <= 2) finish(number);
    power_off_machine();
    ::_exit(128 + number);
}

[[noreturn]] void on_terminate() {
    line_writer line;
    int kmsg = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, "/dev/kmsg", O_WRONLY | O_CLOEXEC, 0));
    line.text("vminitd: std::terminate");
    try {
        if (auto thrown = std::current_exception()) std::rethrow_exception(thrown);
    } catch (const std::exception& failure) {
        line.text(": ").text(failure.what());
    } catch (...) {
        line.text(": unknown exception");
    }
    line.send(kmsg, installed.console_fd);
    on_fatal_signal(SIGABRT, nullptr, nullptr);
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
    // NODEFER: a fault in the handler must come back here; blocked, the kernel would kill PID 1 for it.
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    ::sigemptyset(&action.sa_mask);
    for (int number : fatal_signals) ::sigaction(number, &action, nullptr);
    std::set_terminate(on_terminate);
}

}  // namespace vminit::system
