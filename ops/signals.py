"""Waiting for signals, at most so long. The caller has them blocked, and SIGALRM with them: `blocked` does both.

`signal.sigtimedwait` will not do: when SIGSTOP and SIGCONT interrupt it and its time is over by then, CPython (seen in
3.11) returns a siginfo that nobody filled in, and who reads it acts on a signal that was never sent. `sigwaitinfo`
knows no time, so a timer keeps it, whose signal is waited for as well.
"""

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_SHORTEST_S = 1e-3  # a timer of nothing never goes off


@contextmanager
def blocked(signals: Iterable[signal.Signals]) -> Iterator[None]:
    """These signals, and the timer's, wait to be asked for meanwhile. Main thread only; the timer is this module's."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [*signals, signal.SIGALRM])
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if signal.SIGALRM in signal.sigpending():
            signal.sigwait([signal.SIGALRM])  # once it is not blocked any more, it would end the process
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def wait(signals: Iterable[signal.Signals], timeout_s: float) -> signal.struct_siginfo | None:
    """The first of these (blocked) signals that comes, None when the time is over."""
    signal.setitimer(signal.ITIMER_REAL, max(timeout_s, _SHORTEST_S))
    caught = signal.sigwaitinfo([*signals, signal.SIGALRM])
    signal.setitimer(signal.ITIMER_REAL, 0)
    return None if caught.si_signo == signal.SIGALRM else caught
