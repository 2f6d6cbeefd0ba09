# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# The VM's cgroup on this machine. It is made below the tests' own, so that what they take counts where they run.

cgroups_below() { # prints the path of a cgroup below ours, of this run's own name
    awk -F: '$2 == "memory" { path = $3 } $2 == "" && path == "" { path = $3 } END { sub("/$", "", path); print path }' /proc/self/cgroup |
        sed "s|\$|/vmc-$$|"
}
cgroup_directories() { # PATH
    awk '$3 ~ /^cgroup/ { print $2 }' /proc/mounts | while read -r hierarchy; do
        [ ! -d "$hierarchy$1" ] || echo "$hierarchy$1"
    done
}
forget_cgroups() { # those that held ours stay, as runc leaves them
    cgroup_directories "$(cgroups_below)" | while read -r directory; do
        [ ! -d "$directory" ] || find "$directory" -depth -type d -exec rmdir {} +
    done
}
# Of the VMM and its helpers, those that are not in all cgroups PATH.
outside() { # PATH
    local pid
    for pid in $(pgrep -f "(qemu-system|vhost-device-vsock|virtiofsd).*$dir"); do
        cgroup_directories "$1" | while read -r directory; do
            grep -qx "$pid" "$directory/cgroup.procs" || echo "$(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c1-60) is not in $directory"
        done
    done
}
memory_limit() { # PATH: in MiB
    cat $(cgroup_directories "$1" | sed 's|$|/memory.limit_in_bytes|') $(cgroup_directories "$1" | sed 's|$|/memory.max|') 2>/dev/null |
        awk '{ print $1 / 1048576 }'
}
with_setting() { # JQ FILTER
    local changed
    changed=$(jq "$1" "$dir/shim.json") && printf '%s\n' "$changed" >"$dir/shim.json"
}

part_cgroup() {
    local base shim
    base=$(cgroups_below)
    with_setting '.host_cgroup = true'
    ctr run -d --runtime "$runtime" --cgroup "$base/one" --mount "type=bind,src=$dir,dst=/v,options=rbind:ro" "$image" one sleep 1000 ||
        { bad "run -d" "see above"; return; }
    check_has "the VM has a cgroup" "$base/one" "$(cgroup_directories "$base/one")"
    check_equal "the VMM and its helpers are in it" "" "$(outside "$base/one")"
    check_equal "the shim is not" 0 "$(cat $(cgroup_directories "$base/one" | sed 's|$|/cgroup.procs|') | grep -cx "$(pgrep -f "containerd-shim-vminit-v2 .*-id one .*$dir" | head -n 1)")"
    check_has "the guest's metrics are told" memory.usage "$(ctr tasks metrics one)"
    ctr tasks kill -s SIGKILL one && until_true ctr tasks rm one >/dev/null 2>&1
    ctr containers rm one
    check_clean "cgroup"
    check_equal "and then it is gone" "" "$(cgroup_directories "$base/one")"

    with_setting '.host_memory_overhead_mib = 160'
    ctr run -d --runtime "$runtime" --cgroup "$base/two" "$image" two sleep 1000 || { bad "run -d" "see above"; return; }
    check_equal "a limit: the VM's memory and the overhead" 416 "$(memory_limit "$base/two")"
    shim=$(pgrep -f "containerd-shim-vminit-v2 .*-id two .*$dir" | head -n 1)
    kill -KILL "${shim:-0}"
    no_task() { [ -z "$(ctr tasks ls -q)" ]; }
    until_true no_task
    ctr containers rm two
    check_clean "a cgroup whose shim was killed"
    check_equal "a cgroup whose shim was killed goes too" "" "$(cgroup_directories "$base/two")"

    check_has "no cgroup where one is to be limited" 'cgroup of the VM: cgroupsPath "/"' "$(run --cgroup / "$image" three true 2>&1)"
    with_setting 'del(.host_memory_overhead_mib)'
    check_equal "no cgroup where none must be" fine "$(run --cgroup / "$image" four echo fine)"
    check_has "and it is told" "in no cgroup of its container" "$(grep -F 'cgroupsPath' "$dir/containerd.log")"
    with_setting '.host_cgroup = false'
    check_clean "no cgroup"
}
