"""Who talks to order entry: one session a client, found by its routing id and by its number."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ringbuf.codes import Reason

if TYPE_CHECKING:
    from engine.entry.access import Permit

NUMBERS = 1 << 24  # of sessions in one lane
SESSIONS = 1 << 16  # remembered at most: clients that went away are not noticed before something is sent to them
FORMS = {"json": 0, "binary": 1}
BINARY = FORMS["binary"]  # lowest bit of a session number: the form in which its commands came and its answers go


class Session:
    """One client: its routing id, its number (even; number | BINARY for what it sends as records)."""

    def __init__(self, identity: bytes, number: int) -> None:
        self.identity = identity
        self.number = number
        self.frames: list[bytes] = []
        self.held: Reason | None = None  # why its commands that name it are refused until it says hello
        # Where keys are asked for: what its key allows, and the IP address that its last message came from.
        self.permit: Permit | None = None
        self.address = ""


class Sessions:
    """All of them. `lost` is told the number of each that is forgotten."""

    def __init__(self, lost: Callable[[int], None]) -> None:
        self._lost = lost
        self._by_identity: dict[bytes, Session] = {}
        self._by_number: dict[int, Session] = {}
        # Not from 0: after a restart, answers to the sessions of before must find nobody rather than somebody else.
        self._next = _after(time.time_ns() >> 20 & ~BINARY)

    def of(self, identity: bytes) -> Session:
        """The session of a routing id, a new one where it has none; it is the last to be forgotten now."""
        session = self._by_identity.pop(identity, None)
        if session is None:
            if len(self._by_identity) >= SESSIONS:  # the one silent for longest
                self.forget(next(iter(self._by_identity.values())))
            while self._next in self._by_number:
                self._next = _after(self._next)
            session = Session(identity, self._next)
            self._next = _after(self._next)
            self._by_number[session.number] = session
        self._by_identity[identity] = session
        return session

    def numbered(self, number: int) -> Session | None:
        """The session of a number, in either form; None where it is gone."""
        return self._by_number.get(number & ~BINARY)

    def all(self) -> list[Session]:
        """Every session there is."""
        return list(self._by_number.values())

    def forget(self, session: Session) -> None:
        """It is gone."""
        self._lost(session.number)
        self._by_identity.pop(session.identity, None)
        self._by_number.pop(session.number, None)


def _after(number: int) -> int:
    """The session number after this one; never 0, which in a binary command means none."""
    return (number + 2) % NUMBERS or 2
