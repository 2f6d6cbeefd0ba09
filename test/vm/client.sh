# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by the scripts here that run the client: $client is the vminitctl that VMINIT_CLIENT names, else the release's.
client=${VMINIT_CLIENT:-$root/build/release/cmd/vminitctl/vminitctl}
[ -x "$client" ] || "$root/test/support/build" release vminitctl || exit 1

# What a first boot showed of KVM on this machine is remembered beside the images, for as long as it is this machine.
host=$(uname -rm; grep -m1 'model name' /proc/cpuinfo; stat -c %t:%T /dev/kvm 2>/dev/null; dpkg-query -W -f '${Version}' qemu-system-x86 2>/dev/null)
export VMINIT_STATE=$VMINIT_CACHE/vms-$(sha256sum <<<"$host" | cut -c 1-16)
