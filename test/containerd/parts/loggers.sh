# SPDX-License-Identifier: Apache-2.0
# Outputs that go to a file or to a logger of this machine, and to no client.

make_logger() { # NAME SCRIPT: its variable d is where it puts things
    printf '#!/bin/sh\nd=%s\n%s\n' "$dir" "$2" >"$dir/$1" && chmod +x "$dir/$1"
}

part_loggers() {
    local all='exec 5>&-; cat <&3 >$d/logged.out; cat <&4 >$d/logged.err; echo $CONTAINER_ID $CONTAINER_NAMESPACE $* >$d/logged.whose'
    run --log-uri "file://$dir/logs/new/log" "$image" file1 sh -c 'echo to stdout; echo to stderr >&2; exit 4'
    check_equal "a container whose log is a file" 4 $?
    run --log-uri "file://$dir/logs/new/log" "$image" file2 echo again
    check_equal "both outputs are in it, behind each other" "again,to stderr,to stdout" "$(sort "$dir/logs/new/log" | paste -sd,)"

    make_logger logger "$all"
    run --log-uri "binary://$dir/logger?tag=a%20b" "$image" logged sh -c 'echo complaint >&2; dd if=/dev/zero bs=64k count=128 2>/dev/null; exit 5'
    check_equal "a container with a logger" 5 $?
    check_equal "the logger has every byte of both outputs" "8388608 complaint" "$(stat -c %s "$dir/logged.out") $(<"$dir/logged.err")"
    check_equal "and knows whose they are" "logged default tag a b" "$(<"$dir/logged.whose")"

    make_logger short 'exec 5>&-; head -c 5 <&3 >$d/logged.start'
    run --log-uri "binary://$dir/short" "$image" short sh -c 'echo begin; dd if=/dev/zero bs=64k count=32 2>/dev/null; exit 6'
    check_equal "a logger that dies does not take its container along" 6 $?
    check_has "a logger that is not there" "/nowhere/logger: No such file" "$(run --log-uri binary:///nowhere/logger "$image" no8 true 2>&1)"
    check_clean "loggers"
}
