"""Step 3 of nine: each account's frozen and available amounts, and the ledger of every change.

A trade that takes a balance below zero can't be booked: it is booked as it stands (the stream is the truth),
remembered in the store, and its bust asked for through this consumer's own command lane. The engine's
``busted`` event then unwinds it here as everywhere else.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.wide_commands import fill_bust
from consumers.balances.store import NAME, TABLES, BalanceFold
from consumers.runtime import run
from consumers.store import Store
from consumers.stored import StoredConsumer
from ringbuf.lanes import Lanes, Producer
from ringbuf.records import COMMAND, EVENT
from ringbuf.shm import SegmentMissing


def bust_command(trade: np.void) -> NDArray[np.void]:
    """One COMMAND that undoes `trade` (an EVENT): the engine keeps no history, so the trade comes along."""
    command = np.zeros(1, COMMAND)
    fill_bust(command, int(trade["seq"]), trade)
    return command


class BustLane:
    """This consumer's command lane; attached at the first bust, as most runs never need one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lanes: Lanes | None = None
        self._producer: Producer | None = None

    def ask(self, trade: np.void) -> bool:
        """Send the bust of `trade`; False when the lane is full or no engine has made it yet."""
        assert trade.dtype == EVENT
        if self._lanes is not None and not self._lanes.is_current:
            self.close()
        if self._producer is None:
            try:
                self._lanes = Lanes.attach(self._name)
            except SegmentMissing:
                return False
            self._producer = self._lanes.producer(NAME)
        return self._producer.send(bust_command(trade)) == 1

    def close(self) -> None:
        """Let go of the lane."""
        if self._producer is not None:
            self._producer.close()
        if self._lanes is not None:
            self._lanes.close()
        self._producer = self._lanes = None


def consumer() -> StoredConsumer:
    """The balances consumer, not yet opened."""

    def fold_on(store: Store, context: Any) -> BalanceFold:
        lane = BustLane(f"/{context.name}.lanes")
        return BalanceFold(store, lane.ask, lane.close)

    return StoredConsumer(NAME, TABLES, fold_on)


def main(context: Any) -> int:
    """Run until told to stop; the exit code."""
    return run(consumer(), context)
