// SPDX-License-Identifier: Apache-2.0
#include "host_output.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/write.hpp>

#include "vminit/core/blocking.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::shim {

namespace {

constexpr mode_t directory_mode = 0755;  // as containerd's own shim makes them
constexpr mode_t file_mode = 0644;

class pipe_end final : public host_output {
public:
    pipe_end(executor ex, unique_fd pipe) : pipe_(ex, pipe.release()) {}

    awaitable<result<void>> write(std::string_view bytes) override {
        auto [refused, written] = co_await asio::async_write(pipe_, asio::buffer(bytes), as_tuple_awaitable);
        if (refused) co_return error(refused, "write");
        co_return result<void>();
    }

    void close() noexcept override {
        error_code ignored;
        pipe_.close(ignored);
    }

private:
    asio::posix::basic_stream_descriptor<executor> pipe_;
};

class file_end final : public host_output {
public:
    file_end(asio::io_context& context, unique_fd file, std::string path)
        : pool_(asio::use_service<blocking_service>(context)),
          file_(std::make_shared<unique_fd>(std::move(file))),
          path_(std::move(path)) {}

    // The job has its own copy and its own hold on the file: nobody waits for it any more after a cancellation.
    awaitable<result<void>> write(std::string_view bytes) override {
        auto job = [file = file_, path = path_, piece = std::string(bytes)] {
            return syscalls::write_all(file->get(), piece, path);
        };
        co_return co_await pool_.run(blocking_lane::files, std::move(job), "write " + path_);
    }

    void close() noexcept override { file_.reset(); }

private:
    blocking_service& pool_;
    std::shared_ptr<const unique_fd> file_;
    std::string path_;
};

result<unique_fd> open_log_file(const std::string& path) {
    auto slash = path.rfind('/');
    if (slash != std::string::npos && slash > 0) {
        auto made = make_directories(path.substr(0, slash), directory_mode);
        if (!made) return made.error();
    }
    return syscalls::open(path, O_WRONLY | O_CREAT | O_APPEND, file_mode);
}

}  // namespace

result<unique_fd> open_fifo(const std::string& path, int flags) {
    auto opened = syscalls::open(path, flags | O_NONBLOCK);
    if (!opened) return opened.error();
    struct stat status{};
    auto looked = syscalls::attempt("fstat", path, [&] { return ::fstat(opened->get(), &status); });
    if (!looked) return looked.error();
    if (!S_ISFIFO(status.st_mode)) return error(errc::invalid_argument, "stdio " + path + ": not a fifo");
    return opened;
}

result<std::shared_ptr<host_output>> pipe_output(asio::io_context& context, unique_fd pipe) {
    auto flags = syscalls::check("fcntl", "F_GETFL", [&] { return ::fcntl(pipe.get(), F_GETFL); });
    if (!flags) return flags.error();
    auto set = syscalls::attempt("fcntl", "F_SETFL",
                                 [&] { return ::fcntl(pipe.get(), F_SETFL, static_cast<int>(*flags) | O_NONBLOCK); });
    if (!set) return set.error();
    return std::shared_ptr<host_output>(std::make_shared<pipe_end>(context.get_executor(), std::move(pipe)));
}

result<std::shared_ptr<host_output>> fifo_output(asio::io_context& context, const std::string& path) {
    auto opened = open_fifo(path, O_RDWR);
    if (!opened) return opened.error();
    return pipe_output(context, std::move(*opened));
}

awaitable<result<std::shared_ptr<host_output>>> file_output(asio::io_context& context, std::string path) {
    auto& pool = asio::use_service<blocking_service>(context);
    auto job = [path] { return open_log_file(path); };
    auto opened = co_await pool.run(blocking_lane::files, std::move(job), "open " + path);
    if (!opened) co_return opened.error();
    co_return std::shared_ptr<host_output>(std::make_shared<file_end>(context, std::move(*opened), std::move(path)));
}

}  // namespace vminit::shim
