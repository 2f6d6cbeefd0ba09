# SPDX-License-Identifier: Apache-2.0
"""One invocation: its command line, its dialect, its fault, and what tests see of it."""
import fcntl
import json
import os
import sys
import time

FAKE_DIR = os.environ.get("FAKE_DIR", "/tmp/fake_runc")
CRUN = os.environ.get("FAKE_DIALECT", "crun") != "runc"

VALUE_FLAGS = {"--root", "--log", "--log-format", "--bundle", "--pid-file", "--console-socket", "--pidfd-socket",
               "--preserve-fds", "--process", "--format", "--resources", "--interval", "--image-path", "--work-path",
               "--parent-path", "--page-server", "--manage-cgroups-mode", "--empty-ns"}
GLOBAL_FLAGS = {"--root", "--debug", "--log", "--log-format", "--systemd-cgroup", "--rootless", "--version"}
COMMANDS = {"create", "start", "exec", "kill", "delete", "ps", "update", "state", "pause", "resume", "events", "list",
            "features", "checkpoint", "restore"}

options, positional, fault = {}, [], {}
stdin = {"text": ""}


class Failure(Exception):
    def __init__(self, message, code=1):
        self.message, self.code = message, code



def parse(argv):
    """Flags into `options` (a repeated one into a list), words into `positional`, the subcommand first."""
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            positional.append(word)
            continue
        name, _, value = word.partition("=")
        if not positional and name not in GLOBAL_FLAGS:
            unknown_flag(name)
        if name in VALUE_FLAGS and "=" not in word:
            value = rest.pop(0)
        if name == "--empty-ns":
            options.setdefault(name, []).append(value)
        else:
            options[name] = value if "=" in word or name in VALUE_FLAGS else True


def unknown_flag(name):
    if CRUN:
        sys.stderr.write("fake_runc: unrecognized option '%s'\n" % name)
        sys.exit(64)
    print("NAME:\n   fake_runc - Open Container Initiative runtime\n")
    sys.stderr.write('time="2026-11-23T10:39:56Z" level=error msg="flag provided but not defined: %s"\n' % name)
    sys.exit(1)



def record_call(argv):
    fds = {}
    for number in range(0, 10):
        try:
            fds[str(number)] = os.readlink("/proc/self/fd/%d" % number)
        except OSError:
            pass
    call = {"argv": argv, "command": positional[0] if positional else "", "id": container_id(), "pid": os.getpid(),
            "pgid": os.getpgrp(), "sid": os.getsid(0), "cwd": os.getcwd(), "env": dict(os.environ), "fds": fds,
            "stdin": stdin["text"]}
    if "--process" in options:
        with open(options["--process"]) as file:
            call["process"] = file.read()
        call["process_mode"] = oct(os.stat(options["--process"]).st_mode & 0o7777)
    append(FAKE_DIR + "/calls.jsonl", json.dumps(call) + "\n")


def append(path, text):
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(fd, text.encode("utf-8", "surrogateescape"))
    os.close(fd)


def log_record(level, message, **more):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    if CRUN:
        return json.dumps({"msg": message, "level": level, "time": stamp + ".325490Z"}) + "\n"
    record = {"file": "fake_runc.go:1", "func": "main.main"} if "--debug" in options else {}
    record.update({"level": level, "msg": message, "time": stamp + "Z"})
    return json.dumps(record) + "\n"


def log(level, message):
    if "--log" in options:
        append(options["--log"], log_record(level, message))


def take_fault(command):
    """The fault for this call from <command>.fault: an object or a list of them, the first that fits; one-shot unless
    its `times` says otherwise (-1: always)."""
    path = FAKE_DIR + "/" + command + ".fault"
    if not os.path.exists(path):
        return {}
    lock = os.open(FAKE_DIR + "/faults.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:  # closed before anything is forked: a child would hold the lock
        fcntl.flock(lock, fcntl.LOCK_EX)
        with open(path) as file:
            faults = json.load(file)
        faults = faults if isinstance(faults, list) else [faults]
        return choose_fault(path, faults)
    finally:
        os.close(lock)


def choose_fault(path, faults):
    chosen = next((one for one in faults if one.get("id") in (None, container_id())), {})
    if chosen and chosen.get("times", 1) >= 0:
        chosen["times"] = chosen.get("times", 1) - 1
        if chosen["times"] == 0:
            faults.remove(chosen)
        with open(path + ".new", "w") as file:
            json.dump(faults, file)
        os.rename(path + ".new", path)
    return chosen


def container_id():
    return positional[1] if len(positional) > 1 else ""
