"""The supervisor: loads all that is run, forks every process from that warm image, restarts, and stops in order.

It runs in the main thread and waits for signals: a child's end, a stop signal or a restart that is due wakes it.
Nothing here opens a socket, an LMDB environment or a thread.
"""

import gc
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ops import signals
from ops.child import fork
from ops.output import say
from ops.processes import ProcessSpec, warm
from ops.run_file import ProcessRow, RunFile
from ringbuf.shm import process_start

if TYPE_CHECKING:
    from config.context import Context

PROMOTE = signal.SIGUSR1  # to the supervisor: end who has a standby; to the standby: go on in its place
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, PROMOTE)
POLL_S = 0.02  # while something is awaited
IDLE_S = 5.0
TAKE_OVER_S = 10.0  # a standby that is not at work by then is killed, and its place filled from the beginning
STANDBY_DELAY_S = 0.5  # before a new standby is forked: who waits for the takeover comes first
READY_TIMEOUT_S = 120.0
START_ATTEMPTS = 3  # failures of one process before a start-up counts as failed
STALL_S = 20.0  # how long a stopping group may make no progress before it is killed
BACK_OFF_S = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
STEADY_S = 10.0  # who ran that long starts over in BACK_OFF_S


class Memory(Protocol):
    """What the supervisor needs of the pipeline's shared memory."""

    def is_ready(self, spec: ProcessSpec, pid: int) -> bool:
        """Whether this process says that it is at work."""

    def silent_s(self, spec: ProcessSpec) -> float:
        """Seconds since this process, which says that it works, last showed life; 0 where it does not say so."""

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
    return number not in (signal.SIGCHLD, PROMOTE)


def load_processes(specs: Sequence[ProcessSpec]) -> None:
    """Import what the processes run, kernels too, before any fork. Raises StartFailed."""
    began = time.monotonic()
    say(f"loading {len(specs)} processes")
    for spec in specs:
        try:
            warm(spec)
        except ImportError as error:
            raise StartFailed(f"{spec.name}: {spec.module_name()} can't be imported: {error}") from error
    say(f"loaded in {time.monotonic() - began:.1f} s")


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
        self._taking_over: dict[str, float] = {}  # until when
        self._hung: set[str] = set()  # killed for it, not yet collected
        self._hung_s = float(context.settings.supervisor.hung_s)
        self._stopping: set[str] = set()
        self._must_stop = False
        self._unwritten = False  # run.json is older than what it should say

    def run(self, ready: Callable[[], None]) -> int:
        """Start everything, call `ready`, supervise until a stop signal, stop. Returns 0 when all ended cleanly.

        Raises StartFailed when a process can't be started; everything has been stopped by then.
        """
        with signals.blocked(SIGNALS):
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

    def _start(self) -> None:
        """Freeze, fork each process."""
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
                self._taking_over.pop(name, None)
                changed = True
        if changed:
            self._write()
        return all(row.state == "running" for row in self._rows.values())

    def _supervise(self) -> None:
        look_s = min(IDLE_S, self._hung_s / 4)
        while not self._must_stop:
            self._turn(look_s if self._mark_ready() else POLL_S)
            self._end_hung()

    def _end_hung(self) -> None:
        """Kill who says that it works and shows no life, and a standby that does not come to work."""
        now = time.monotonic()
        for name, row in self._rows.items():
            late = row.state == "starting" and now > self._taking_over.get(name, now)
            silent_s = self._memory.silent_s(self._specs[name]) if row.state == "running" and row.pid else 0.0
            if name not in self._hung and (late or silent_s > self._hung_s):
                say(f"{name} " + ("did not take over in time" if late else f"shows no life for {silent_s:.0f} s"))
                self._hung.add(name)
                os.kill(row.pid, signal.SIGKILL)

    def _promote(self, name: str, status: int) -> bool:
        """Let its standby go on in the place of a process that has ended; whether there is one at work."""
        standby = self._specs[name].standby
        other = self._rows.get(standby)
        if other is None or other.state != "running" or not other.pid or standby in self._stopping:
            return False
        if os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return False  # it has ended, too, and is collected next
        os.kill(other.pid, PROMOTE)
        os.sched_setaffinity(other.pid, self._cores[name])
        row, now = self._rows[name], time.monotonic()
        row.why = f"{self._reason(name, status)}; {standby} took over"
        row.pid, row.start, row.state = other.pid, other.start, "starting"
        row.restarts += 1
        self._taking_over[name] = now + TAKE_OVER_S
        self._started_s[name] = now
        other.pid, other.start, other.state = 0, 0, "backing_off"
        self._due_s[standby] = now + STANDBY_DELAY_S
        say(f"{name} ended ({row.why})")
        return True

    def _turn(self, timeout_s: float) -> None:
        """Wait for a signal or the timeout, then reap and restart what is due."""
        caught = signals.wait(SIGNALS, timeout_s)
        if caught is not None and _asks_to_stop(caught.si_signo) and not self._must_stop:
            self._must_stop = True
            say(f"told to stop: {signal.Signals(caught.si_signo).name} from process {caught.si_pid}")
        if caught is not None and caught.si_signo == PROMOTE:
            self._end_promoted()
        self._reap()
        if self._unwritten:
            self._write()
        now = time.monotonic()
        for name in [name for name, due in self._due_s.items() if due <= now]:
            del self._due_s[name]
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
            elif not self._promote(name, status):
                self._back_off(name, status)
            self._hung.discard(name)
            self._write()

    def _back_off(self, name: str, status: int) -> None:
        """Plan the restart of a process that ended without being asked."""
        row = self._rows[name]
        now = time.monotonic()
        if now - self._started_s[name] > STEADY_S:
            self._failures[name] = 0
        delay_s = BACK_OFF_S[min(self._failures.get(name, 0), len(BACK_OFF_S) - 1)]
        self._failures[name] = self._failures.get(name, 0) + 1
        row.why = self._reason(name, status)
        row.state = "backing_off"
        row.restarts += 1
        self._due_s[name] = now + delay_s
        say(f"{name} ended ({row.why}); restart {row.restarts} in {delay_s:.1f} s")

    def _reason(self, name: str, status: int) -> str:
        """How a process ended, in words."""
        hung = f"no life for {self._hung_s:.0f} s, " if name in self._hung else ""
        return hung + exit_reason(status, self._log(name))

    def _end_promoted(self) -> None:
        """An operator's word: whoever has a standby at work gives way to it."""
        for name, spec in self._specs.items():
            other = self._rows.get(spec.standby)
            if other is not None and other.state == "running" and self._rows[name].pid:
                say(f"{name} gives way to {spec.standby}")
                os.kill(self._rows[name].pid, signal.SIGKILL)

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
