"""The life of a supervised process from the fork to its exit. Nothing here runs in the supervisor itself."""

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ops.output import LogStream
from ops.processes import ProcessSpec

if TYPE_CHECKING:
    from config.context import Context

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
# Loaded before the forks: a child that must be up in milliseconds opens no libraries.
_LIBC = ctypes.CDLL(None, use_errno=True)


def fork(spec: ProcessSpec, context: "Context", cpus: Iterable[int]) -> int:
    """Fork a process of the table; returns its pid. From the main thread only: the death signal follows the thread."""
    supervisor = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _live(spec, context, cpus, supervisor)
    return pid


def _live(spec: ProcessSpec, context: "Context", cpus: Iterable[int], supervisor: int) -> NoReturn:
    """Everything that the child does; ends by os._exit, so that nothing of the supervisor's runs twice."""
    code = 1
    try:
        _die_with(supervisor)
        os.setpgid(0, 0)  # what a terminal, `timeout` or `kill -- -GROUP` sends reaches the supervisor alone
        _LIBC.prctl(_PR_SET_NAME, f"ml-{spec.name}".encode()[:15], 0, 0, 0)
        _reset_signals()
        _log_to(context.data / "logs" / f"{spec.name}.log")
        os.sched_setaffinity(0, cpus)
        code = spec.entry_point()(context)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:  # noqa: BLE001  the process ends here whatever it was, with the reason in its log
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        sys.stdout.flush()
        os._exit(code)


def _die_with(supervisor: int) -> None:
    """SIGTERM, and with it a clean stop, when the supervisor dies; at once if it died during the fork."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != supervisor:
        os._exit(0)


def _reset_signals() -> None:
    """Undo the supervisor's handling. Ctrl-C is the supervisor's to act on, whoever sends it."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _log_to(path: Path) -> None:
    """Standard output and error into the process's log; standard input from nothing."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.close(nothing)
    # The warm image may have replaced the streams (a test runner does): the log takes what is written from now on.
    sys.stdout, sys.stderr = LogStream(1), LogStream(2)
