#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boots boot_probe as PID 1 of a VM and checks what it found.
#   boot_probe.sh PROBE SOURCE_DIR [scenario ...]      scenarios: signal stuck segv killed terminate overflow
set -u
probe=$1 source=$2
shift 2
[ $# -gt 0 ] || set -- signal stuck segv killed terminate overflow
kernel=$("$source/test/vm/fetch-kernel") || exit 1
work=$(mktemp -d /tmp/vminit-probe.XXXXXX)
trap 'rm -rf "$work"' EXIT
initrd=$("$source/test/vm/make-initrd" --without-runtime --modules virtio_pci,vsock,virtio_blk,virtio_net,erofs,overlay \
    -o "$work/initrd" "$probe") || exit 1
truncate -s 16M "$work/disk" && mkfs.ext4 -q "$work/disk" || exit 1
mkdir -p "$work/extras/run/spin-stack" && echo '#!/bin/sh' >"$work/extras/run/spin-stack/spin-supervisor" || exit 1
chmod 4755 "$work/extras/run/spin-stack/spin-supervisor"
tar -C "$work/extras" --transform 's,^\./,/,' -P -cf "$work/extras.tar" ./run/spin-stack/spin-supervisor && truncate -s %512 "$work/extras.tar" || exit 1
failures=0

run() { # SCENARIO
    local accel=tcg
    timeout 120 qemu-system-x86_64 -M "q35,accel=$accel" -cpu max -smp 2 -m 256 -kernel "$kernel/vmlinuz" -initrd "$initrd" \
        -append "console=ttyS0 quiet loglevel=3 panic=1 nokaslr mitigations=off ip=10.0.2.15::10.0.2.2:255.255.255.0:probe:eth0:none:10.0.2.3 spin.metadata_addr=x spin.extras_disk=1 -- $1" \
        -drive "if=none,id=x,format=raw,readonly=on,file=$work/extras.tar" -device virtio-blk-pci,drive=x,addr=10 \
        -drive "if=none,id=d,format=raw,file=$work/disk" -device virtio-blk-pci,drive=d,serial=probe,addr=9 \
        -nic user,model=virtio-net-pci -display none -nodefaults -no-reboot -serial "file:$work/log" </dev/null
    status=$?
    tr -d '\r' <"$work/log" >"$work/text"
}

expect() { # WHAT LINE
    grep -qxF -- "$2" "$work/text" && return
    echo "FAILED $1: no line \"$2\""
    failures=$((failures + 1))
}
expect_match() { # WHAT PATTERN
    grep -qE -- "$2" "$work/text" && return
    echo "FAILED $1: nothing like \"$2\""
    failures=$((failures + 1))
}
expect_no() { # WHAT PATTERN
    grep -qE -- "$2" "$work/text" || return 0
    echo "FAILED $1: there is $(grep -m1 -E -- "$2" "$work/text")"
    failures=$((failures + 1))
}

for scenario; do
    run "$scenario"
    # 0: the guest powered off; with panic=1 and -no-reboot a panic is 0 as well, but it says so.
    [ $status = 0 ] || { echo "FAILED $scenario: QEMU ended with $status"; failures=$((failures + 1)); }
    expect_no "$scenario" 'Kernel panic'
    case $scenario in
    signal)
        expect boot 'PROBE boot ok'
        expect_no steps '^PROBE step \S+ (degraded|failed)'
        expect pivot 'PROBE pivot 0'
        expect modules 'PROBE modules-early 6'
        expect modules 'PROBE modules 13'
        expect score 'PROBE /proc/self/oom_score_adj -1000'
        expect child 'PROBE child-score 0'
        expect child 'PROBE child-files 1024 1048576'
        expect_match stdio 'PROBE stdio tty'
        expect ctrl-alt-del 'PROBE /proc/sys/kernel/ctrl-alt-del 0'
        expect hostname 'PROBE /proc/sys/kernel/hostname probe'
        expect cgroup 'PROBE /sys/fs/cgroup/cgroup.subtree_control cpuset cpu io memory pids'
        expect resolv 'PROBE /etc/resolv.conf nameserver 10.0.2.3'
        expect features 'PROBE /run/vminitd/features.json {"containerd.io/runtime-allow-mounts":"mkdir/*,format/*,erofs,ext4","containerd.io/runtime-type":"vm","containerd.io/vm-type":"microvm"}'
        expect lo 'PROBE /sys/class/net/lo/flags 0x9'
        expect lock 'PROBE mode:/run/lock 41777'
        expect fuse 'PROBE mode:/dev/fuse 20666'
        expect fd 'PROBE mode:/dev/fd 120777'
        expect shm 'PROBE mode:/dev/shm 41777'
        expect stage 'PROBE mode:/.vminit-root missing'
        expect run 'PROBE mount /run tmpfs rw,nosuid,nodev,noexec,relatime'
        expect spin 'PROBE mount /run/spin-stack tmpfs rw,nosuid,nodev,relatime'
        expect_match total 'VMINITD_PROFILE mount-filesystems delta_us=[0-9]+ total_us=[0-9]+'
        expect routes 'PROBE routes 3'
        expect again 'PROBE network-again 0'
        expect_no network 'PROBE network-failure'
        expect cpu 'PROBE offline-cpu-1 ok'
        expect cpu 'PROBE /sys/devices/system/cpu/online 0'
        expect cpu 'PROBE online-cpu-1 ok'
        expect cpu 'PROBE /sys/devices/system/cpu/online 0-1'
        expect cpu 'PROBE offline-cpu-9 cpu 9 not present: not found'
        expect resume 'PROBE resume 200000000'
        expect disk 'PROBE disk /dev/vda'
        expect extras 'PROBE extras 1'
        expect extras 'PROBE mode:/run/spin-stack/spin-supervisor 100755'
        expect extras 'PROBE executes yes'
        expect extras 'PROBE /run/spin-stack/.extras-extracted done'
        expect freeze 'PROBE freeze /run/disk'
        expect freeze 'PROBE freeze-again 1'
        expect thaw 'PROBE thaw ok'
        expect thaw 'PROBE write-after-thaw ok'
        expect safety 'PROBE write-after-safety-thaw ok'
        expect_match safety 'filesystems frozen too long, thawing'
        expect phases 'PROBE phase last'
        expect remount 'PROBE read-only-problems 0'
        expect_no end 'PROBE still'
        ;;
    stuck)
        expect phases 'PROBE phase stuck'
        expect_no phases 'PROBE phase last'
        ;;
    segv) expect_match report 'vminitd: fatal signal 11 at 0x[0-9a-f]+, address 0x0$' ;;
    overflow) expect_match report 'vminitd: fatal signal 11 at 0x' ;;
    killed)
        expect_match report 'vminitd: ignored signal 11 from pid [0-9]+ uid 0'
        expect survived 'PROBE survived killed'
        ;;
    terminate) expect_match report 'vminitd: std::terminate' ;;
    esac
    [ $failures = 0 ] || { cat "$work/text"; exit 1; }
    [ -z "${VERBOSE:-}" ] || cat "$work/text"
    echo "passed: $scenario"
done
