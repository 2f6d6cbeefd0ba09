# SPDX-License-Identifier: Apache-2.0
"""Starts a container's process: session, terminal, pid file, and the faults in between."""
import _socket
import array
import fcntl
import json
import os
import select
import termios

from invocation import CRUN, FAKE_DIR, Failure, append, fault, options, positional
from payload import run_payload
from state import await_death, die, state_dir


released = {"read": -1, "write": -1}  # closing the write end lets a process with an ending "after-pid-file" die


def spawn(arguments, terminal, parked, ending=None):
    """Forks the container's process in a session of its own; with `ending` it ends so instead. Returns its pid."""
    check_executable(arguments)
    if fault.get("fault") == "console-then-error":
        fail_with_console()
    master = slave = -1
    if terminal:
        master, slave = os.openpty()
    ready_read, ready_write = os.pipe()
    released["read"], released["write"] = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.close(ready_read)
        os.close(released["write"])
        if terminal:
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            for number in (0, 1, 2):
                os.dup2(slave, number)
            os.close(slave)
            os.close(master)
        override = wait_for_start(ready_write) if parked else os.close(ready_write)
        if ending is not None:
            await_ending(ending, parent)
            die(fault.get("status", 0))
        if override:
            die(json.loads(override))
        run_payload(arguments)
    os.close(ready_write)
    if parked and ending is None:
        os.read(ready_read, 1)
    if terminal:
        os.close(slave)
        send_console(master)
        os.close(master)
    return pid


def fail_with_console():
    """As crun when there is no such program: it has connected by then, and closes before it says why."""
    send_fds(options["--console-socket"], None)
    append(FAKE_DIR + "/waiting", "%d\n" % os.getpid())
    with open(fault["await"], "rb") as file:
        file.read()
    raise Failure(fault["message"], fault.get("code", 1))


def await_ending(ending, parent):
    if ending == "after-pid-file":
        os.read(released["read"], 1)
    elif ending == "after-runtime":
        await_death(parent)


def check_executable(arguments):
    path = arguments[0] if arguments else ""
    if not path.startswith("/") or os.access(path, os.X_OK):
        return
    if CRUN:
        raise Failure("executable file `%s` not found: No such file or directory" % path)
    prefix = "exec failed" if positional[0] == "exec" else "runc create failed"
    raise Failure('%s: unable to start container process: exec: "%s": stat %s: no such file or directory'
                  % (prefix, path, path), 255 if positional[0] == "exec" else 1)


def wait_for_start(ready):
    """Blocks until `start` writes to the FIFO; what it writes is an exit status to end with, or nothing."""
    if fault.get("fault") in ("init-exits-after-create", "early-exit", "exit-after-pid-file"):
        os.close(ready)
        return ""
    fifo = os.open(state_dir() + "/exec.fifo", os.O_RDONLY | os.O_NONBLOCK)
    os.write(ready, b"r")
    os.close(ready)
    poller = select.poll()
    poller.register(fifo, select.POLLIN)
    poller.poll()
    text = os.read(fifo, 64)
    os.close(fifo)
    return text.strip()


def write_pid_file(pid):
    path = options.get("--pid-file")
    kind = fault.get("fault")
    if path is None or kind == "no-pid-file":
        return
    text = str(fault["content"]) if kind == "pid-file" else str(pid)
    directory, _, name = path.rpartition("/")
    temporary = "%s/.%s" % (directory, name)
    if kind == "leftover-temp":
        append(temporary, "stale")
    if CRUN:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o700)
        os.write(fd, text.encode())
        os.close(fd)
        return
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        raise Failure("runc create failed: open %s: file exists" % temporary)
    os.write(fd, text.encode())
    os.close(fd)
    os.rename(temporary, path)


def finish_launch(pid):
    """The pid file and the process's early ends, in the order that the fault asks for."""
    kind = fault.get("fault")
    if kind == "early-exit":
        await_death(pid)
    write_pid_file(pid)
    os.close(released["write"])
    if kind == "exit-after-pid-file":
        await_death(pid)
    if kind == "await-after-pid-file":
        append(FAKE_DIR + "/launched", "%d\n" % pid)
        with open(fault["await"], "rb") as file:
            file.read()


def send_console(master):
    kind = fault.get("fault", "")
    path = options["--console-socket"]
    if kind == "console-none":
        return
    if kind == "console-late":
        parent = os.getpid()
        if os.fork() == 0:
            await_death(parent)
            if "await" in fault:
                append(FAKE_DIR + "/helper", "%d\n" % os.getpid())
                with open(fault["await"], "rb") as file:
                    file.read()
            send_fds(path, [master])
            os._exit(0)
        return
    if kind == "console-not-tty":
        send_fds(path, [os.open("/dev/null", os.O_RDWR)])
    elif kind == "console-empty":
        send_fds(path, None)
    elif kind == "console-fds":
        send_fds(path, [master] * fault["count"])
    elif kind == "console-big":
        send_fds(path, [master], b"x" * 5000)
    else:
        send_fds(path, [master])
    if kind == "console-twice":
        send_fds(path, [master])


def send_fds(path, fds, payload=None):
    """Connects and sends one message; `fds` None: nothing at all."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    connection.connect(path)
    if fds is not None:
        control = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        connection.sendmsg([payload or (b" " if CRUN else b"/dev/ptmx")], control)
    connection.close()
