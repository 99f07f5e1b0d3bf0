"""Orders over ZeroMQ: a DEALER that speaks the binary form and tells the answers to its own commands from the rest."""

import time
from typing import Any

import numpy as np
import orjson
import zmq

from ringbuf.codes import FLAG_LAST
from ringbuf.records import COMMAND, EVENT, RECORD_SIZE

ENTRY_LANE = 1  # the order entry's command lane, fixed: the top byte of its sessions
HELLO_S = 5.0
QUEUE = 10_000  # messages that wait here while entry is away
_SESSION_BITS = 24
_SESSION_MASK = (1 << _SESSION_BITS) - 1


class NoAnswer(Exception):
    """Nobody answered in time; the message says who was asked and how long."""


class EntryClient:
    """One connection to order entry. Not for use by several threads.

    `session`: what the answers' `session` field holds. `notices`: JSON frames, no events (hello, errors, pong).
    `guard`: an account whose open orders end when nothing is heard from here for `silent_s`: then call `ping` at least
    twice as often, where nothing else is sent. The notice `disconnected` says that it has come to that.
    Open one anew after entry was restarted: what the old one had not sent is dropped with it, so nothing goes twice.
    """

    def __init__(self, endpoint: str, wait_s: float = HELLO_S, guard: int | None = None) -> None:
        self.endpoint = endpoint
        self.silent_s = 0.0  # as entry says; 0 = not guarded
        self._guard = guard
        self.notices: list[dict[str, Any]] = []
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.setsockopt(zmq.SNDHWM, QUEUE)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 50)
        self._socket.connect(endpoint)
        self._early: list[bytes] = []
        self._refused = False  # since the last hello
        self.session = -1
        try:
            self.session = self._greet(wait_s)
        except NoAnswer:
            self.close()
            raise

    def _greet(self, wait_s: float) -> int:
        self.ask_session()
        deadline = time.monotonic() + wait_s
        while (left := deadline - time.monotonic()) > 0:
            events = self.receive(int(left * 1000) + 1)
            if len(events):
                self._early.append(events.tobytes())
            answered = self.answered_session()
            if answered is not None:
                return answered
        raise NoAnswer(f"{self.endpoint}: no answer to hello within {wait_s:g} s")

    def ask_session(self) -> None:
        """Say hello again; the answer shows in `answered_session` whether entry still knows this session."""
        hello: dict[str, Any] = {"op": "hello", "format": "binary"}
        if self._guard is not None:
            hello |= {"account": self._guard, "cancel_on_disconnect": True}
        self._refused = not self._put(orjson.dumps(hello)) and self._refused

    def ping(self) -> None:
        """Be heard; the answer, a notice, shows that entry is."""
        self._put(orjson.dumps({"op": "ping"}))

    def ask(self, fields: dict[str, Any]) -> None:
        """Send one command as text; its answers come as text, too: among `notices`."""
        self._put(orjson.dumps(fields))

    def answered_session(self) -> int | None:
        """The session in the last answer to a hello, taken from `notices`; None where there is none."""
        found = None
        for notice in [n for n in self.notices if n.get("op") == "hello"]:
            self.notices.remove(notice)
            found = ENTRY_LANE << _SESSION_BITS | int(notice["session"])
            self.silent_s = notice.get("silent_ms", 0) / 1000
        return found

    def send(self, commands: np.ndarray) -> int:
        """Send COMMAND records as one message; how many went out: all, or 0 while the queue to entry is full.

        Stamps their session: no other entry than the one that gave it takes them, see `answered_session`. After a
        refusal entry takes none of the session before a hello, which goes out first here: who wants the order kept
        waits until everything under way is answered or refused, then sends what was refused again.
        """
        if commands.dtype.itemsize != RECORD_SIZE:
            raise ValueError(f"commands: expected records of {RECORD_SIZE} bytes, found {commands.dtype}")
        if len(commands):
            if self._refused:
                self.ask_session()
            stamped = np.array(commands).view(COMMAND)
            stamped["session"] = self.session & _SESSION_MASK
            return len(commands) if self._put(stamped.tobytes()) else 0
        return 0

    def _put(self, frame: bytes) -> bool:
        """Queue a frame without waiting: a client that waited for a dead entry could not notice that it is dead."""
        try:
            self._socket.send(frame, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def receive(self, timeout_ms: int) -> np.ndarray:
        """The events (EVENT) that have come, waiting for the first at most so long; JSON frames go to `notices`.

        One of sequence 0 is no event: entry had no room (`overloaded`) or the journal fails (`storage_full`).
        Send that command again, see `send`.
        """
        found = self._early
        self._early = []
        if not found and not self._socket.poll(timeout_ms):
            return np.empty(0, EVENT)
        while True:
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            for frame in frames:
                if frame and len(frame) % RECORD_SIZE == 0:
                    found.append(frame)
                else:
                    self.notices.append(orjson.loads(frame))
        events = np.frombuffer(b"".join(found), EVENT)
        self._refused = self._refused or bool((events["seq"] == 0).any())
        return events

    def own_answers(self, events: np.ndarray) -> int:
        """How many of this session's commands these events finish."""
        return count_answers(events, self.session)

    def close(self) -> None:
        """Drop what is unsent and let go of the socket."""
        self._socket.close()
        self._context.term()


def count_answers(events: np.ndarray, session: int) -> int:
    """How many commands of `session` end among these events; a refusal by entry (sequence 0) is no end."""
    ends = (events["session"] == session) & (events["flags"] & FLAG_LAST != 0) & (events["seq"] != 0)
    return int(np.count_nonzero(ends))


assert COMMAND.itemsize == RECORD_SIZE
