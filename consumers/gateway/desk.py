"""Commands into the gateway's own lane, and the events that answer them."""

import asyncio
import logging
import time
from typing import Any

import numpy as np

from consumers.gateway.errors import SERVER_BUSY, TIMEOUT, ApiError, unavailable
from ringbuf.codes import FLAG_LAST
from ringbuf.cursor import CursorState
from ringbuf.lanes import Lanes
from ringbuf.ring import Ring

log = logging.getLogger(__name__)

ANSWER_S = 5.0  # an engine that dies is replaced sooner
_NUMBERS = 1 << 24  # of sessions in one lane


class _Request:
    """Commands that wait for their last event."""

    def __init__(self, commands: int, done: "asyncio.Future[np.ndarray]") -> None:
        self.left = commands
        self.done = done
        self.parts: list[np.ndarray] = []


class Desk:
    """One producer of commands. Every request is a session of its own, so its events are told from all others."""

    def __init__(self, context: Any, name: str, ring: Ring) -> None:
        self._lanes = Lanes.attach(f"/{context.name}.lanes")
        self._lane = self._lanes.producer(name)
        self._ring = ring
        self._requests: dict[int, _Request] = {}
        # Not from 0: what a gateway that died had sent is answered to nobody, rather than to somebody else.
        self._next = time.time_ns() >> 20 & (_NUMBERS - 1)
        self._failing = False
        self.look()

    @property
    def lane(self) -> int:
        """Its number, which stands in the session of every event that answers it."""
        return int(self._lane.lane)

    @property
    def waiting(self) -> int:
        """Requests that are not answered yet."""
        return len(self._requests)

    def look(self) -> None:
        """A few times a second: whether what is accepted now can become durable, by what the journal's cursor says."""
        state = self._ring.gate_state
        if state == CursorState.FAILED and not self._failing:
            log.error("the journal has failed: orders are refused")
            self._failing = True
        elif state in (CursorState.RUNNING, CursorState.CATCHING_UP) and self._failing:
            log.info("the journal is back: orders are taken again")
            self._failing = False

    async def submit(self, commands: np.ndarray) -> np.ndarray:
        """Send commands, all or none; every event that answers them (EVENT), in sequence.

        Raises ApiError where there is no room, nothing can become durable, or no answer came in time: then nobody
        knows whether they were carried out.
        """
        room = self._lanes.capacity - (self._lane.produced - self._lane.consumed)
        if self._failing or room < len(commands):
            raise unavailable(SERVER_BUSY, "Server is currently overloaded with other requests. Please try again.")
        number = self._next = (self._next + 1) % _NUMBERS
        request = _Request(len(commands), asyncio.get_running_loop().create_future())
        self._requests[number] = request
        commands["session"] = number
        sent = self._lane.send(commands)
        assert sent == len(commands), "there was room"
        try:
            async with asyncio.timeout(ANSWER_S):
                return await request.done
        except TimeoutError:
            raise ApiError(
                TIMEOUT,
                "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
                504,
            ) from None
        finally:
            self._requests.pop(number, None)

    def on_events(self, events: np.ndarray) -> None:
        """A batch of the event stream: give each request its own."""
        sessions = events["session"]
        mine = sessions >> 24 == self._lane.lane
        if not mine.any():
            return
        for number in dict.fromkeys(sessions[mine].tolist()):
            request = self._requests.get(number & (_NUMBERS - 1))
            if request is None or request.done.done():
                continue
            own = events[sessions == number]
            request.parts.append(own)
            request.left -= int(np.count_nonzero(own["flags"] & FLAG_LAST))
            if request.left <= 0:
                request.done.set_result(np.concatenate(request.parts))

    def close(self) -> None:
        """Give the lane up; what it holds is still carried out."""
        self._lane.close()
        self._lanes.close()
