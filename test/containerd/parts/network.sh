# SPDX-License-Identifier: Apache-2.0
# Networks. Two namespaces of our own stand for the host and the pod, so that nothing of this machine's network changes;
# Debian's CNI plugins connect them.

megabytes=4
pod=vmc-pod-$$ host=vmc-host-$$

in_pod() { nsenter --net="/run/netns/$pod" "$@"; }
in_host() { nsenter --net="/run/netns/$host" "$@"; }
make_namespaces() {
    ip netns add "$pod" && ip netns add "$host" && in_host ip link set lo up && in_pod ip link set lo up
}
drop_namespaces() {
    ip netns del "$pod" && ip netns del "$host"
}
cni() { # ADD|DEL PLUGIN: from the pod to the host, IPv4 and IPv6, with an MTU that nobody else has
    jq -n --arg type "$2" --arg data "$dir/cni" '{cniVersion: "0.4.0", name: "vmc", type: $type, mtu: 1420, bridge: "vmc0",
        isGateway: true, ipam: {type: "host-local", dataDir: $data,
            ranges: [[{subnet: "10.213.7.0/24"}], [{subnet: "fd00:213:7::/64"}]], routes: [{dst: "0.0.0.0/0"}, {dst: "::/0"}]}}' |
        CNI_COMMAND=$1 CNI_CONTAINERID=vmc CNI_NETNS=/run/netns/$pod CNI_IFNAME=eth0 CNI_PATH=$plugins \
            in_host "$plugins/$2" >"$dir/cni.log" 2>&1 || { cat "$dir/cni.log" >&2; return 1; }
}
with_pod() { run --with-ns "network:/run/netns/$pod" "$@"; }

# What the pod's side of things looks like, but for what a VM must not change.
pod_facts() { in_pod ip -o link | awk '{ print $2 }'; in_pod tc qdisc show; in_pod tc filter show dev eth0 ingress; }
is_as_before() { [ "$(pod_facts)" = "$before" ]; }
routes_of() { sed -E 's/ src [^ ]*//; s/ proto [^ ]*//; s/ +$//' | sort; }

guest_sends() { # NAME ADDRESS PORT
    rm -f "$dir/ready"
    in_host "$here/peer" receive "$2" "$3" "$dir/ready" >"$dir/received" &
    local server=$! sent
    is_ready() { [ -e "$dir/ready" ]; }
    until_true is_ready
    sent=$(ctr tasks exec --exec-id "tx$3" net sh -c "dd if=/dev/urandom of=/tmp/x bs=1M count=$megabytes 2>/dev/null; md5sum </tmp/x; nc $2 $3 </tmp/x" | cut -d' ' -f1)
    wait $server
    check_equal "$1" "$sent" "$(<"$dir/received")"
}
guest_receives() { # NAME ADDRESS PORT
    ctr tasks exec --exec-id "rx$3" net sh -c "nc -l -p $3 </dev/null | md5sum" >"$dir/received" &
    local server=$! sent
    sent=$(in_host "$here/peer" send "$2" "$3" $((megabytes << 20)))
    wait $server
    check_equal "$1" "$sent" "$(cut -d' ' -f1 "$dir/received")"
}

network_ptp() {
    local before facts shim
    cni ADD ptp || { bad "CNI's ptp" "see above"; return; }
    before=$(pod_facts)
    ctr run -d --runtime "$runtime" --with-ns "network:/run/netns/$pod" "$image" net sleep 1000 || { bad "run -d" "see above"; return; }
    facts=$(in_pod ip -j link show eth0 | jq -r '.[0].address')$'\n'1420
    check_equal "MAC and MTU are the pod's" "$facts" "$(ctr tasks exec --exec-id m net cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu)"
    check_equal "so are the addresses" "$(in_pod ip -o addr show dev eth0 scope global | awk '{ print $4 }' | sort)" \
        "$(ctr tasks exec --exec-id a net ip -o addr show dev eth0 scope global | awk '{ print $4 }' | sort)"
    check_equal "and the routes" "$(in_pod ip route | routes_of)" "$(ctr tasks exec --exec-id r net ip route | routes_of)"
    guest_sends "TCP from the container" 10.213.7.1 5001
    guest_sends "TCP from the container by IPv6" fd00:213:7::1 5002
    guest_receives "TCP to the container" "$(in_pod ip -j -4 addr show eth0 | jq -r '.[0].addr_info[0].local')" 5003
    guest_receives "TCP to the container by IPv6" "$(in_pod ip -j -6 addr show eth0 scope global | jq -r '.[0].addr_info[0].local')" 5004
    check_has "a second VM in the same namespace" "eth0 cannot be redirected" "$(with_pod "$image" net2 true 2>&1)"
    shim=$(pgrep -f "containerd-shim-vminit-v2 .*-id net .*$dir" | head -n 1)
    kill -KILL "${shim:-0}"
    no_task() { [ -z "$(ctr tasks ls -q)" ]; }
    until_true no_task
    until_true is_as_before # `delete` may still be at it
    check_equal "after a shim that was killed no tap and no redirect is left" "$before" "$(pod_facts)"
    ctr containers rm net
    cni DEL ptp || bad "CNI's ptp" "see above"
    check_clean "ptp"
}

network_bridge() {
    local before
    cni ADD bridge || { bad "CNI's bridge" "see above"; return; }
    before=$(pod_facts)
    rm -f "$dir/ready"
    in_host "$here/peer" receive 10.213.7.1 5005 "$dir/ready" >"$dir/received" &
    local server=$!
    with_pod "$image" bridge sh -c 'head -c 100000 /dev/zero | nc 10.213.7.1 5005' || kill $server
    wait $server
    check_equal "a container in a bridge's network" "$(head -c 100000 /dev/zero | md5sum)" "$(<"$dir/received")  -"
    until_true is_as_before
    check_equal "after it no tap and no redirect is left" "$before" "$(pod_facts)"
    cni DEL bridge || bad "CNI's bridge" "see above"
    check_clean "bridge"
}

network_refusals() {
    local number
    check_has "a namespace that is not there" "/run/netns/nowhere: No such file" "$(run --with-ns network:/run/netns/nowhere "$image" no1 true 2>&1)"
    check_has "the host's own network" "cannot be given to a VM" "$(run --net-host "$image" no2 true 2>&1)"
    check_has "the host's own network by its path" "is the host's own" "$(run --with-ns network:/proc/self/ns/net "$image" no3 true 2>&1)"
    for number in 1 2 3 4 5; do in_pod ip link add "a$number" up type veth peer name "b$number"; in_pod ip link set "b$number" up; done
    check_has "more interfaces than a VM can have" "10 interfaces" "$(with_pod "$image" no4 true 2>&1)"
    for number in 1 2 3 4 5; do in_pod ip link del "a$number"; done
    check_clean "refusals of networks"
}

network_user() {
    local saved
    saved=$(<"$dir/shim.json")
    jq '.network = "user"' <<<"$saved" >"$dir/shim.json"
    rm -f "$dir/ready"
    "$here/peer" receive 127.0.0.1 0 "$dir/ready" >"$dir/received" &
    local server=$!
    is_ready() { [ -s "$dir/ready" ]; }
    until_true is_ready
    run "$image" user sh -c "echo hello | nc 10.0.2.2 $(<"$dir/ready")" || kill $server
    wait $server
    check_equal "out of the VM through QEMU's user network" "$(echo hello | md5sum)" "$(<"$dir/received")  -"
    printf '%s\n' "$saved" >"$dir/shim.json"
}

part_network() {
    local plugins
    plugins=$("$here/fetch" --cni) || { bad "CNI's plugins" "see above"; return; }
    make_namespaces || { bad "making network namespaces" "see above"; return; }
    check_equal "a namespace with nothing in it" lo "$(with_pod "$image" lonely ls /sys/class/net)"
    network_refusals
    network_ptp
    network_bridge
    network_user
    drop_namespaces && ok "the namespaces can be removed" || bad "the namespaces can be removed" "see above"
}
