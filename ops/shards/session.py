"""The clients of the order entry of all shards, and each one's links to the shards that it uses."""

import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import zmq

from ops.shards.asked import Asked
from ops.shards.layout import Shards
from ops.shards.link import Link

NUMBERS = 1 << 24
BINARY = 1  # lowest bit of a session number, as in an engine's entry
MOST = 1 << 12  # each costs a socket a shard that it uses


class Session:
    """One client: routing id, number (even), the form in which it last asked, its links by shard."""

    def __init__(self, identity: bytes, number: int) -> None:
        self.identity = identity
        self.number = number
        self.form = 0
        self.frames: list[bytes] = []
        self.waiting: deque[Asked] = deque()
        self.links: dict[int, Link] = {}
        # Shards that refused something: until a hello nothing that names the session goes there.
        self.held: set[int] = set()
        self.guard: int | None = None
        self.greeting: dict[str, Any] | None = None  # the answer to a hello that all shards have to hear first
        self.pinged_s = 0.0


class Sessions:
    """All of them, the one silent for longest first; by `own` the entry knows which shards are there."""

    def __init__(self, context: "zmq.Context[Any]", shards: Shards, endpoints: list[str]) -> None:
        self._zmq = context
        self._shards = shards
        self._endpoints = endpoints
        self.poller = zmq.Poller()
        self.own = Session(b"", 0)
        self._by_identity: dict[bytes, Session] = {}
        self._by_socket: dict[Any, tuple[Session, Link]] = {}
        # Not from 0: after a restart, who names a session of before must be told that it is another.
        self._next = _after(time.time_ns() >> 20 & ~BINARY)

    @property
    def clients(self) -> Iterator[Session]:
        """Those of clients."""
        return iter(self._by_identity.values())

    def __iter__(self) -> Iterator[Session]:
        return iter([self.own, *self._by_identity.values()])

    def of(self, identity: bytes) -> tuple[Session, Session | None]:
        """(the client's session, the one that had to make room for it)."""
        session, gone = self._by_identity.pop(identity, None), None
        if session is None:
            if len(self._by_identity) >= MOST:
                gone = next(iter(self._by_identity.values()))
                self.forget(gone)
            session = Session(identity, self.number())
        self._by_identity[identity] = session
        return session, gone

    def number(self) -> int:
        """One that no session has had for long."""
        number, self._next = self._next, _after(self._next)
        return number

    def forget(self, session: Session) -> None:
        """It is gone, and its links with it."""
        self._by_identity.pop(session.identity, None)
        for link in list(session.links.values()):
            self.drop(session, link)

    def link(self, session: Session, shard: int, now_s: float) -> Link:
        """Its link to a shard, made where there is none."""
        link = session.links.get(shard)
        if link is None:
            watched = session is self.own
            link = Link(self._zmq, self._endpoints[shard], self._shards, shard, now_s, session.guard, watched)
            session.links[shard] = link
            self._by_socket[link.socket] = session, link
            self.poller.register(link.socket, zmq.POLLIN)
        return link

    def drop(self, session: Session, link: Link) -> None:
        """Let go of a link."""
        self.poller.unregister(link.socket)
        del self._by_socket[link.socket]
        link.close()
        session.links.pop(link.shard, None)

    def heard(self) -> list[tuple[Session, Link]]:
        """Whose shards have said something."""
        ready = [socket for socket, _ in self.poller.poll(0)]
        return [self._by_socket[socket] for socket in ready if socket in self._by_socket]

    def is_there(self, shard: int) -> bool:
        """Whether the shard's entry was heard lately, by the entry's own link to it."""
        link = self.own.links.get(shard)
        return link is not None and link.session != 0

    def close(self) -> None:
        """Close every link."""
        for session in self:
            for link in session.links.values():
                link.close()


def _after(number: int) -> int:
    """The session number after this one; never 0, which in a binary command means none."""
    return (number + 2) % NUMBERS or 2
