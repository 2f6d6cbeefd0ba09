// SPDX-License-Identifier: Apache-2.0
#include "client_program.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>

#include "vminit/core/syscalls.hpp"

namespace vminit::test {

namespace {

std::string read_from(int descriptor, std::size_t size) {
    std::string text;
    std::string block(65536, '\0');
    while (text.size() < size) {
        auto count = ::read(descriptor, block.data(), std::min(block.size(), size - text.size()));
        if (count <= 0) return text;
        text.append(block, 0, static_cast<std::size_t>(count));
    }
    return text;
}

}  // namespace

client_program::client_program(const std::string& address, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {VMINIT_CLIENT, "--address", address});
    std::vector<char*> words;
    for (auto& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    auto in = syscalls::pipe(O_CLOEXEC).value();
    auto out = syscalls::pipe(O_CLOEXEC).value();
    auto err = syscalls::pipe(O_CLOEXEC).value();
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
        ::dup2(in.read_end.get(), STDIN_FILENO);
        ::dup2(out.write_end.get(), STDOUT_FILENO);
        ::dup2(err.write_end.get(), STDERR_FILENO);
        ::execv(words[0], words.data());
        ::_exit(127);
    }
    in_ = std::move(in.write_end);
    out_ = std::move(out.read_end);
    err_ = std::move(err.read_end);
}

client_program::~client_program() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

void client_program::type(const std::string& text) const {
    REQUIRE(syscalls::write_all(in_.get(), text, "stdin of the client"));
}

std::string client_program::read(std::size_t size) { return read_from(out_.get(), size); }
std::string client_program::rest() { return read_from(out_.get(), std::numeric_limits<std::size_t>::max()); }
std::string client_program::complaint() { return read_from(err_.get(), std::numeric_limits<std::size_t>::max()); }

void client_program::signal(int number) const { REQUIRE(::kill(pid_, number) == 0); }

int client_program::wait() {
    int status = 0;
    REQUIRE(::waitpid(pid_, &status, 0) == pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace vminit::test
