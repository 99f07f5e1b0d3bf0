"""Orders over ZeroMQ: a DEALER that speaks the binary form and tells the answers to its own commands from the rest."""

import time
from typing import Any

import numpy as np
import orjson
import zmq

from client.python.credentials import NONE, Credentials
from client.python.entry_protocol import (
    HELLO_S,
    PING,
    EntryRefused,
    EntrySession,
    NoAnswer,
    count_answers,
)
from ringbuf.records import EVENT

__all__ = ["EntryClient", "EntryRefused", "NoAnswer", "count_answers"]


class EntryClient:
    """One connection to order entry. Not for use by several threads.

    `session`: what the answers' `session` field holds. `notices`: JSON frames, no events (hello, errors, pong).
    `guard`: an account whose open orders end when nothing is heard from here for `silent_s`: then call `ping` at least
    twice as often, where nothing else is sent. The notice `disconnected` says that it has come to that.
    Open one anew after entry was restarted: what the old one had not sent is dropped with it, so nothing goes twice.
    Raises NoAnswer where nobody answers within `wait_s`, EntryRefused where the credentials are not good.
    """

    def __init__(
        self,
        endpoint: str,
        wait_s: float = HELLO_S,
        guard: int | None = None,
        credentials: Credentials = NONE,
    ) -> None:
        self.endpoint = endpoint
        self._talk = EntrySession(endpoint, guard, credentials)
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._talk.prepare(self._socket)
        self._early: list[bytes] = []
        try:
            self._talk.session = self._greet(wait_s)
        except (NoAnswer, EntryRefused):
            self.close()
            raise

    @property
    def session(self) -> int:
        """What the answers' `session` field holds."""
        return self._talk.session

    @property
    def notices(self) -> list[dict[str, Any]]:
        """JSON frames that have come, no events; whoever has read one takes it out."""
        return self._talk.notices

    @property
    def silent_s(self) -> float:
        """How long this client may be silent, as entry says; 0 = it is not guarded."""
        return self._talk.silent_s

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
        self._talk.must_greet = not self._put(self._talk.hello()) and self._talk.must_greet

    def ping(self) -> None:
        """Be heard; the answer, a notice, shows that entry is."""
        self._put(PING)

    def ask(self, fields: dict[str, Any]) -> None:
        """Send one command as text; its answers come as text, too: among `notices`."""
        self._put(orjson.dumps(fields))

    def answered_session(self) -> int | None:
        """The session in the last answer to a hello, taken from `notices`; None where there is none.

        Raises EntryRefused where entry does not let this client in (any more).
        """
        return self._talk.answered()

    def send(self, commands: np.ndarray) -> int:
        """Send COMMAND records as one message; how many went out: all, or 0 while the queue to entry is full.

        Stamps their session: no other entry than the one that gave it takes them, see `answered_session`. After a
        refusal entry takes none of the session before a hello, which goes out first here: who wants the order kept
        waits until everything under way is answered or refused, then sends what was refused again.
        """
        frame = self._talk.stamped(commands)
        if not frame:
            return 0
        if self._talk.must_greet:
            self.ask_session()
        return len(commands) if self._put(frame) else 0

    def _put(self, frame: bytes) -> bool:
        """Queue a frame without waiting: a client that waited for a dead entry could not notice that it is dead."""
        try:
            self._socket.send(frame, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def receive(self, timeout_ms: int) -> np.ndarray:
        """The events (EVENT) that have come, waiting for the first at most so long; JSON frames go to `notices`.

        One of sequence 0 is no event: entry had no room (`overloaded`) or the journal fails (`storage_full`): send
        that command again, see `send`. Or the key does not allow it (`not_permitted`): for good.
        """
        found = self._early
        self._early = []
        if not found and not self._socket.poll(timeout_ms):
            return np.empty(0, EVENT)
        while True:
            try:
                found += self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
        return self._talk.read(found)

    def own_answers(self, events: np.ndarray) -> int:
        """How many of this session's commands these events finish."""
        return count_answers(events, self.session)

    def close(self) -> None:
        """Drop what is unsent and let go of the socket."""
        self._socket.close()
        self._context.term()
