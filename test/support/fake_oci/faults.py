# SPDX-License-Identifier: Apache-2.0
"""Faults that do not depend on the subcommand."""
import os
import signal
import sys
import time

from invocation import FAKE_DIR, Failure, append, fault, log, log_record, options
from state import die, hang, state_dir, write_all


def apply_fault():
    kind = fault.get("fault")
    message, code = fault.get("message", "injected fault"), fault.get("code", 1)
    if kind == "error":
        raise Failure(message, code)
    if kind == "stderr":
        sys.stderr.write(message + "\n")
        sys.exit(code)
    if kind == "silent":
        sys.exit(code)
    if kind == "await-then-silent":
        append(FAKE_DIR + "/waiting", "%d\n" % os.getpid())
        with open(fault["await"], "rb") as file:
            file.read()
        sys.exit(code)
    if kind == "leave-state":  # half a state directory, with a mount in it
        os.makedirs(state_dir() + "/mount")
        append(state_dir() + "/status", "{")
        os.spawnlp(os.P_WAIT, "mount", "mount", "--bind", fault["source"], state_dir() + "/mount")
        die("KILL")
    if kind == "garbage":
        log("error", message)
        append(options["--log"], "not json\n" + log_record("error", "never finished")[:20])
        sys.exit(code)
    if kind == "flood":
        line = log_record("debug", "x" * 900) * 64
        for _ in range(fault.get("bytes", 50 << 20) // len(line)):
            append(options["--log"], line)
        raise Failure(message, code)
    if kind == "flood-stderr":
        write_all(2, b"e" * fault.get("bytes", 1 << 20))
        raise Failure(message, code)
    if kind == "killed":
        die(128 + fault.get("signal", 11))
    if kind == "slow":
        time.sleep(fault.get("ms", 100) / 1000)
    if kind == "hold-output":  # a helper outside the group that keeps our stdout and stderr
        if os.fork() == 0:
            os.setsid()
            append(FAKE_DIR + "/holder", "%d\n" % os.getpid())
            hang()
    if kind == "hang":
        if fault.get("ignore_term"):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if fault.get("helper") and os.fork() == 0:  # in our group, with our descriptors
            append(FAKE_DIR + "/helper", "%d\n" % os.getpid())
            hang()
        append(FAKE_DIR + "/hanging", "%d\n" % os.getpid())
        hang()


def apply_late_fault():
    """For a call whose work is done."""
    if fault.get("fault") == "late-error":
        raise Failure(fault.get("message", "injected fault"), fault.get("code", 1))
