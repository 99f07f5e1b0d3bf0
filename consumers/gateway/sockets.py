"""Every WebSocket of this process: how many, how they fare, and the second hand that looks after them."""

import asyncio
import logging
import time
from contextlib import suppress
from http import HTTPStatus

from consumers.gateway.errors import TOO_MANY_REQUESTS, ApiError
from consumers.gateway.frames import GOING_AWAY
from consumers.gateway.limits import Window
from consumers.gateway.socket import Socket

log = logging.getLogger(__name__)

LOOK_S = 1.0
ATTEMPTS_S = 300
NOTES_A_MINUTE = 30
GOODBYE_S = 2.0  # at the end of the process


class Sockets:
    """All connections. conflated: messages left out for a client that was behind; too_slow, silent: clients dropped.

    per_five_minutes: connections that one address may open in that time; 0 = any number. Raises ApiError (429) beyond.
    """

    def __init__(self, per_five_minutes: int) -> None:
        self._all: set[Socket] = set()
        self._most = per_five_minutes
        self._attempts = Window(ATTEMPTS_S)
        self._noted = Window(60)
        self._looked = 0.0
        self._all_gone = asyncio.Event()
        self.conflated = self.too_slow = self.silent = 0

    def __len__(self) -> int:
        return len(self._all)

    def admit(self, address: str) -> None:
        """Count an attempt to connect."""
        if self._most and self._attempts.add(address, 1, time.time()) > self._most:
            raise ApiError(
                TOO_MANY_REQUESTS,
                f"Too many connections; current limit is {self._most} attempts per 5 minutes.",
                HTTPStatus.TOO_MANY_REQUESTS,
            )

    def note(self, address: str, reason: str) -> None:
        """Into the log why one is closed: that of whoever comes again and again, only so often."""
        if self._noted.add("", 1, time.time()) <= NOTES_A_MINUTE:
            log.info("a connection of %s is closed: %s", address, reason)

    def add(self, socket: Socket) -> None:
        """One that is open."""
        self._all.add(socket)

    def remove(self, socket: Socket) -> None:
        """One that is not any more."""
        self._all.discard(socket)
        if not self._all:
            self._all_gone.set()

    def look(self) -> None:
        """As often as one likes; each second each connection is looked at."""
        now = time.monotonic()
        if now - self._looked >= LOOK_S:
            self._looked = now
            for socket in list(self._all):
                socket.look(now)

    async def close(self) -> None:
        """The process ends: say goodbye to all, and hear theirs for GOODBYE_S."""
        for socket in list(self._all):
            socket.drop(GOING_AWAY, "The gateway is about to stop.")
        self._all_gone.clear()
        if self._all:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_gone.wait(), GOODBYE_S)
        for socket in list(self._all):
            socket.abort()
