# SPDX-License-Identifier: Apache-2.0
"""What a container's process does: the steps of its `args`."""
import array
import fcntl
import os
import signal
import termios
import time

from invocation import append
from state import die, register, write_all


def run_payload(arguments):
    """`;` separates steps. A path is executed for real, so is everything after it."""
    steps, step = [], []
    for word in arguments + [";"]:
        if word == ";":
            steps.append(step)
            step = []
        else:
            step.append(word)
    for step in steps:
        if step and step[0].startswith("/"):
            os.execv(step[0], step)
        if step:
            perform(step[0], *step[1:])
    os._exit(0)


def perform(verb, *words):
    text = " ".join(words)
    if verb == "sleep":
        time.sleep(float(words[0]))
    elif verb == "exit":
        die(words[0])
    elif verb == "cat":
        while data := read_input():
            write_all(1, data)
    elif verb == "count":
        total = 0
        while data := read_input():
            total += len(data)
        write_all(1, b"%d\n" % total)
    elif verb == "echo":
        write_all(1, text.encode() + b"\n")
    elif verb == "stderr":
        write_all(2, text.encode() + b"\n")
    elif verb == "write":
        left = int(words[0])
        while left > 0:
            write_all(1, b"x" * min(left, 65536))
            left -= min(left, 65536)
    elif verb == "touch":
        append(words[0], " ".join(words[1:]))
    elif verb == "await":  # a FIFO that the test opens and closes
        with open(words[0], "rb") as file:
            file.read()
    elif verb == "ignore":
        signal.signal(int(words[0]), signal.SIG_IGN)
    elif verb == "grandchild":
        fork_grandchild(words)
    elif verb == "tty":
        size = struct_winsize() if os.isatty(1) else (0, 0)
        write_all(1, b"%d %d %d\n" % (os.isatty(0), size[1], size[0]))
    elif verb == "close-stdin":
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
    elif verb == "close-output":
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 1)
        os.dup2(null, 2)
    else:
        write_all(2, b"fake_runc: no payload " + verb.encode() + b"\n")
        os._exit(126)


def read_input():
    try:
        return os.read(0, 65536)
    except OSError:  # EIO: the terminal's other side is gone
        return b""


def struct_winsize():
    size = array.array("H", [0, 0, 0, 0])
    fcntl.ioctl(1, termios.TIOCGWINSZ, size)
    return size[0], size[1]


def fork_grandchild(words):
    """A descendant that keeps stdin, stdout and stderr while its payload runs; the container does not wait for it."""
    pid = os.fork()
    if pid == 0:
        run_payload(list(words))
    register(pid)
