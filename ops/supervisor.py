"""The supervisor: compiles once, forks every process from that warm image, restarts, and stops in order.

It runs in the main thread and sleeps in sigtimedwait: a child's end, a stop signal or a restart that is due wakes it.
Nothing here opens a socket, an LMDB environment or a thread.
"""

import gc
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ops.child import fork
from ops.compiling import compile_kernels
from ops.output import say
from ops.processes import ProcessSpec, warm
from ops.run_file import ProcessRow, RunFile
from ringbuf.shm import process_start

if TYPE_CHECKING:
    from config.context import Context

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
POLL_S = 0.02  # while something is awaited
IDLE_S = 5.0
READY_TIMEOUT_S = 120.0
START_ATTEMPTS = 3  # failures of one process before a start-up counts as failed
STALL_S = 20.0  # how long a stopping group may make no progress before it is killed
BACK_OFF_S = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
STEADY_S = 10.0  # who ran that long starts over in BACK_OFF_S


class Memory(Protocol):
    """What the supervisor needs of the pipeline's shared memory."""

    def is_ready(self, spec: ProcessSpec, pid: int) -> bool:
        """Whether this process says that it is at work."""

    def progress(self) -> dict[str, int]:
        """Sequences that move while processes drain: cursors by name, and `published`."""

    def finish(self) -> str:
        """All processes have ended: make sure that nothing is lost, unlink. Returns what is wrong, or ""."""


class StartFailed(Exception):
    """A process did not come up; the text names it and says why."""


def exit_reason(status: int, log: Path) -> str:
    """A wait status in words, with the last line of the process's log where it has one."""
    if os.WIFSIGNALED(status):
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    code, said = os.WEXITSTATUS(status), last_line(log)
    means = f" ({os.strerror(code)})" if code > 1 else ""  # see consumers.runtime.exit_code
    return f"exit code {code}{means}" + (f": {said}" if said else "")


def last_line(path: Path) -> str:
    """The last non-empty line of a log; empty where there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 4096))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _asks_to_stop(number: int) -> bool:
    """A terminal that closes asks as Ctrl-C does; `nohup` means: not then."""
    if number == signal.SIGHUP:
        return signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
    return number != signal.SIGCHLD


class Supervisor:
    """Runs a table of processes until it is told to stop. One per process; `run` may be called once."""

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        context: "Context",
        run_file: RunFile,
        memory: Memory,
        cores: dict[str, set[int]],
    ) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self._context = context
        self._run = run_file
        self._memory = memory
        self._cores = cores
        self._rows = {spec.name: ProcessRow() for spec in specs}
        self._run.processes = self._rows
        self._started_s: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._due_s: dict[str, float] = {}  # restarts that wait
        self._stopping: set[str] = set()
        self._must_stop = False
        self._unwritten = False  # run.json is older than what it should say

    def run(self, ready: Callable[[], None]) -> int:
        """Start everything, call `ready`, supervise until a stop signal, stop. Returns 0 when all ended cleanly.

        Raises StartFailed when a process can't be started; everything has been stopped by then.
        """
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            try:
                self._start()
                self._await_ready()
            except StartFailed:
                self._stop()
                raise
            if not self._must_stop:
                self._run.state = "running"
                self._write()
                ready()
                self._supervise()
            return self._stop()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _start(self) -> None:
        """Compile, freeze, fork each process."""
        began = time.monotonic()
        compile_kernels(list(self._specs.values()), say)
        say(f"loading {len(self._specs)} processes")
        for spec in self._specs.values():
            try:
                warm(spec)
            except ImportError as error:
                raise StartFailed(f"{spec.name}: {spec.module_name()} can't be imported: {error}") from error
        say(f"loaded in {time.monotonic() - began:.1f} s")
        # What the children share must not be written to by their collectors: 2.5 MB private each instead of 27.
        gc.collect()
        gc.freeze()
        (self._context.data / "logs").mkdir(exist_ok=True)
        for name in self._specs:
            self._fork(name)
        self._write()

    def _fork(self, name: str) -> None:
        row = self._rows[name]
        row.pid = fork(self._specs[name], self._context, self._cores[name])
        row.start = process_start(row.pid)
        row.state = "starting"
        self._started_s[name] = time.monotonic()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self._must_stop and not self._mark_ready():
            self._turn(POLL_S)
            for name, failures in self._failures.items():
                if failures >= START_ATTEMPTS:
                    raise StartFailed(f"{name} does not start: {self._rows[name].why}")
            if time.monotonic() > deadline:
                missing = [name for name, row in self._rows.items() if row.state != "running"]
                raise StartFailed(f"not ready after {READY_TIMEOUT_S:.0f} s: {', '.join(missing)}")

    def _mark_ready(self) -> bool:
        """Move processes that say so from starting to running; whether all run."""
        changed = False
        for name, row in self._rows.items():
            if row.state == "starting" and self._memory.is_ready(self._specs[name], row.pid):
                row.state = "running"
                changed = True
        if changed:
            self._write()
        return all(row.state == "running" for row in self._rows.values())

    def _supervise(self) -> None:
        while not self._must_stop:
            self._turn(IDLE_S if self._mark_ready() else POLL_S)

    def _turn(self, timeout_s: float) -> None:
        """Wait for a signal or the timeout, then reap and restart what is due."""
        caught = signal.sigtimedwait(SIGNALS, timeout_s)
        if caught is not None and _asks_to_stop(caught.si_signo):
            self._must_stop = True
        self._reap()
        if self._unwritten:
            self._write()
        now = time.monotonic()
        for name in [name for name, due in self._due_s.items() if due <= now]:
            del self._due_s[name]
            self._rows[name].restarts += 1
            self._fork(name)
            self._write()

    def _reap(self) -> None:
        """Collect who has ended. Each is asked by its pid: signals of several children may arrive as one."""
        for name, row in self._rows.items():
            if row.pid == 0:
                continue
            pid, status = os.waitpid(row.pid, os.WNOHANG)
            if pid == 0:
                continue
            row.pid = row.start = 0
            if name in self._stopping:
                row.state = "stopped"
                if status != 0:
                    row.why = exit_reason(status, self._log(name))
                    say(f"{name} stopped with {row.why}")
            else:
                self._back_off(name, status)
            self._write()

    def _back_off(self, name: str, status: int) -> None:
        """Plan the restart of a process that ended without being asked."""
        row = self._rows[name]
        now = time.monotonic()
        if now - self._started_s[name] > STEADY_S:
            self._failures[name] = 0
        delay_s = BACK_OFF_S[min(self._failures.get(name, 0), len(BACK_OFF_S) - 1)]
        self._failures[name] = self._failures.get(name, 0) + 1
        row.why = exit_reason(status, self._log(name))
        row.state = "backing_off"
        self._due_s[name] = now + delay_s
        say(f"{name} ended ({row.why}); restart {row.restarts + 1} in {delay_s:.1f} s")

    def _stop(self) -> int:
        """Stop group after group, then give up the shared memory."""
        self._run.state = "stopping"
        self._write()
        clean = True
        for group in sorted({spec.stop_group for spec in self._specs.values()}):
            clean &= self._stop_group([name for name, spec in self._specs.items() if spec.stop_group == group])
        wrong = self._memory.finish()
        if wrong:
            say(wrong)
        clean &= not wrong
        (self._context.data / "run.json").unlink(missing_ok=True)
        say("stopped" if clean else "stopped, but not cleanly: see above")
        return 0 if clean else 1

    def _stop_group(self, names: list[str]) -> bool:
        """SIGTERM, and wait while they drain; SIGKILL when nothing moves any more. Whether none had to be killed.

        Later groups are still supervised meanwhile: a consumer can't drain without the journal.
        """
        for name in names:
            self._stopping.add(name)
            self._due_s.pop(name, None)
            row = self._rows[name]
            if row.pid:
                row.state = "stopping"
                os.kill(row.pid, signal.SIGTERM)
            else:
                row.state = "stopped"
        moved_s, before = time.monotonic(), self._memory.progress()
        while any(self._rows[name].pid for name in names):
            self._turn(POLL_S)
            now = self._memory.progress()
            if now != before:
                moved_s, before = time.monotonic(), now
            elif time.monotonic() - moved_s > STALL_S:
                return self._kill([name for name in names if self._rows[name].pid])
        return True

    def _kill(self, names: list[str]) -> bool:
        for name in names:
            say(f"{name} does not stop: no progress for {STALL_S:.0f} s, killed")
            os.kill(self._rows[name].pid, signal.SIGKILL)
        while any(self._rows[name].pid for name in names):
            self._turn(POLL_S)
        return False

    def _log(self, name: str) -> Path:
        return self._context.data / "logs" / f"{name}.log"

    def _write(self) -> None:
        """Replace run.json. A disk that is full then ends no pipeline: the file tells of the moment before."""
        try:
            self._run.write(self._context.data)
        except OSError as error:
            if self._run.state == "starting":
                raise StartFailed(f"run.json can't be written: {error}") from error
            if not self._unwritten:
                say(f"run.json can't be written, it stays as it was: {error}")
            self._unwritten = True
        else:
            self._unwritten = False
