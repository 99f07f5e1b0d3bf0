"""What a kind of sink is: one outside store that takes events in sequence, together with its own cursor.

A target never repeats and never waits: it says `TargetAway` and is opened again later. `process` does the rest.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from config.catalog import Catalog
from config.json_events import encode_all
from ringbuf.codes import EventType

EVENTS, TRADES = "events", "trades"
ORDERS, LEDGER = "orders", "ledger"  # what follows from the events, for stores that keep tables
Value = int | str | bool | Decimal
Row = dict[str, Value]


class TargetAway(Exception):
    """The store can't be had now: not there, too slow, connection lost, or it does not let us in. Tried again."""


class TargetRefused(TargetAway):
    """The store is not one that this history may be written to as things are; an operator must act. Tried again."""


class BadRow(Exception):
    """The store will not take a value of these events, however often it is tried. Alone, the event is put aside."""


@dataclass(frozen=True)
class Batch:
    """Whole commands' events (EVENT, contiguous, n ≥ 0) that follow the cursor `after`; the cursor is `upto` then."""

    events: NDArray[np.void]
    after: int
    upto: int
    catalog: Catalog

    @cached_property
    def fields(self) -> list[dict[str, Any]]:
        """The events as the JSON form has them, in order."""
        return encode_all(self.events, self.catalog)

    @property
    def trades(self) -> list[dict[str, Any]]:
        """Those of `fields` that are trades."""
        return [self.fields[at] for at in np.flatnonzero(self.events["type"] == EventType.TRADE).tolist()]

    @property
    def busts(self) -> list[tuple[int, int]]:
        """(sequence of the trade, sequence of the event that took it back)."""
        found = np.flatnonzero(self.events["type"] == EventType.BUSTED).tolist()
        return [(self.fields[at]["trade_seq"], self.fields[at]["seq"]) for at in found]


class Target(ABC):
    """One outside store. After TargetAway only `close`, then `open`."""

    batch_events: ClassVar[int]  # most events of one `write`
    commit_ms: ClassVar[int]  # events come together for so long

    @abstractmethod
    def open(self, epoch: int) -> int:
        """Connect, make or bring up to date what is needed; the sequence of its cursor, 0 = nothing yet.

        Raises TargetAway; TargetRefused where it holds another history, or a schema newer than this version.
        """

    @abstractmethod
    def look(self, epoch: int) -> int:
        """In place of `open`: only to be asked, beside a process that writes. Makes nothing. As `open`."""

    @abstractmethod
    def write(self, batch: Batch) -> None:
        """Take the events and move the cursor from `batch.after` to `batch.upto`, exactly once.

        Raises TargetAway (nothing is known of what arrived: open again); BadRow (nothing was taken; goes on working).
        """

    def idle(self, now_ns: int) -> None:
        """Called now and then. Raises TargetAway. Most have nothing to do."""
        return

    @abstractmethod
    def close(self) -> None:
        """Let go of the connection, whatever state it is in."""


class ReadableTarget(Target):
    """One that can be asked what it was given. `lost`: of the events that `resend` was given since `look`, how many
    are missing and can't be put back."""

    marks_busts: ClassVar[bool]  # rows of `trades` get `busted_seq`; False: what is there can't be changed
    tables: tuple[str, ...]  # of `events`, `trades`, `orders`, `ledger`: what it holds
    lost: int = 0

    @abstractmethod
    def resend(self, batch: Batch) -> int:
        """Put what is missing of events that the cursor has passed; how many were. What is there is not touched."""

    @abstractmethod
    def held_from(self) -> int:
        """The first sequence that it still means to hold: 1, or later where it forgets by rule."""

    @abstractmethod
    def read(self, table: str, first: int, last: int) -> Iterator[Row]:
        """What it holds of a table from `first` to `last`, in the order of its key; absent fields left out.

        `orders` are named by the event that accepted them. Decimals as Decimal. A trade that was taken back has
        `busted_seq`, where the store can mark it.
        """
