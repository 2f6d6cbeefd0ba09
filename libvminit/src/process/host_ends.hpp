#pragma once

#include <map>
#include <memory>

#include "process/io_environment.hpp"
#include "process/stdio_end.hpp"
#include "vminit/process/stdio_uri.hpp"

namespace vminit::process {

/// Opens the host's ends of one process's stdio. A stream is claimed once, however many of the three name it.
class host_ends {
public:
    explicit host_ends(io_environment& environment) noexcept : environment_(environment) {}

    /// A stream or a fifo. Errors: not_found `unable to get stream <n>`, invalid_argument for a path that is no fifo,
    /// errno of open.
    result<std::shared_ptr<stdio_end>> open(const stdio_target& target);

    /// A file to append to, made with its parent directories if missing; blocking, fit to be handed to a container.
    static result<unique_fd> open_file(const std::string& path);

    /// Read-write, so that neither direction fails.
    static result<unique_fd> open_null();

private:
    result<std::shared_ptr<stdio_end>> open_stream(const std::string& name);
    result<std::shared_ptr<stdio_end>> open_fifo(const std::string& path);

    io_environment& environment_;
    std::map<std::string, std::shared_ptr<stdio_end>> claimed_;
};

}  // namespace vminit::process
