# SPDX-License-Identifier: Apache-2.0
# What a guest's root must hold beside its init, for scripts to source after say.sh.

# Copies the shared libraries that BINARY needs to where its loader looks for them.
add_libraries() { # TREE BINARY
    local library
    while read -r library; do
        mkdir -p "$1$(dirname "$library")"
        cp -L "$library" "$1$library"
    done < <(ldd "$2" 2>/dev/null | grep -o '/[^ ]*')
}

add_runtime() { # TREE
    local crun
    crun=$(command -v crun) || fail "putting crun into the initrd" "it is not installed" "test/support/provision"
    install -D -m 755 "$crun" "$1/sbin/crun"
    add_libraries "$1" "$crun"
}
