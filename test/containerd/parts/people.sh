# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# vminitctl with the guest of a container of containerd.

vminitctl() { VMINIT_SHIM_CONFIG=$dir/shim.json timeout -s KILL "$limit" "$root/build/release/cmd/vminitctl/vminitctl" "$@" 2>&1; }

part_people() {
    local events=$dir/people.events watcher
    ctr run -d --runtime "$runtime" "$image" people sleep 1000 || { bad "run -d" "see above"; return; }
    check_has "vminitctl --container: health" reaper "$(vminitctl --container people health)"
    check_has "vminitctl --container: the boot chart" serve "$(vminitctl boot --container people)"
    check_equal "vminitctl --container: the id cut short, and a process" hello "$(vminitctl --container peo exec people -- echo hello)"
    ctr events >"$events" 2>/dev/null &
    watcher=$!
    vminitctl --container people events >"$dir/people.seen" &
    local observer=$!
    ctr tasks exec --exec-id watched people true
    until_true grep -q '/tasks/exit.*"watched"' "$events"
    check_equal "events are seen by both" "1 yes" "$(grep -c '/tasks/exit.*"watched"' "$events") $(until_true grep -q watched "$dir/people.seen" && echo yes)"
    kill $watcher $observer
    check_has "no such container" "not found: the VM of container nobody in namespace default" "$(vminitctl --container nobody health)"
    ctr tasks kill -s SIGKILL people && until_true ctr tasks rm people >/dev/null 2>&1
    ctr containers rm people
    check_clean "people"
}
