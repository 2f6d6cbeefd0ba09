# SPDX-License-Identifier: Apache-2.0
"""Processes, and the state directory that remembers a container's."""
import json
import os
import select
import signal

from invocation import CRUN, Failure, container_id, options


def start_time(pid):
    """Field 22 of stat, or None for a process that is gone or a zombie."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def await_death(pid):
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    poller.poll()
    os.close(fd)


def hang():
    while True:
        signal.pause()


def die(status):
    """Ends with an exit code, or by a signal for 128 and above or "KILL"."""
    if status == "KILL":
        status = 137
    if int(status) > 128:
        number = int(status) - 128
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        hang()
    os._exit(int(status))


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]



def root_dir():
    return options.get("--root", "/run/crun" if CRUN else "/run/runc")


def state_dir():
    return root_dir() + "/" + container_id()


def state_file():
    return state_dir() + ("/status" if CRUN else "/state.json")


def load():
    try:
        with open(state_file()) as file:
            return json.load(file)
    except OSError:
        raise Failure(missing_text())


def missing_text():
    if CRUN:
        return "error opening file `%s/status`: No such file or directory" % state_dir()
    return "container does not exist"


def is_alive(process):
    return process["start_time"] is not None and start_time(process["pid"]) == process["start_time"]


def status_of(state):
    if not is_alive(state):
        return "stopped"
    if os.path.exists(state_dir() + "/exec.fifo"):
        return "created"
    return "paused" if os.path.exists(state_dir() + "/paused") else "running"


def register(pid):
    """Makes a further process of the container known, for ps and kill --all."""
    with open("%s/process-%d" % (state_dir(), pid), "w") as file:
        json.dump({"pid": pid, "start_time": start_time(pid)}, file)


def processes(state):
    found = [state]
    for name in sorted(os.listdir(state_dir())):
        if name.startswith("process-"):
            with open(state_dir() + "/" + name) as file:
                found.append(json.load(file))
    return [one for one in found if is_alive(one)]
