// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

/// System calls of tree_reader and tree_writer. They make so many that `syscalls::check`, which is compiled into each
/// caller, would be a good part of them.
namespace vminit::system {

/// openat2(2) of a path that a container names: links lead no further than `root`, and none out of procfs.
result<unique_fd> open_in_root(int root, const std::string& path, int flags);

/// The same of a path that a peer names: it leads through no link at all, and not out of `directory`.
result<unique_fd> open_beneath(int directory, const std::string& path, int flags);

namespace detail {
result<long> tree_call(std::string_view name, const std::string& path, long (*call)(void*), void* context);
}

/// As `syscalls::check`.
template <class Call>
result<long> tree_call(std::string_view name, const std::string& path, Call call) {
    return detail::tree_call(
        name, path, [](void* context) { return static_cast<long>((*static_cast<Call*>(context))()); }, &call);
}

/// As `syscalls::attempt`: 0 is of no interest.
template <class Call>
result<void> tree_step(std::string_view name, const std::string& path, Call call) {
    auto outcome = tree_call(name, path, call);
    return outcome ? result<void>() : result<void>(outcome.error());
}

/// A call that opens something.
template <class Call>
result<unique_fd> tree_open(const std::string& path, Call call) {
    auto opened = tree_call("open", path, call);
    return opened ? result<unique_fd>(unique_fd(static_cast<int>(*opened))) : result<unique_fd>(opened.error());
}

}  // namespace vminit::system
