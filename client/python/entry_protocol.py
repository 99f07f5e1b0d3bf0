"""What a client of order entry says and how it reads the answers, whoever moves the frames: sync and async share it."""

from typing import Any

import numpy as np
import orjson
import zmq

from client.python.credentials import NONE, Credentials
from ringbuf.codes import FLAG_LAST, Reason
from ringbuf.records import COMMAND, EVENT, RECORD_SIZE

ENTRY_LANE = 1  # the order entry's command lane, fixed: the top byte of its sessions
HELLO_S = 5.0
QUEUE = 10_000  # messages that wait here while entry is away
_SESSION_BITS = 24
_SESSION_MASK = (1 << _SESSION_BITS) - 1


class NoAnswer(Exception):
    """Nobody answered in time; the message says who was asked and how long."""


class EntryRefused(Exception):
    """Order entry does not let this client in; the message is entry's own."""


class EntrySession:
    """One session with order entry, in the binary form.

    session: what the answers' `session` field holds, -1 before the first. notices: JSON frames, no events (hello,
    errors, pong). silent_s: as entry says, 0 = not guarded. must_greet: entry takes nothing more before a hello.
    """

    def __init__(self, endpoint: str, guard: int | None = None, credentials: Credentials = NONE) -> None:
        self.endpoint = endpoint
        self.session = -1
        self.silent_s = 0.0
        self.notices: list[dict[str, Any]] = []
        self.must_greet = False
        self._guard = guard
        self._credentials = credentials

    def prepare(self, socket: Any) -> None:
        """Set a DEALER's options and connect it."""
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVHWM, 0)
        socket.setsockopt(zmq.SNDHWM, QUEUE)
        socket.setsockopt(zmq.RECONNECT_IVL, 50)
        self._credentials.secure(socket)
        socket.connect(self.endpoint)

    def hello(self) -> bytes:
        """The frame of a hello."""
        hello: dict[str, Any] = {"op": "hello", "format": "binary", **self._credentials.hello()}
        if self._guard is not None:
            hello |= {"account": self._guard, "cancel_on_disconnect": True}
        return orjson.dumps(hello)

    def stamped(self, commands: np.ndarray) -> bytes:
        """The frame of COMMAND records, each marked as this session's."""
        if commands.dtype.itemsize != RECORD_SIZE:
            raise ValueError(f"commands: expected records of {RECORD_SIZE} bytes, found {commands.dtype}")
        stamped = np.array(commands).view(COMMAND)
        stamped["session"] = self.session & _SESSION_MASK
        return stamped.tobytes()

    def read(self, frames: list[bytes]) -> np.ndarray:
        """The events (EVENT) among received frames; the rest goes to `notices`."""
        found = []
        for frame in frames:
            if frame and len(frame) % RECORD_SIZE == 0:
                found.append(frame)
            else:
                self.notices.append(orjson.loads(frame))
        events = np.frombuffer(b"".join(found), EVENT)
        again = (events["seq"] == 0) & (events["reason"] != Reason.NOT_PERMITTED)
        self.must_greet = self.must_greet or bool(again.any())
        return events

    def answered(self) -> int | None:
        """The session in the last answer to a hello, taken from `notices`; None where there is none.

        Raises EntryRefused where entry does not let this client in (any more).
        """
        found = None
        for notice in [n for n in self.notices if n.get("op") == "hello"]:
            self.notices.remove(notice)
            if "error" in notice:
                raise EntryRefused(f"{self.endpoint}: {notice['error']}")
            found = ENTRY_LANE << _SESSION_BITS | int(notice["session"])
            self.silent_s = notice.get("silent_ms", 0) / 1000
        return found


PING = orjson.dumps({"op": "ping"})


def count_answers(events: np.ndarray, session: int) -> int:
    """How many commands of `session` end among these events; a refusal by entry (sequence 0) is no end."""
    ends = (events["session"] == session) & (events["flags"] & FLAG_LAST != 0) & (events["seq"] != 0)
    return int(np.count_nonzero(ends))


assert COMMAND.itemsize == RECORD_SIZE
