# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# Parts of test/containerd/run: pods as Kubernetes makes them, by CRI.

# What it says and what it complains of, but not its warnings.
crictl() {
    local said status
    said=$(timeout -s KILL "$limit" "$cri_tools/crictl" -c "$dir/crictl.yaml" -t "${limit}s" "$@" 2>&1)
    status=$?
    grep -v 'level=warning' <<<"$said"
    return $status
}

# A daemon with CRI in place of the one that runs.
start_cri() {
    cri_tools=$("$here/fetch-cri" "$@")
    case $? in
        0) ;;
        2) note "pods: skipped"; return 2 ;;
        *) bad "its programs" "see above"; return 1 ;;
    esac
    "$here/daemon" stop "$dir"
    new_directory
    VMINIT_CRI=yes "$here/daemon" start "$dir" || { bad "start with CRI" "see above"; return 1; }
    printf 'runtime-endpoint: unix://%s/c.sock\nimage-endpoint: unix://%s/c.sock\n' "$dir" "$dir" >"$dir/crictl.yaml"
    export CONTAINERD_NAMESPACE=k8s.io
}

write_pod() { # NAME [SYSCTL VALUE]
    jq -n --arg name "$1" --arg logs "$dir/logs" --arg sysctl "${2:-}" --arg value "${3:-}" --arg cgroup "$(cgroups_below)/$1" '{
        metadata: {name: $name, namespace: "default", uid: $name, attempt: 1}, log_directory: $logs, hostname: $name,
        annotations: {"io.vminit.memory_mib": "300"},
        linux: {cgroup_parent: $cgroup, resources: {cpu_quota: 150000, cpu_period: 100000}, sysctls: (if $sysctl == "" then {} else {($sysctl): $value} end)}
    }' >"$dir/$1.json"
}

write_container() { # NAME COMMAND...
    jq -n '{metadata: {name: $ARGS.positional[0]}, image: {image: "localhost/busybox:1"}, command: $ARGS.positional[1:],
        log_path: "\($ARGS.positional[0]).log"}' --args -- "$@" >"$dir/$1.json"
}

new_member() { # POD NAME: prints its id
    local id
    id=$(crictl create "$1" "$dir/$2.json" "$dir/pod.json") && crictl start "$id" >/dev/null
    echo "$id"
}

in_member() { crictl exec -s "$@"; }

part_pods() {
    start_cri || return 0
    local pod one='' two='' seen release before cgroup
    release=$(<"$("$root/test/vm/fetch-kernel")/release")
    with_setting '.host_cgroup = true | .host_memory_overhead_mib = 160 | .max_cpus = 4'
    write_pod pod net.ipv4.ip_local_port_range '3000 4000'
    write_container one sh -c 'echo hello; exec sleep 1000'
    write_container two sh -c 'exec sleep 2000'
    pod=$(crictl runp -r vminit "$dir/pod.json") || { bad "runp" "$pod"; return; }
    one=$(new_member "$pod" one) two=$(new_member "$pod" two)
    check_equal "a pod with two containers" 2 "$(crictl ps -q | wc -w)"
    check_equal "pod: one VM" 1 "$(processes qemu-system)"
    check_equal "pod: exec sees the guest's kernel" "$release" "$(in_member "$one" uname -r)"
    check_equal "pod: its host name" "pod pod" "$(in_member "$one" hostname) $(in_member "$two" hostname)"
    check_has "pod: processes are shared" "sleep 2000" "$(in_member "$one" ps)"
    for seen in pid ipc uts; do
        check_equal "pod: $seen namespace is shared" "$(in_member "$one" readlink "/proc/self/ns/$seen")" \
            "$(in_member "$two" readlink "/proc/self/ns/$seen")"
    done
    check_equal "pod: mounts are not" "different" \
        "$([ "$(in_member "$one" readlink /proc/self/ns/mnt)" = "$(in_member "$two" readlink /proc/self/ns/mnt)" ] || echo different)"
    check_equal "pod: sysctl of the network" "3000 4000" "$(in_member "$two" cat /proc/sys/net/ipv4/ip_local_port_range | xargs)"
    check_equal "pod: as many processors as its annotations say" 2 "$(in_member "$one" nproc)"
    cgroup=$(cgroups_below)/pod/$pod
    check_equal "pod: the VMM and its helpers are in its cgroup" "" "$(outside "$cgroup")"
    check_equal "pod: which has a limit" 460 "$(memory_limit "$cgroup")"
    check_equal "logs" hello "$(crictl logs "$one")"
    check_equal "ps and pods" "2 1" "$(crictl ps -q | wc -w) $(crictl pods -q | wc -w)"
    check_has "inspectp has the address of CNI" 10.88.77. "$(crictl inspectp "$pod" | jq -r .status.network.ip)"
    check_has "stats" "one" "$(crictl stats)"

    before=$(in_member "$one" awk '/MemTotal/ { print $2 }' /proc/meminfo)
    check_has "update" "$one" "$(crictl update --memory 536870912 "$one")"
    seen=$(in_member "$one" awk '/MemTotal/ { print $2 }' /proc/meminfo)
    check_equal "update: memory came while it runs" "more" "$([ "$seen" -gt $((before + 250000)) ] && echo more || echo "$before, $seen")"
    check_equal "update: the limit of the pod's cgroup came with it" more "$([ "$(memory_limit "$cgroup")" -ge $((460 + 250)) ] && echo more)"
    check_has "update of processors" "$one" "$(crictl update --cpu-quota 250000 --cpu-period 100000 "$one")"
    check_equal "update: a processor came while it runs" 3 "$(in_member "$one" nproc)"
    check_has "update beyond the maximum" "setting max_memory_mib" "$(crictl update --memory 9007199254740992 "$one")"
    check_equal "update: and it is as before" "$seen" "$(in_member "$one" awk '/MemTotal/ { print $2 }' /proc/meminfo)"

    crictl stop "$two" >/dev/null
    crictl rm "$two" >/dev/null
    check_equal "a member goes, the others stay" "hello 1" "$(in_member "$one" echo hello) $(crictl ps -q | wc -w)"
    crictl stop "$one" >/dev/null
    crictl rm "$one" >/dev/null
    crictl stopp "$pod" >/dev/null
    crictl rmp "$pod" >/dev/null
    check_equal "no pod" 0 "$(crictl pods -q | wc -w)"
    check_equal "no cgroup is left of the pod" "" "$(cgroup_directories "$cgroup")"
    check_equal "no address is taken" 0 "$(find "$dir/addresses" -name '10.*' | wc -l)"
    check_clean "pods"
}

# CRI's own acceptance tests, the basic ones; not among the usual parts, as they take minutes.
part_critest() {
    start_cri --all || return 0
    cat >"$dir/images.yaml" <<END
defaultTestContainerImage: localhost/busybox:1
webServerTestImage: localhost/busybox:1
END
    local focus=${VMINIT_CRITEST_FOCUS:-basic operations on (container|PodSandbox)} status
    "$cri_tools/critest" --runtime-endpoint "unix://$dir/c.sock" --image-endpoint "unix://$dir/c.sock" --runtime-handler vminit \
        --test-images-file "$dir/images.yaml" --ginkgo.focus "$focus" >"$dir/critest.log" 2>&1
    status=$?
    note "$(grep -E '^(Ran|FAIL!|SUCCESS!)' "$dir/critest.log" | xargs)"
    check_equal "critest" 0 "$status"
    [ $status = 0 ] || grep -E '\[(FAIL|FAILED|It)\]|Expected|err' "$dir/critest.log" | tail -n 40 >&2
    check_clean "critest"
}
