"""Verbs in processes forked from a warm image: most of what a verb takes is Python's start and the load of kernels.

A test process has one image, started when it is first needed: a process of its own, without threads, that has loaded
what verbs load. `popen` and `run` take what `subprocess` takes; a command `python -m ops.cli …` or `python -c …` is run
by a fork of the image, as `__main__`, with streams, directory and environment of its own, and ends as Python ends.
Whatever else is started as ever, so is what changes the environment that kernels are loaded under.
"""

import atexit
import gc
import importlib
import importlib.util
import inspect
import json
import os
import selectors
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[1]
VERBS = "ops.cli"
LOADED_UNDER = ("MATCHLINE_", "NUMBA_", "PYTHON", "OPENBLAS_", "LD_")  # variables that the image has read already
TAKEN = frozenset(("cwd", "env", "stdin", "stdout", "stderr", "text"))  # of what Popen takes
REQUEST_BYTES = 1 << 18
FIRST_FD = 3
STARTED_UNDER = dict(os.environ)


class Image:
    """The test's end of a warm image."""

    def __init__(self) -> None:
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with other:
            command = [sys.executable, "-m", "tests.warm", str(other.fileno())]
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                env=STARTED_UNDER,
            )

    def fork(self, arguments: Sequence[str], cwd: str, env: Mapping[str, str], streams: list[int]) -> socket.socket:
        """Where the pid, and later the wait status of the fork can be read. streams: 0, 1 and 2 for it."""
        told, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = json.dumps({"arguments": list(arguments), "cwd": cwd, "env": dict(env)}).encode()
        with told, self._lock:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, REQUEST_BYTES)
            socket.send_fds(self._socket, [request], [*streams, told.fileno()])
        return ours


@cache
def image() -> Image:
    """This test process's."""
    return Image()


def is_for_image(command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether a fork of the image can run a command under these variables."""
    if command[0] != sys.executable or (command[1] != "-c" and list(command[1:3]) != ["-m", VERBS]):
        return False
    changed = {name for name in {*env, *STARTED_UNDER} if env.get(name) != STARTED_UNDER.get(name)}
    return not any(name.startswith(LOADED_UNDER) for name in changed)


class Forked(subprocess.Popen[str]):
    """A Popen whose process is the image's child: its end is told by the image."""

    def _execute_child(self, *given: Any, **named: Any) -> None:
        bound = inspect.signature(subprocess.Popen._execute_child).bind(self, *given, **named)  # type: ignore[attr-defined]
        asked = bound.arguments
        arguments = list(asked["args"][1:])
        with open(os.devnull, "r+") as nothing:
            streams = [asked["p2cread"], asked["c2pwrite"], asked["errwrite"]]
            streams = [nothing.fileno() if at == 0 and fd == -1 else fd for at, fd in enumerate(streams)]
            streams = [at if fd == -1 else fd for at, fd in enumerate(streams)]
            env = os.environ if asked["env"] is None else asked["env"]
            self._told = image().fork(arguments, os.fspath(asked["cwd"] or os.getcwd()), env, streams)
        self.pid = int(self._told.recv(32))
        self._child_created = True
        kept = {asked["p2cwrite"], asked["c2pread"], asked["errread"]}
        for fd in {asked["p2cread"], asked["c2pwrite"], asked["errwrite"]} - kept - {-1, 0, 1, 2}:
            os.close(fd)
        self._closed_child_pipe_fds = True

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        self._told.setblocking(not wait_flags & os.WNOHANG)
        try:
            said = self._told.recv(32)
        except BlockingIOError:
            return 0, 0
        assert said, "the warm image has ended"
        self._told.close()
        return self.pid, int(said)

    def _internal_poll(self, _deadstate: int | None = None, **_: Any) -> int | None:
        if self.returncode is None and self._waitpid_lock.acquire(False):  # type: ignore[attr-defined]
            try:
                pid, status = self._try_wait(os.WNOHANG)
                if pid:
                    self._handle_exitstatus(status)  # type: ignore[attr-defined]
            finally:
                self._waitpid_lock.release()  # type: ignore[attr-defined]
        return self.returncode


def popen(command: Sequence[str], **more: Any) -> "subprocess.Popen[str]":
    """As subprocess.Popen."""
    forked = is_for_image(command, more.get("env", os.environ)) and more.get("text") and TAKEN.issuperset(more)
    return (Forked if forked else subprocess.Popen)(command, **more)


def run(command: Sequence[str], timeout: float | None = None, **more: Any) -> "subprocess.CompletedProcess[str]":
    """As subprocess.run with the output captured, as text."""
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | more
    with popen(command, **more) as process:
        try:
            out, errors = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, errors)


# --- the image --------------------------------------------------------------------------------------------------------


def load() -> None:
    """Everything that verbs load, kernels too."""
    from ops.cli import VERBS as NAMES
    from ops.processes import PROCESSES, present, warm

    for spec in present(PROCESSES, wanted=("kafka", "standby", "gateway")):
        warm(spec)
    for name in ("ops.pipeline", "ops.reconciliation", "ops.tracing", "ops.sinks", "ops.demo", "ops.mirror"):
        importlib.import_module(name)
    for name in NAMES:
        if importlib.util.find_spec(f"ops.verbs.{name}") is not None:
            importlib.import_module(f"ops.verbs.{name}")


def serve(control: socket.socket) -> Callable[[], int]:
    """Fork for every request; what a fork has to do is returned in it. Ends the image when nobody asks any more."""
    waiting: dict[int, tuple[int, socket.socket]] = {}  # by pidfd
    with selectors.DefaultSelector() as ready:
        ready.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is control:
                    request, fds, _, _ = socket.recv_fds(control, REQUEST_BYTES, 4)
                    if not request:
                        sys.exit(0)
                    pid = os.fork()
                    if pid == 0:
                        return _begun(json.loads(request), fds[:3])
                    for fd in fds[:3]:
                        os.close(fd)
                    told = socket.socket(fileno=fds[3])
                    told.send(str(pid).encode())
                    pidfd = os.pidfd_open(pid)
                    waiting[pidfd] = pid, told
                    ready.register(pidfd, selectors.EVENT_READ)
                else:
                    pidfd = key.fd
                    pid, told = waiting.pop(pidfd)
                    ready.unregister(pidfd)
                    os.close(pidfd)
                    _, status = os.waitpid(pid, 0)
                    with told:
                        _tell(told, status)


def _tell(told: socket.socket, status: int) -> None:
    try:
        told.send(str(status).encode())
    except BrokenPipeError:
        return  # who asked has gone


def _begun(request: dict[str, Any], streams: list[int]) -> Callable[[], int]:
    """In a fork: its streams, directory, environment and arguments; then what it has to run."""
    for at, fd in enumerate(streams):
        os.dup2(fd, at)
    os.closerange(FIRST_FD, max(int(fd) for fd in os.listdir("/proc/self/fd")) + 1)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    kind, what, *rest = request["arguments"]
    if kind == "-m":
        sys.argv = [what, *rest]
        return _verb
    sys.argv = ["-c", *rest]
    return lambda: _program(what)


def _verb() -> int:
    from ops.cli import main

    return main()


def _program(code: str) -> int:
    exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})  # what `python -c` does
    return 0


def end(work: Callable[[], int]) -> NoReturn:
    """Work, then what Python does at its end, but for freeing all that was loaded: that alone takes seconds."""
    code: int | str | None = 1
    try:
        code = work()
    except SystemExit as stop:
        code = stop.code
    except BaseException:  # noqa: BLE001  as Python does at last
        traceback.print_exc()
    if isinstance(code, str):
        print(code, file=sys.stderr)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    load()
    gc.freeze()
    end(serve(socket.socket(fileno=int(sys.argv[1]))))
