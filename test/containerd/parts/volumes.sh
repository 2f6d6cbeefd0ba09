# SPDX-License-Identifier: Apache-2.0
# Directories of the host in a container, and a root file system that commit sees: virtiofs.
part_volumes() {
    local volume=$dir/volume seen saved
    mkdir -p "$volume/sub" && echo secret >"$dir/outside" && ln -s "$dir/outside" "$volume/link" && echo here >"$volume/sub/file"
    seen=$(run --mount "type=bind,src=$volume,dst=/v,options=rbind:rw" "$image" vol1 \
        sh -c 'cat /v/sub/file; echo written >/v/new; cat /v/link 2>/dev/null; mount | grep -c " /v "')
    check_equal "a volume is read, and a link out of it leads nowhere" "here 1" "$(xargs <<<"$seen")"
    check_equal "what a container writes is on the host" written "$(cat "$volume/new" 2>&1)"
    check_clean "a volume"
    # With all of root's rights inside, so that only the host can refuse.
    seen=$(run --privileged --mount "type=bind,src=$volume,dst=/v,options=rbind:ro" "$image" vol2 \
        sh -c 'cat /v/sub/file; echo bad >/v/bad; mount -o remount,bind,rw /v && echo remounted && echo bad >/v/bad' 2>&1)
    check_has "a read-only volume is read" here "$seen"
    check_has "the container may make it writable for itself" remounted "$seen"
    check_equal "and not written" no "$([ -e "$volume/bad" ] && echo yes || echo no)"
    check_clean "a read-only volume"
    ctr run -d --runtime "$runtime" --mount "type=bind,src=$volume,dst=/v,options=rbind:rw" "$image" vol3 \
        sh -c 'echo begun >/v/begun; while :; do echo x >>/v/more; done' || { bad "run -d" "see above"; return; }
    began() { [ -s "$volume/more" ]; }
    until_true began
    kill -KILL "$(pgrep -f "virtiofsd.*$dir" | head -n 1)"
    has_stopped() { ctr tasks ls | grep -q STOPPED; }
    until_true has_stopped && ok "virtiofsd's death ends who uses it" || bad "virtiofsd's death ends who uses it" "$(ctr tasks ls)"
    check_has "and is told" "virtiofsd has ended" "$(<"$dir/containerd.log")"
    ctr tasks rm vol3 >/dev/null 2>&1
    ctr containers rm vol3
    check_clean "virtiofsd's death"

    saved=$(<"$dir/shim.json")
    jq '.rootfs = "virtiofs"' <<<"$saved" >"$dir/shim.json"
    ctr run -d --runtime "$runtime" --mount "type=bind,src=$volume,dst=/v,options=rbind:rw" "$image" root1 \
        sh -c 'echo kept >/etc/kept; chown 7:8 /etc/kept; cat /v/new >/etc/copied; sleep 1000' || { bad "run -d" "see above"; return; }
    in_snapshot() { ctr snapshots diff root1 2>/dev/null | tar -xzOf - etc/copied 2>/dev/null | grep -q written; }
    until_true in_snapshot && ok "the snapshot has what was written" || bad "the snapshot has what was written" "$(ctr snapshots diff root1 | tar -tz)"
    check_has "and whose it is" 7/8 "$(ctr snapshots diff root1 | tar --numeric-owner -tvzf - etc/kept)"
    ctr tasks kill -s SIGKILL root1 && until_true ctr tasks rm root1 >/dev/null 2>&1
    ctr containers rm root1
    check_clean "a shared root"
    jq '.rootfs = "virtiofs" | .virtiofsd = "/nowhere/virtiofsd"' <<<"$saved" >"$dir/shim.json"
    check_has "no virtiofsd" "/nowhere/virtiofsd" "$(run "$image" root2 true 2>&1)"
    check_clean "no virtiofsd"
    printf '%s\n' "$saved" >"$dir/shim.json"
}

# Later containers of a VM: disks and shares are plugged in.
group=io.containerd.runc.v2.group
check_removed() { # NAME
    ctr tasks kill -s SIGKILL "$1" && until_true ctr tasks rm "$1" >/dev/null 2>&1
    ctr containers rm "$1"
}
part_group() {
    local volume=$dir/volume number
    mkdir -p "$volume"
    ctr run -d --runtime "$runtime" --annotation "$group=pod" "$image" pod sleep 1000 || { bad "run -d" "see above"; return; }
    for number in 1 2 3; do
        check_equal "member $number has its root and its volume" "$number done" "$(run --annotation "$group=pod" \
            --mount "type=bind,src=$volume,dst=/v,options=rbind:rw" "$image" "member$number" \
            sh -c "echo $number >/v/$number && cat /v/$number && ls /bin/busybox >/dev/null && echo done" | xargs)"
    done
    check_equal "members write to the host" "1 2 3" "$(cat "$volume"/[123] | xargs)"
    check_equal "all in one VM" 1 "$(processes qemu-system)"
    check_equal "with one virtiofsd for all of them" 1 "$(pgrep -f "virtiofsd .*$dir" | while read -r pid; do
        grep -q "virtiofsd" "/proc/$(awk '$1 == "PPid:" { print $2 }' "/proc/$pid/status")/cmdline" || echo "$pid"
    done | wc -l)"
    closed() { [ "$(ls -l "/proc/$(pgrep -f "qemu-system.*$dir" | head -n 1)/fd" | grep -c '\.erofs')" = 1 ]; }
    until_true closed && ok "disks that were taken out are closed" || bad "disks that were taken out are closed" "see QEMU's descriptors"
    check_removed pod
    check_clean "group"
}
