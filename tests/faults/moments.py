"""kill -9 at an ugly moment: strace lets a process run until it enters a system call, and kills it there.

What strace has written down proves that the window was hit. Each moment is a fault like any other, see `nemesis`.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from consumers.journal.format import PAGE_SIZE, SegmentHeader, journal_folder, segment_name
from consumers.journal.reader import JournalReader
from consumers.stored import store_path
from ringbuf.shm import is_alive
from tests.faults.nemesis import SUPERVISOR, NotStruck, Strike, process_at_work, published_now
from tests.pipeline import Pipeline

PATIENCE_S = 60.0
LOOK_S = 0.01
SPARE = "spare.next"  # what a segment is called before it is one
KILLED = "+++ killed by SIGKILL +++"


def why_not() -> str:
    """Why no moment can be hit on this host, or ""."""
    strace = shutil.which("strace")
    if strace is None:
        return "strace is not installed (Debian: apt-get install strace)"
    tried = subprocess.run([strace, "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip()}"


@contextmanager
def traced(pid: int, log: Path, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """strace on a running process, attached by the time this begins, gone when it ends.

    What is to happen may have happened by then, and the process be gone.
    """
    command = ["strace", "-y", "-qq", "-s", "0", "-o", str(log), "-p", str(pid), *options]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: tracer_of(pid) in (None, tracer.pid), f"strace watches {pid}")
        yield tracer
    finally:
        tracer.terminate()
        tracer.wait()


def tracer_of(pid: int) -> int | None:
    """Who traces a process, 0 = nobody; None where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(status.partition("TracerPid:\t")[2].split()[0])


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """NotStruck where it does not come to be in time."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise NotStruck(f"not within {PATIENCE_S:.0f} s: {what}")
        time.sleep(LOOK_S)


def kill_at(pid: int, start: int, log: Path, call: str, when: int, paths: list[Path], also: str = "") -> list[str]:
    """Kill a process as it enters its `when`-th `call` on one of `paths`; what it did before, a line a call.

    Raises NotStruck where it did not come there, or died otherwise.
    """
    options = ["-f", "-e", f"trace={call}{also}", "-e", f"inject={call}:signal=KILL:when={when}"]
    for path in paths:
        options += ["-P", str(path)]
    with traced(pid, log, *options):
        wait_until(lambda: not is_alive(pid, start), f"process {pid} comes to its {call} of {paths}")
        wait_until(lambda: KILLED in log.read_text(), f"strace says how {pid} ended")  # it is told a moment later
    lines = log.read_text().splitlines()
    done = [line for line in lines if re.search(r"\b\w+\(", line)]
    if not any(KILLED in line for line in lines) or not done or f"{call}(" not in done[-1]:
        raise NotStruck(f"process {pid} was not killed in {call}: {lines[-3:]}")
    return done


@dataclass
class InCommit:
    """Of an LMDB commit: some pages are written, the rest and the meta page that makes them count are not.

    `call`: pwrite64 = anywhere among its pages; fdatasync (durability fsync) = all pages, but not the meta page.
    """

    store: str
    call: str = "pwrite64"
    name: str = "commit"
    written: list[int] = field(default_factory=list)  # pages of the broken commit that were written, a number a strike

    def strike(self, running: Pipeline, rng: random.Random) -> Strike:
        """Again until a commit was broken in its middle: the first write of one is no harm to anybody."""
        data = store_path(running.data, self.store) / "data.mdb"
        while True:
            pid, start = process_at_work(running, self.store)
            strike = Strike(self.name, self.store, time.monotonic(), published_now(running), pid)
            when = rng.randint(2, 40) if self.call == "pwrite64" else rng.randint(1, 4)
            log = running.data / "logs" / f"strace-{self.store}"
            calls = kill_at(pid, start, log, self.call, when, [data], ",pwrite64,writev,pwritev")
            self.written.append(writes_since_meta(calls[:-1]))
            if self.written[-1]:
                return strike


def writes_since_meta(calls: list[str]) -> int:
    """How many writes of pages came after the last one of a meta page (its 120 bytes)."""
    count = 0
    for call in calls:
        if re.search(r"(pwrite64|writev|pwritev)\(", call):
            count = 0 if call.endswith("= 120") else count + 1
    return count


@dataclass
class InRoll:
    """Of the journal's roll to a new segment, by what is there when it dies.

    listings  the listings beside the new segment are written, not yet named
    segment   the segment is written, not yet named
    opened    it is named, not yet opened
    """

    window: str
    name: str = "roll"

    def strike(self, running: Pipeline, rng: random.Random) -> Strike:
        """At the next roll."""
        pid, start = process_at_work(running, "journal")
        strike = Strike(self.name, "journal", time.monotonic(), published_now(running), pid)
        log = running.data / "logs" / "strace-journal"
        # Of a rename strace looks for the first path alone. Only rolls rename anything there, the listings first.
        call, paths, named = {
            "listings": ("rename", [], ".listed"),
            "segment": ("rename", [journal_folder(running.data) / SPARE], SPARE),
            "opened": ("openat", next_segments(running.data), ".journal"),
        }[self.window]
        calls = kill_at(pid, start, log, call, 1, paths)
        if named not in calls[-1]:
            raise NotStruck(f"no segment was rolled: {calls[-1]}")
        return strike


def next_segments(data: Path) -> list[Path]:
    """The files that the next rolls will make; more than one, as one may be made before strace watches."""
    with JournalReader(data) as journal:
        last = journal.segments[-1]
    header = SegmentHeader.decode(last.read_bytes()[:PAGE_SIZE], last.name)
    first, records = header.first_seq, header.records
    return [last.with_name(segment_name(first + records * ahead)) for ahead in (1, 2, 3)]


@dataclass
class InSnapshot:
    """Of the replica's snapshot: before the rename that makes it one, or before an old one is removed."""

    call: str  # rename or unlink
    name: str = "snapshot"

    def strike(self, running: Pipeline, rng: random.Random) -> Strike:
        """At the next snapshot."""
        pid, start = process_at_work(running, "replica")
        strike = Strike(self.name, "replica", time.monotonic(), published_now(running), pid)
        calls = kill_at(pid, start, running.data / "logs" / "strace-replica", self.call, 1, [])
        if ".snapshot" not in calls[-1]:
            raise NotStruck(f"no snapshot was at work: {calls[-1]}")
        return strike


@dataclass
class InFork:
    """Of the supervisor's fork of `process`, which is killed to bring it about. Who dies, and when:

    before  the supervisor, as it forks
    behind  the supervisor, when the child lives and no file says so yet
    child   the child, before it has asked for a signal at its parent's death
    orphan  the supervisor, while the child stands before that: nobody will tell the child
    """

    window: str
    process: str
    name: str = "fork"

    def strike(self, running: Pipeline, rng: random.Random) -> Strike:
        """Returns when all is up again."""
        row = running.run_file()[SUPERVISOR]
        supervisor, start = int(row["pid"]), int(row["start"])
        victim, _ = process_at_work(running, self.process)
        strike = Strike(f"{self.name}-{self.window}", SUPERVISOR, time.monotonic(), published_now(running), supervisor)
        log = running.data / "logs" / "strace-supervisor"
        if self.window in ("before", "behind"):
            self._kill_supervisor(running, supervisor, start, victim, log)
        else:
            self._strike_child(supervisor, start, victim, log)
        if self.window != "child":
            running.up()
        process_at_work(running, self.process)
        strike.caught_up_s = time.monotonic()
        return strike

    def _kill_supervisor(self, running: Pipeline, supervisor: int, start: int, victim: int, log: Path) -> None:
        told = running.data / f"run.json.{supervisor}"  # written when the death is seen, and again behind the fork
        if self.window == "before":
            options = ["-e", "trace=clone", "-e", "inject=clone:signal=KILL:when=1"]
        else:
            options = ["-e", "trace=clone,openat", "-e", "inject=openat:signal=KILL:when=2", "-P", str(told)]
        with traced(supervisor, log, *options):
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda: not is_alive(supervisor, start), "the supervisor dies at its fork")
        last = [line for line in log.read_text().splitlines() if "(" in line][-1]
        if ("clone(" if self.window == "before" else "openat(") not in last:
            raise NotStruck(f"the supervisor died elsewhere: {last}")

    def _strike_child(self, supervisor: int, start: int, victim: int, log: Path) -> None:
        does = "signal=KILL" if self.window == "child" else "delay_enter=1500000"
        with traced(supervisor, log, "-f", "-e", "trace=prctl", "-e", f"inject=prctl:{does}:when=1"):
            os.kill(victim, signal.SIGKILL)
            if self.window == "child":
                wait_until(lambda: KILLED in log.read_text(), "the child dies before its prctl")
                return
            wait_until(lambda: "prctl(" in log.read_text(), "the child stands before its prctl")
            os.kill(supervisor, signal.SIGKILL)
            wait_until(lambda: not is_alive(supervisor, start), "the supervisor dies")
            child = int(log.read_text().split()[0])
            wait_until(lambda: not Path(f"/proc/{child}").exists(), "the orphan ends by itself")
