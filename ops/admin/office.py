"""What the admin process is made of, put together once after the fork."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from config.api_keys import ApiKeys
from config.json_commands import decode_all
from config.json_events import encode_all
from consumers.gateway.desk import Desk
from consumers.gateway.errors import ApiError
from consumers.gateway.pump import RingPump
from consumers.gateway.stream import EventStream
from consumers.journal.reader import JournalReader
from ops.admin.adjustments import Adjustments
from ops.admin.money import Money
from ops.admin.picture import Picture
from ringbuf.codes import EventType
from ringbuf.cursor import CursorState

MALFORMED, REFUSED, UNKNOWN = -1130, -2010, -1000
TRADES = 40  # the latest, to choose one from
_TRADE = int(EventType.TRADE)
Found = TypeVar("Found")


class Office:
    """The parts. Questions to stores run one at a time in `asked`'s thread: each opens what it reads and closes it."""

    def __init__(self, context: Any, name: str) -> None:
        self.name = name
        self.memory = context.name
        self.data = context.data
        self.settings = context.settings
        self.is_demo = context.settings.gateway.demo
        self.stream = EventStream(context, name)
        self.keys = ApiKeys(context.data)
        self.desk = Desk(context, name, self.stream.ring)
        self.adjustments = Adjustments(context.data, context.epoch)
        self.unanswered: set[int] = set()  # adjustments that were sent
        self.money = Money(context.data, context.epoch)
        self.picture = Picture(self)
        self.trades: deque[np.ndarray] = deque(maxlen=TRADES)
        self.stream.listeners += [self._note_trades, self.desk.on_events]
        self._thread = ThreadPoolExecutor(1, "stores")
        self._pump: RingPump | None = None

    def now_ms(self) -> int:
        """The host's clock, ms since 1970."""
        return time.time_ns() // 1_000_000

    def start(self, failed: Callable[[BaseException], None]) -> None:
        """In the loop: read events from now on. `failed` hears once of what ends that."""
        self._pump = RingPump(self.stream.waiter, lambda: self.stream.position, self.stream.take, failed)
        self._pump.start()

    async def asked(self, question: Callable[..., Found], *arguments: Any) -> Found:
        """The answer to a question that reads files."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, question, *arguments)

    async def command(self, fields: dict[str, Any]) -> list[dict[str, Any]]:
        """A command as the interface writes it, carried out; its events. Raises ApiError where it is refused."""
        commands, wrong = decode_all(fields, self.stream.catalog, self._trade_of)
        if wrong is not None:
            raise ApiError(MALFORMED, wrong)
        events = await self.desk.submit(commands)
        told = encode_all(events, self.stream.catalog)
        refused = next((event for event in told if event["type"] == "rejected"), None)
        if refused is not None:
            raise ApiError(REFUSED, f"refused: {refused['reason']}", 409, events=told)
        return told

    def _trade_of(self, seq: int) -> np.void | None:
        if not 1 <= seq <= self.stream.position:
            return None
        with JournalReader(self.data) as reader:
            found: np.void = reader.record(seq)[0]
            return found

    def _note_trades(self, events: np.ndarray) -> None:
        for at in np.flatnonzero(events["type"] == _TRADE)[-TRADES:].tolist():
            self.trades.append(events[at : at + 1].copy())

    @property
    def is_current(self) -> bool:
        """Whether the pipeline still uses this memory."""
        return self.stream.ring.is_current

    def beat(self, state: CursorState) -> None:
        """A few times a second: show life, look whether keys changed."""
        self.stream.beat(state)
        self.desk.look()
        self.keys.refresh()

    def stop(self) -> None:
        """In the loop: read no more."""
        if self._pump is not None:
            self._pump.stop()

    def close(self) -> None:
        """Let go of everything; after `stop`."""
        self._thread.shutdown(cancel_futures=True)
        self.picture.close()
        self.adjustments.close()
        self.desk.close()
        self.stream.close()
