// SPDX-License-Identifier: Apache-2.0
// What tests run inside containers where a shell would be too slow or too vague. Static, so that it needs no rootfs.
//
//   worker pattern BYTES    writes the pattern to stdout
//   worker check            reads stdin to its end; prints "BYTES intact" or "BYTES broken at ABOUT"
//   worker eat BYTES        touches that much memory and waits to be killed
//   worker pin              has the kernel refer to memory of its own, which it cannot move then, and waits to be killed
//   worker cpu PID          prints the nanoseconds of processor time of a process, its ended threads included
//   worker uptime           prints the microseconds since the kernel's start (CLOCK_BOOTTIME)
//   worker vsock CID PORT   what a connection there gives to a ping: "no answer" or "answered"; CID own: the VM's
//   worker hold PID         stops that process' first thread as a debugger does, says so in the kernel's log, and waits
//   worker fault PID        has that process execute what nobody may: a write to address 0, behind its next system call
//   spin-supervisor         by that name it is an agent that crashes 5 s after its start
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "pattern.hpp"

namespace {

using namespace vminit::test;

constexpr std::size_t block_words = 16384;
std::uint64_t block[block_words];

int fail(const char* what) {
    std::perror(what);
    return 1;
}

bool write_all(const char* data, std::size_t size) {
    while (size > 0) {
        auto written = ::write(1, data, size);
        if (written < 0) return false;
        data += written;
        size -= static_cast<std::size_t>(written);
    }
    return true;
}

int write_bytes(std::uint64_t total) {
    for (std::uint64_t done = 0; done < total; done += sizeof block) {
        write_pattern(done / 8, block, block_words);
        auto size = total - done < sizeof block ? total - done : sizeof block;
        if (!write_all(reinterpret_cast<const char*>(block), size)) return fail("write");
    }
    return 0;
}

int check_input() {
    pattern_check check;
    for (;;) {
        auto count = ::read(0, block, sizeof block);
        if (count < 0) return fail("read");
        if (count == 0) break;
        check.take(std::string_view(reinterpret_cast<const char*>(block), static_cast<std::size_t>(count)));
    }
    if (check.is_intact()) {
        std::printf("%llu intact\n", static_cast<unsigned long long>(check.total()));
    } else {
        std::printf("%llu broken at %llu\n", static_cast<unsigned long long>(check.total()),
                    static_cast<unsigned long long>(check.broken_in()));
    }
    return 0;
}

int eat(std::size_t size) {
    auto* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return fail("mmap");
    for (std::size_t at = 0; at < size; at += 4096) static_cast<volatile char*>(memory)[at] = 1;
    ::write(1, "full\n", 5);
    for (;;) ::pause();
}

// A page that is in a pipe as well cannot be migrated.
int pin() {
    constexpr std::size_t size = 64 * 1024;  // what a pipe takes
    auto* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return fail("mmap");
    for (std::size_t at = 0; at < size; at += 4096) static_cast<volatile char*>(memory)[at] = 1;
    int ends[2];
    iovec all{memory, size};
    if (::pipe(ends) != 0 || ::vmsplice(ends[1], &all, 1, 0) != size) return fail("vmsplice");
    ::write(1, "full\n", 5);
    for (;;) ::pause();
}

int print_cpu_time(pid_t pid) {
    clockid_t clock;
    timespec time;
    if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return fail("processor clock");
    std::printf("%lld\n", static_cast<long long>(time.tv_sec) * 1000000000 + time.tv_nsec);
    return 0;
}

bool find_own_cid(unsigned int& cid) {
    int device = ::open("/dev/vsock", O_RDONLY);
    return device >= 0 && ::ioctl(device, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid) == 0;
}

int try_vsock(const char* cid, unsigned int port) {
    sockaddr_vm address{};
    address.svm_family = AF_VSOCK;
    address.svm_port = port;
    address.svm_cid = static_cast<unsigned int>(std::strtoul(cid, nullptr, 10));
    if (std::string_view(cid) == "own" && !find_own_cid(address.svm_cid)) return fail("own context id");
    int connection = ::socket(AF_VSOCK, SOCK_STREAM, 0);
    if (::connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return fail("connect");
    char answer = 0;
    char ping[10]{};
    (void)::send(connection, ping, sizeof ping, MSG_NOSIGNAL);
    std::puts(::read(connection, &answer, 1) == 1 ? "answered" : "no answer");
    return 0;
}

int hold(pid_t pid) {
    if (::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) != 0) return fail("seize");
    if (::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr) != 0) return fail("interrupt");
    if (::waitpid(pid, nullptr, __WALL) != pid) return fail("wait");
    int log = ::open("/proc/1/root/dev/kmsg", O_WRONLY);
    if (::write(log, "<2>worker: held\n", 16) != 16) return fail("log");
    for (;;) ::pause();
}

// Where the first thread goes on when its system call returns; 0: it is in none.
std::uint64_t next_instruction(const std::string& process) {
    char text[256]{};
    int file = ::open((process + "/syscall").c_str(), O_RDONLY | O_CLOEXEC);
    auto size = ::read(file, text, sizeof text - 1);
    ::close(file);
    const char* last = size > 0 ? std::strrchr(text, ' ') : nullptr;
    return last != nullptr ? std::strtoull(last, nullptr, 16) : 0;
}

int cause_fault(const char* pid) {
    constexpr unsigned char code[] = {0x31, 0xc0, 0x89, 0x00};  // x86: xor %eax,%eax; mov %eax,(%rax)
    std::string process = std::string("/proc/") + pid;
    std::uint64_t place = 0;
    while (place == 0) place = next_instruction(process);
    int memory = ::open((process + "/mem").c_str(), O_RDWR | O_CLOEXEC);
    if (::pwrite(memory, code, sizeof code, static_cast<off_t>(place)) != sizeof code) return fail("write");
    return 0;
}

int print_uptime() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    std::printf("%lld\n", static_cast<long long>(now.tv_sec) * 1000000 + now.tv_nsec / 1000);
    return 0;
}

}  // namespace

int main(int count, char** words) {
    if (std::string_view(words[0]).ends_with("spin-supervisor")) {
        ::sleep(5);
        std::abort();
    }
    std::string_view action = count > 1 ? words[1] : "";
    auto number = count > 2 ? std::strtoull(words[2], nullptr, 10) : 0;
    if (action == "pattern") return write_bytes(number);
    if (action == "check") return check_input();
    if (action == "eat") return eat(number);
    if (action == "pin") return pin();
    if (action == "cpu") return print_cpu_time(static_cast<pid_t>(number));
    if (action == "uptime") return print_uptime();
    if (action == "vsock" && count == 4)
        return try_vsock(words[2], static_cast<unsigned int>(std::strtoul(words[3], nullptr, 10)));
    if (action == "fault" && count == 3) return cause_fault(words[2]);
    if (action == "hold") return hold(static_cast<pid_t>(number));
    std::fputs(
        "usage: worker pattern BYTES | check | eat BYTES | pin | cpu PID | uptime | vsock CID PORT | hold PID | fault PID\n",
        stderr);
    return 2;
}
