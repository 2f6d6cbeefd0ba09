# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# Pods by the Sandbox API of containerd 2: no pause container, the shim makes what it would stand for.

part_sandboxer() {
    local version=${versions##* } programs pod one='' two='' seen cgroup
    programs=$("$here/fetch" "$version")
    case $? in
        0) ;;
        2) note "sandboxer: skipped"; return ;;
        *) bad "sandboxer: its programs" "see above"; return ;;
    esac
    VMINIT_CONTAINERD=$programs VMINIT_SANDBOXER=shim start_cri || return 0
    with_setting '.host_cgroup = true'
    daemon="sandboxer: "
    write_pod pod net.ipv4.ip_local_port_range '3000 4000'
    write_container one sh -c 'echo hello; exec sleep 1000'
    write_container two sh -c 'exec sleep 2000'
    jq '.dns_config = {servers: ["10.9.8.7"], searches: ["pods.example"]}' "$dir/pod.json" >"$dir/dns.json" && mv "$dir/dns.json" "$dir/pod.json"
    pod=$(crictl runp -r vminit "$dir/pod.json") || { bad "runp" "$pod"; daemon=''; return; }
    check_equal "a VM before there is a container" "1 VMMs, 0 tasks" "$(processes qemu-system) VMMs, $(ctr tasks ls -q | grep -vc "$pod") tasks"
    one=$(new_member "$pod" one) two=$(new_member "$pod" two)
    check_equal "two containers, one VM, no container for the pod" "2 1 2" \
        "$(crictl ps -q | wc -w) $(processes qemu-system) $(ctr containers ls -q | wc -l)"
    check_equal "its host name" "pod pod" "$(in_member "$one" hostname) $(in_member "$two" cat /etc/hostname)"
    check_equal "its name servers" "search pods.example nameserver 10.9.8.7" "$(in_member "$two" cat /etc/resolv.conf | xargs)"
    check_has "its hosts" localhost "$(in_member "$two" cat /etc/hosts)"
    check_has "processes are shared" "sleep 2000" "$(in_member "$one" ps)"
    check_has "the pod's own process does nothing" "/pause --hold-namespaces" "$(in_member "$one" ps)"
    check_equal "and is nobody" 65534 "$(in_member "$one" stat -c %u /proc/1)"
    in_member "$one" sh -c '(sleep 0 &) ; (sleep 0 &)' >/dev/null
    check_equal "what is orphaned is collected" 0 "$(in_member "$one" sh -c 'grep -l "^State:.Z" /proc/[0-9]*/status 2>/dev/null | wc -l')"
    for seen in pid ipc uts; do
        check_equal "$seen namespace is shared" "$(in_member "$one" readlink "/proc/self/ns/$seen")" "$(in_member "$two" readlink "/proc/self/ns/$seen")"
    done
    check_equal "sysctl of the network" "3000 4000" "$(in_member "$two" cat /proc/sys/net/ipv4/ip_local_port_range | xargs)"
    check_equal "as many processors as the pod's limits say" 2 "$(in_member "$one" nproc)"
    check_has "the address of CNI is the guest's" "$(crictl inspectp "$pod" | jq -r .status.network.ip)" "$(in_member "$one" ip address show eth0)"
    cgroup=$(cgroups_below)/pod/$pod
    check_equal "the VMM and its helpers are in the pod's cgroup" "" "$(outside "$cgroup")"
    check_equal "logs" hello "$(crictl logs "$one")"
    check_equal "the pod is ready" SANDBOX_READY "$(crictl inspectp "$pod" | jq -r .status.state)"
    check_has "its metrics" "$pod" "$(crictl statsp -o json)"

    "$here/daemon" kill "$dir"
    "$here/daemon" again "$dir" || { daemon=''; return; }
    until_true crictl inspectp "$pod" >/dev/null # containerd answers a little earlier than its CRI
    check_equal "ready after containerd's restart" SANDBOX_READY "$(crictl inspectp "$pod" | jq -r .status.state)"
    check_equal "exec after the restart" again "$(in_member "$one" echo again)"
    crictl stop "$two" >/dev/null
    crictl rm "$two" >/dev/null
    check_equal "a member goes, the others stay" "hello 1" "$(in_member "$one" echo hello) $(crictl ps -q | wc -w)"
    crictl stopp "$pod" >/dev/null
    check_equal "stopp ends the VM and what is in it" "SANDBOX_NOTREADY 0 VMMs, 0 running" \
        "$(crictl inspectp "$pod" | jq -r .status.state) $(processes qemu-system) VMMs, $(crictl ps -q | wc -w) running"
    crictl rmp "$pod" >/dev/null
    check_equal "no pod, no container" "0 0" "$(crictl pods -q | wc -w) $(crictl ps -a -q | wc -w)"
    check_clean "rmp"

    pod=$(crictl runp -r vminit "$dir/pod.json")
    kill -KILL "$(pgrep -f "qemu-system.*$dir" | head -n 1)"
    not_ready() { [ "$(crictl pods -q --state NotReady | wc -w)" = 1 ]; }
    until_true not_ready && ok "a VMM's death ends the pod" || bad "a VMM's death ends the pod" "$(crictl pods)"
    crictl rmp -f "$pod" >/dev/null
    check_clean "the VMM's death"
    with_setting '.kernel = "/nowhere/vmlinuz"'
    check_has "a pod that cannot be started" "/nowhere/vmlinuz" "$(crictl runp -r vminit "$dir/pod.json")"
    check_equal "no pod is left of it" 0 "$(crictl pods -q | wc -w)"
    check_clean "a pod that cannot be started"
    check_equal "no cgroup is left" "" "$(cgroup_directories "$cgroup")"
    check_equal "no address is taken" 0 "$(find "$dir/addresses" -name '10.*' | wc -l)"
    daemon=''
}
