"""Requests for transfers on their way from clients to the process that moves funds, and the answers back.

Asked again until they are answered: that process may die with a request in its hands, and knows each by its name. They
are told when they have ended, in no order with anything else, as a shard that is away may hold one up for long.
"""

import time
from typing import Any

import orjson
import zmq

from ops.shards.session import Session

AGAIN_S = 1.0


class TransferRequests:
    """A DEALER to the transfers process, and who waits for what."""

    def __init__(self, context: "zmq.Context[Any]", endpoint: str) -> None:
        self.socket: Any = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(endpoint)
        self._waiting: dict[int, tuple[Session, bytes]] = {}
        self._number = time.time_ns()  # not from 0: answers to the requests of an entry before find nobody
        self._sent_s = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def ask(self, session: Session, fields: dict[str, Any]) -> None:
        """Pass one on."""
        self._number += 1
        request = orjson.dumps({key: value for key, value in fields.items() if key != "op"} | {"ask": self._number})
        self._waiting[self._number] = session, request
        self._put(request)

    def _put(self, request: bytes) -> None:
        try:
            self.socket.send(request, zmq.NOBLOCK)
        except zmq.Again:
            return  # asked again in a while

    def answers(self) -> list[tuple[Session, dict[str, Any]]]:
        """What has ended, with who asked for it."""
        found = []
        while self.socket.get(zmq.EVENTS) & zmq.POLLIN:
            answer = orjson.loads(self.socket.recv(zmq.NOBLOCK))
            asked = self._waiting.pop(int(answer.pop("ask")), None)
            if asked is not None:  # else answered already: it was asked for again meanwhile
                found.append((asked[0], answer))
        return found

    def look(self, now_s: float) -> None:
        """Ask again where it is time."""
        if now_s - self._sent_s > AGAIN_S:
            self._sent_s = now_s
            for _, request in self._waiting.values():
                self._put(request)

    def forget(self, session: Session) -> None:
        """Nobody waits for this one's any more; what was asked for happens all the same."""
        for number in [number for number, (asker, _) in self._waiting.items() if asker is session]:
            del self._waiting[number]

    def close(self) -> None:
        """Let go of the socket."""
        self.socket.close()
