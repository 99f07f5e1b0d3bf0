"""The life of a process that serves HTTP: until SIGTERM, its supervisor's death, or another ring under its name."""

import asyncio
import os
import signal
from typing import Protocol

from ringbuf.cursor import CursorState

BEAT_S = 0.2


class Part(Protocol):
    """What lives so."""

    @property
    def is_current(self) -> bool:
        """Whether the pipeline still uses its memory."""

    def beat(self, state: CursorState) -> None:
        """Show life."""


class Life:
    """Begun in the loop. `over` is done once it has to end, with what ended it where that was a failure."""

    def __init__(self, part: Part) -> None:
        loop = asyncio.get_running_loop()
        self._part = part
        self._parent = os.getppid()
        self.over: asyncio.Future[None] = loop.create_future()
        loop.add_signal_handler(signal.SIGTERM, self.stop)

    async def watch(self) -> None:
        """Until it is over. Raises what `failed` was told."""
        while not self.over.done():
            self._part.beat(CursorState.RUNNING)
            await asyncio.wait([self.over], timeout=BEAT_S)
            if os.getppid() != self._parent or not self._part.is_current:
                self.stop()
        self.over.result()

    def stop(self) -> None:
        """End it."""
        if not self.over.done():
            self.over.set_result(None)

    def failed(self, error: BaseException) -> None:
        """End it with an error."""
        if not self.over.done():
            self.over.set_exception(error)
