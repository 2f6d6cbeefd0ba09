// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/result.hpp"

/// Who a process runs as, when its OCI spec says a name. The runtime specification has `process.user.username` for
/// that, which runtimes on Linux ignore; here it counts where `uid` is absent.
namespace vminit::runc {

/// What a user's name stands for.
struct user_identity {
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;  ///< supplementary ones
    std::string home;           ///< empty: not known
};

/// The text of /etc/passwd and of /etc/group, or why there is none.
struct user_files {
    result<std::string> passwd;
    result<std::string> group;
};

/// A group that takes more in than that is refused: as many fit into a spec that people may still read.
inline constexpr std::size_t max_user_groups = 1024;

/// `user` is NAME, UID, NAME:GROUP, UID:GID or :GROUP (root's), as Docker has it. Digits are always a number: one
/// without an entry is taken as it is, with group 0. The supplementary groups are those whose member the user is, if no
/// group is named. Lines that are broken are passed over. Pure. Errors: not_found for a name without an entry, with the
/// reason if there is no file; invalid_argument for no user at all and for too large numbers; resource_exhausted.
result<user_identity> find_user(std::string_view user, const user_files& files);

/// The same, by the files below `root`, whose links lead nowhere else (openat2(2), RESOLVE_IN_ROOT). Read are only
/// regular files, of at most 1 MiB. For a thread that may sleep.
result<user_identity> find_user_in(const std::string& root, std::string_view user);

/// Of a `user` in the root filesystem at `root`.
using user_lookup = std::function<result<user_identity>(const std::string& root, std::string_view user)>;

/// Whether `process_json` may say a name; a false true costs a thread's time.
bool may_name_user(std::string_view process_json);

/// An OCI Process object in which the name of its user, if there is one, is replaced by numbers, and HOME is set unless
/// it says one. Errors: invalid_argument for what is no object, and those of `lookup`.
result<std::string> with_user_numbers(std::string_view process_json, const std::string& root,
                                      const user_lookup& lookup = find_user_in);

}  // namespace vminit::runc
