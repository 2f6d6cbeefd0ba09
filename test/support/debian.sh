# SPDX-License-Identifier: Apache-2.0
# For scripts to source after say.sh.

# debian_source SUITE: a line for sources.list: the machine's own first source of Debian, with another release's name.
debian_source() {
    local uri
    uri=$(sed -nE 's/^URIs: *([^ ]+\/debian)\/?( .*)?$/\1/p; s/^deb +(\[.*\] +)?([^ ]+\/debian)\/? .*/\2/p' \
        /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)
    [ -n "$uri" ] || fail "looking for Debian's packages" "/etc/apt/sources.list* name no place that ends with /debian" "add one"
    echo "deb $uri $1 main"
}
