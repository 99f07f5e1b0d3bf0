"""A supervisor-to-be: everything is loaded and compiled, and one child follows a primary on another host.

Promoted, by the operator's word (SIGUSR1) or by its child's where a follower is required and the primary is dead, it
writes the next term down, makes the shared memory and forks the pipeline from the image that it already is. It holds
the directory's locks from its start on; nothing here opens a socket or a thread.
"""

import gc
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import engine.follower
from config.errors import ConfigError
from consumers.journal.reader import JournalReader
from consumers.replication.feed import primary_key
from consumers.replication.status import standing
from consumers.replication.term import promoted, update_term
from engine.follower import REFUSED, STOPPED, TAKE_OVER, Following
from ops import signals
from ops.child import fork
from ops.compiling import compile_kernels
from ops.cpus import cores_for
from ops.output import say
from ops.pipeline import Plan, refuse_used_ports, serve
from ops.processes import ProcessSpec
from ops.run_file import ProcessRow, RunFile
from ops.supervisor import BACK_OFF_S, SIGNALS, StartFailed, exit_reason, last_line, load_processes
from ringbuf.shm import process_start

FOLLOWER = ProcessSpec("follower", f"{engine.follower.__name__}:main", 0)
WAITED_S = 5.0  # the primary may come later: so long after its start a standby that has not reached it counts as ready
TURN_S = 0.1
AWAITED = {*SIGNALS, signal.SIGUSR1}


def follow(plan: Plan, source: str, key: Path | None, auto_ms: int, ready: Callable[[dict[str, Any]], None]) -> int:
    """Follow until told to stop, or be promoted and run the pipeline until told to stop. The exit code.

    source: the primary's endpoint. key: its public key, None = as before. auto_ms: how long the primary may be silent
    before it is replaced unasked, 0 = never. `ready` gets run.json's content once it follows, or waits for the primary.
    Raises ConfigError, StartFailed (also where the primary refuses it).
    """
    with plan.locked():
        refuse_used_ports(plan)
        if key is not None:
            _keep_key(plan.data, key)
        with signals.blocked(AWAITED):
            standby = _Standby(plan, Following(**_context(plan), source=source, auto_ms=auto_ms))
            takes_over = False
            try:
                takes_over = standby.run(ready)
            finally:
                if not takes_over:  # else the pipeline's own is its successor
                    (plan.data / "run.json").unlink(missing_ok=True)
            if not takes_over:
                say("stopped")
                return 0
            promote_directory(plan.data)
            return serve(plan, lambda run: say(f"took over: {len(run['processes'])} processes run"))


def promote_directory(data: Path) -> int:
    """Write down that this directory is the primary of the next term; its number. Nothing may run on it."""
    with JournalReader(data) as journal:
        last = journal.last
    term = update_term(data, lambda term: promoted(term, last))
    say(f"promoted: term {term.number} begins after sequence {last}")
    return term.number


def _context(plan: Plan) -> dict[str, Any]:
    return {
        "name": plan.name,
        "data": plan.data,
        "port_base": plan.port_base,
        "settings": plan.settings,
        "epoch": 0,
        "instruments": plan.catalog,
    }


def _keep_key(data: Path, key: Path) -> None:
    target = primary_key(data)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(key, target)
    except OSError as error:
        raise ConfigError("--key", f"expected the primary's server.key, but {key}: {error.strerror}") from error


class _Standby:
    """The time before the promotion."""

    def __init__(self, plan: Plan, context: Following) -> None:
        self._plan = plan
        self._context = context
        self._row = ProcessRow()
        self._run: RunFile = plan.run_file(0)
        self._run.processes = {FOLLOWER.name: self._row}
        self._run.state = "standby"
        self._must_stop = False
        self._failures = 0
        self._due_s = 0.0

    def run(self, ready: Callable[[dict[str, Any]], None]) -> bool:
        """Whether to take over. Raises StartFailed where the primary refuses it."""
        specs = [*self._plan.processes(), FOLLOWER]
        compile_kernels(specs, say)
        load_processes(specs)
        gc.collect()
        gc.freeze()
        (self._plan.data / "logs").mkdir(exist_ok=True)
        self._fork()
        began_s = time.monotonic()
        is_told = False
        while True:
            if not is_told and (self._is_following() or time.monotonic() - began_s > WAITED_S):
                is_told = True
                ready(self._run.to_dict())
            caught = signals.wait(AWAITED, TURN_S)
            if caught is not None and caught.si_signo == signal.SIGUSR1:
                self._signal(signal.SIGUSR1)
            elif caught is not None and _asks_to_stop(caught.si_signo):
                self._must_stop = True
                self._signal(signal.SIGTERM)
            code = self._reap()
            if code == TAKE_OVER and not self._must_stop:
                return True
            if self._must_stop and not self._row.pid:
                return False
            if not self._row.pid and time.monotonic() >= self._due_s:
                self._row.restarts += 1
                self._fork()

    def _is_following(self) -> bool:
        found = standing(self._plan.data)
        return found is not None and found["pid"] == self._row.pid and found["state"] == "following"

    def _fork(self) -> None:
        row = self._row
        row.pid = fork(FOLLOWER, self._context, cores_for([FOLLOWER.name], False)[FOLLOWER.name])
        row.start = process_start(row.pid)
        row.state = "running"
        self._run.write(self._plan.data)

    def _signal(self, number: int) -> None:
        if self._row.pid:
            os.kill(self._row.pid, number)

    def _reap(self) -> int | None:
        """The follower's exit code where it has ended; plans its restart where it failed. StartFailed if refused."""
        if not self._row.pid:
            return None
        pid, status = os.waitpid(self._row.pid, os.WNOHANG)
        if pid == 0:
            return None
        self._row.pid = self._row.start = 0
        code = os.waitstatus_to_exitcode(status)
        if code in (STOPPED, TAKE_OVER):
            return code
        log = self._plan.data / "logs" / f"{FOLLOWER.name}.log"
        if code == REFUSED:
            raise StartFailed(last_line(log))
        self._row.why = exit_reason(status, log)
        self._row.state = "backing_off"
        self._due_s = time.monotonic() + BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
        self._failures += 1
        say(f"follower ended ({self._row.why})")
        self._run.write(self._plan.data)
        return code


def _asks_to_stop(number: int) -> bool:
    """As for a pipeline: Ctrl-C, SIGTERM, and a terminal that closes, unless `nohup` says otherwise."""
    if number == signal.SIGHUP:
        return signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
    return number in (signal.SIGTERM, signal.SIGINT)
