# SPDX-License-Identifier: Apache-2.0
"""The subcommands, with the texts and exit codes of both runtimes."""
import json
import os
import signal
import sys

from invocation import CRUN, FAKE_DIR, Failure, append, container_id, fault, options, positional, stdin
from launch import finish_launch, spawn
from state import await_death, hang, is_alive, load, processes, register, root_dir, start_time, state_dir, state_file, status_of


def read_config(bundle):
    try:
        with open(bundle + "/config.json") as file:
            return json.load(file)
    except OSError:
        if CRUN:
            raise Failure("chdir `%s` failed: No such file or directory" % bundle)
        raise Failure("runc create failed: chdir %s: no such file or directory" % bundle)


def check_terminal(terminal):
    console = "--console-socket" in options
    if terminal and not console:
        raise Failure("use --console-socket with create when a terminal is used" if CRUN else
                      "cannot allocate tty if runc will detach without setting console socket")
    if console and not terminal and not CRUN:
        raise Failure("cannot use console socket if runc will not detach or allocate tty")
    return terminal and console


ENDINGS = {"early-exit": "now", "exit-after-pid-file": "after-pid-file", "init-exits-after-create": "after-runtime"}


def do_create():
    bundle = options.get("--bundle", os.getcwd())
    process = read_config(bundle).get("process", {})
    terminal = check_terminal(process.get("terminal", False))
    try:
        os.makedirs(root_dir(), 0o711, exist_ok=True)
        os.mkdir(state_dir(), 0o711)
    except FileExistsError:
        raise Failure("container `%s` already exists" % container_id() if CRUN else
                      "runc create failed: container with given ID already exists")
    try:
        os.mkfifo(state_dir() + "/exec.fifo", 0o600)
        pid = spawn(process.get("args", []), terminal, True, ENDINGS.get(fault.get("fault")))
        with open(state_file(), "w") as file:
            json.dump({"pid": pid, "start_time": start_time(pid), "bundle": bundle}, file)
        finish_launch(pid)
    except Failure:
        remove_state()
        raise


def do_start():
    state = load()
    status = status_of(state)
    if status == "stopped":
        raise Failure("container `%s` is not running" % container_id() if CRUN else
                      "cannot start a container that has stopped")
    if status != "created":
        raise Failure("cannot open `%s/exec.fifo`: No such file or directory" % state_dir() if CRUN else
                      "cannot start an already running container")
    fifo = os.open(state_dir() + "/exec.fifo", os.O_WRONLY | os.O_NONBLOCK)
    early = fault.get("fault") == "init-exits-during-start"
    os.unlink(state_dir() + "/exec.fifo")
    os.write(fifo, json.dumps(fault.get("status", 0)).encode() if early else b"\n")
    os.close(fifo)
    if early:
        await_death(state["pid"])
    if "await" in fault:
        with open(fault["await"], "rb") as file:
            file.read()


def do_exec():
    state = load_for("exec failed: ", 255)
    status = status_of(state)
    if status == "stopped":
        raise Failure("the container `%s` is not running" % container_id() if CRUN else
                      "exec failed: cannot exec in a stopped container", 1 if CRUN else 255)
    if status == "paused":
        raise Failure("the container `%s` is paused" % container_id() if CRUN else "exec failed: cannot exec in a "
                      "paused container (use --ignore-paused to override)", 1 if CRUN else 255)
    with open(options["--process"]) as file:
        process = json.load(file)
    terminal = check_terminal(process.get("terminal", False))
    if fault.get("fault") == "await-after-check":
        append(FAKE_DIR + "/checked", "yes\n")
        with open(fault["await"], "rb") as file:
            file.read()
    pid = spawn(process.get("args", []), terminal, False, ENDINGS.get(fault.get("fault")))
    register(pid)
    finish_launch(pid)


def load_for(prefix, code):
    try:
        return load()
    except Failure as missing:
        raise missing if CRUN else Failure(prefix + missing.message, code)


def do_kill():
    state = load()
    number = parse_signal(positional[2] if len(positional) > 2 else "TERM")
    targets = processes(state) if "--all" in options else [state]
    if fault.get("fault") == "no-effect":
        return
    if "--all" not in options and not is_alive(state):
        raise Failure("kill container: No such process" if CRUN else "container not running")
    for target in targets:
        try:
            os.kill(target["pid"], number)
        except ProcessLookupError:
            pass
        except OSError as failed:
            raise Failure("kill container: " + os.strerror(failed.errno) if CRUN else
                          "unable to signal init: " + os.strerror(failed.errno).lower())


def parse_signal(text):
    if text.isdigit():
        return int(text)
    name = text if text.startswith("SIG") else "SIG" + text
    if not hasattr(signal, name):
        raise Failure("unknown signal `%s`" % text if CRUN else 'unknown signal "%s"' % text)
    return int(getattr(signal, name))


def do_delete():
    force = "--force" in options
    if not os.path.exists(state_file()):
        if force:
            return
        raise Failure("cannot open directory `%s`: No such file or directory" % state_dir() if CRUN else
                      "container does not exist")
    state = load()
    status = status_of(state)
    if status in ("running", "paused") and not force:
        raise Failure("the container `%s` is not in `created` or `stopped` state" % container_id() if CRUN else
                      "cannot delete container %s that is not stopped: %s" % (container_id(), status))
    for process in processes(state) if force else [state]:
        if is_alive(process):
            os.kill(process["pid"], signal.SIGKILL)
            await_death(process["pid"])
    remove_state()


def remove_state():
    for name in os.listdir(state_dir()):
        os.unlink(state_dir() + "/" + name)
    os.rmdir(state_dir())


def do_ps():
    kind = fault.get("fault")
    if kind == "null":
        print("null")
        return
    if kind == "invalid":
        print("[1, 2")
        return
    if kind == "warning":
        sys.stderr.write("level=warning msg=\"unable to read cgroup\"\n")
    try:
        pids = [one["pid"] for one in processes(load())]
    except Failure as missing:
        raise Failure(missing.message, 253 if CRUN else 1)
    if CRUN:
        print("[\n" + ",\n".join("  %d" % pid for pid in pids) + "\n]")
    else:
        print(json.dumps(pids, separators=(",", ":")) if pids else "null")


def do_update():
    if status_of(load()) == "stopped":
        raise Failure(not_running())
    try:
        json.loads(stdin["text"])
    except ValueError:
        raise Failure("cannot parse resources" if CRUN else
                      "invalid character 'o' in literal null (expecting 'u')")


def not_running():
    return "the container `%s` is not running" % container_id() if CRUN else "container not running"


def do_state():
    state = load()
    print(json.dumps({"ociVersion": "1.0.2", "id": container_id(), "pid": state["pid"] if is_alive(state) else 0,
                      "status": status_of(state), "bundle": state["bundle"]}, indent=2))


def do_pause():
    if status_of(load()) not in ("running", "created"):
        raise Failure(not_running())
    append(state_dir() + "/paused", "")


def do_resume():
    if status_of(load()) != "paused":
        raise Failure("the container `%s` is not paused" % container_id() if CRUN else "container not paused")
    os.unlink(state_dir() + "/paused")


def do_events():
    if CRUN:
        raise Failure("unknown command events")
    load()
    print(json.dumps({"type": "stats", "id": container_id(), "data": {}}), flush=True)
    if "--stats" not in options:
        hang()


def do_list():
    names = sorted(os.listdir(root_dir())) if os.path.isdir(root_dir()) else []
    print(json.dumps([{"id": name} for name in names]))


def do_features():
    print(json.dumps({"ociVersionMin": "1.0.0", "ociVersionMax": "1.1.0+dev"}))


def do_checkpoint():
    state = load()
    os.makedirs(options.get("--image-path", "checkpoint"), exist_ok=True)
    if "--leave-running" not in options:
        os.kill(state["pid"], signal.SIGKILL)
        await_death(state["pid"])


def do_restore():
    do_create()
    fault.clear()
    do_start()


def show_version():
    print("crun version 1.8.1\ncommit: fake\nspec: 1.0.0" if CRUN else "runc version 1.1.5\ncommit: fake\nspec: 1.0.2-dev")
