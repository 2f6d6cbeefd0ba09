# SPDX-License-Identifier: Apache-2.0
# Daemons that are built from source (test/containerd/fetch VERSION).

# The erofs snapshotter's files are disks: nothing of them is mounted on the host.
check_erofs() { # NAME: writes /kept in a container of that name; leaves it running
    ctr run -d --runtime "$runtime" --snapshotter erofs "$image" "$1" sh -c 'echo kept >/kept; sleep 1000' ||
        { bad "$1" "see above"; return 1; }
    check_equal "$1: no loop device, no overlay, no image is mounted on the host" 0 "$(grep -c " $dir/" /proc/mounts)"
    kept() { [ "$(ctr tasks exec --exec-id "x$RANDOM" "$1" cat /kept)" = kept ]; }
    until_true kept "$1" && ok "$1: the root can be written" || bad "$1: the root can be written" "see the log"
    check_has "$1: its layer is a disk" /layer.erofs "$(tr '\0' '\n' <"/proc/$(pgrep -f "qemu-system.*$dir" | head -n 1)/cmdline")"
}
part_erofs() { # for containerd 2
    local upper
    check_erofs erofs || return
    check_equal "the mounts that are ours are told as this daemon wants it" 0 "$(grep -c 'deprecated.*allow-mounts' "$dir/containerd.log")"
    # Of another VM's layers, as disks that are plugged in.
    check_equal "erofs: a layer is plugged in" member "$(run --snapshotter erofs --annotation "$group=erofs" "$image" erofs-member echo member)"
    check_removed erofs
    check_clean "erofs"
    "$here/daemon" kill "$dir"
    printf '[plugins."io.containerd.snapshotter.v1.erofs"]\n  default_size = "64MiB"\n' >>"$dir/config.toml"
    "$here/daemon" again "$dir" || return
    check_erofs erofs-sized || return
    ctr tasks kill -s SIGKILL erofs-sized && until_true ctr tasks rm erofs-sized >/dev/null 2>&1
    check_clean "erofs-sized"
    upper=$(find "$dir/root/io.containerd.snapshotter.v1.erofs" -name rwlayer.img)
    check_equal "what was written is in the snapshot" kept "$(/sbin/debugfs -R 'cat /upper/kept' "$upper" 2>/dev/null)"
    ctr containers rm erofs-sized
}

# The core again with newer daemons: other forms of the answer of `start`, version 3 of the task API.
part_newer() {
    local version programs api
    for version in $versions; do
        programs=$("$here/fetch" "$version")
        case $? in
            0) ;;
            2) note "containerd $version: skipped"; continue ;;
            *) daemon="containerd $version: " bad "its programs" "see above"; continue ;;
        esac
        "$here/daemon" stop "$dir"
        new_directory
        daemon="containerd $version: "
        VMINIT_CONTAINERD=$programs "$here/daemon" start "$dir" || { bad "start" "see above"; continue; }
        part_basic
        # JSON says version 2, BootstrapResult version 3; the daemon logs what it understood.
        case $version in 2.[0-2].*) api=2 ;; *) api=3 ;; esac
        check_has "version $api of the task API" "version=$api" "$(grep 'connecting to shim basic1' "$dir/containerd.log")"
        part_tasks
        part_deaths
        part_erofs
    done
    daemon=''
}
