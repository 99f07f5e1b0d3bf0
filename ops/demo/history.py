"""What the journal says happened: one walk through all events, applied to an engine of our own on the way."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.catalog import Catalog
from config.json_events import encode
from consumers.journal.reader import CHUNK, JournalReader
from engine.core import Engine
from ringbuf.codes import EventType, Side

# (symbol, side of the taker, price, qty, taker's (account, client id), maker's)
Trade = tuple[str, str, str, str, tuple[int, int], tuple[int, int]]


@dataclass
class History:
    """The whole journal, folded. Amounts in minor units by asset id."""

    engine: Engine = field(default_factory=Engine)
    catalog: Catalog = field(default_factory=Catalog)
    last: int = 0
    counts: Counter[EventType] = field(default_factory=Counter)
    deposited: Counter[int] = field(default_factory=Counter)
    withdrawn: Counter[int] = field(default_factory=Counter)
    trades: list[Trade] = field(default_factory=list)
    _clients: dict[int, tuple[int, int]] = field(default_factory=dict)  # order id: who placed it under which id

    def take(self, events: NDArray[np.void]) -> None:
        """Go on by some events."""
        self.engine.apply(events)
        self.catalog.fold_all(events)
        kinds, counts = np.unique(events["type"], return_counts=True)
        self.counts.update({EventType(kind): count for kind, count in zip(kinds.tolist(), counts.tolist())})
        for kind, sums in ((EventType.DEPOSITED, self.deposited), (EventType.WITHDRAWN, self.withdrawn)):
            for event in events[events["type"] == kind]:
                sums[int(event["symbol"])] += int(event["qty_lots"])
        for event in events[events["type"] == EventType.ACCEPTED]:
            self._clients[int(event["order_id"])] = (int(event["account"]), int(event["client_id"]))
        self.trades += [self._trade(event) for event in events[events["type"] == EventType.TRADE]]
        self.last = int(events["seq"][-1])

    def _trade(self, event: np.void) -> Trade:
        said = encode(event, self.catalog)
        parties = self._clients[said["order_id"]], self._clients[said["maker_order_id"]]
        return (said["symbol"], said["side"], said["price"], said["qty"], *parties)

    def book(self, symbol: str) -> list[list[list[Any]]]:
        """[bids, asks] of [price, qty, account, client id], in priority."""
        instrument = self.catalog.instrument(symbol)
        sides: list[list[list[Any]]] = [[], []]
        for order in self.engine.orders(instrument.id):
            price = instrument.price_text(int(order["price_ticks"]))
            qty = instrument.qty_text(int(order["leaves_lots"]))
            row = [price, qty, int(order["account"]), int(order["client_id"])]
            sides[0 if int(order["side"]) == Side.BUY else 1].append(row)
        return sides


def read_history(data: Path) -> History:
    """Walk the journal in `data` from the first event to the last."""
    history = History()
    with JournalReader(data) as journal:
        last = journal.last
        while history.last < last:
            history.take(journal.read(history.last + 1, min(CHUNK, last - history.last)))
    return history
