#include "supervisor/service_cgroup.hpp"

#include <unistd.h>

#include "vminit/core/file.hpp"

namespace vminit::supervisor {

service_cgroup::service_cgroup(const std::string& root, const std::string& name)
    : root_(root), path_(root + "/" + name) {}

// A cgroup v1 hierarchy has no such file.
bool service_cgroup::is_available() const { return ::access((root_ + "/cgroup.controllers").c_str(), F_OK) == 0; }

result<void> service_cgroup::make() const { return make_directories(path_, 0755); }

result<void> service_cgroup::limit_memory(std::uint64_t bytes) const {
    return write_file(path_ + "/memory.max", std::to_string(bytes));
}

void service_cgroup::kill_all() const { (void)write_file(path_ + "/cgroup.kill", "1"); }

void service_cgroup::remove() const { ::rmdir(path_.c_str()); }

}  // namespace vminit::supervisor
