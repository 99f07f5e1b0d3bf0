"""The reference engine's events as records, as far as market data looks at them, each step ended by its flag."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ringbuf.codes import FLAG_AUCTION, FLAG_LAST, NO_SYMBOL, EventType, OrderType, Side, SymbolState
from ringbuf.records import EVENT, EVENT_LISTED_INSTRUMENT, EVENT_ORDER, EVENT_STATE
from tests.reference.engine import ReferenceEngine
from tests.reference.features import ALL
from tests.reference.listing import Instrument
from tests.reference.stream import CommandStream, instruments

Levels = list[tuple[int, int]]


class Stepping(ReferenceEngine):
    """The reference, remembering where its steps begin."""

    begins: tuple[int, ...] = ()

    def begin_step(self) -> None:
        """See ReferenceEngine."""
        super().begin_step()
        self.begins = (*(at for at in self.begins if at < len(self.events)), len(self.events))


class ReferenceFlow:
    """A reference engine under a random stream; `events` are records of what it says."""

    def __init__(self, seed: int, features: frozenset[str] = ALL) -> None:
        self.source = CommandStream(seed, features)
        self.engine = Stepping(instruments(features))
        self.listed: list[Instrument] = []
        self._uncrossing = 0  # lots of an uncross still to be traded
        self.first = self._records(self.engine.listed, set())

    def events(self, steps: int) -> Iterator[np.ndarray]:
        """Events of the listings, then of so many commands."""
        yield self.first
        for _ in range(steps):
            self.engine.begins = ()
            said = self.engine.run(self.source.next())
            self.source.saw(said)
            yield self._records(said, set(self.engine.begins))

    def depth(self, instrument: Instrument) -> tuple[Levels, Levels]:
        """(bids, asks) as (price_ticks, shown lots), best first."""
        book = self.engine.books[instrument.symbol]
        sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for side, name in enumerate(("buy", "sell")):
            for order in book.sides[name]:
                assert order.price is not None
                sides[side][order.price] = sides[side].get(order.price, 0) + order.shown
        return sorted(sides[0].items(), reverse=True), sorted(sides[1].items())

    def _records(self, said: list[dict[str, Any]], begins: set[int]) -> np.ndarray:
        rows = np.zeros(len(said), EVENT)
        for at, event in enumerate(said):
            self._fill(rows[at : at + 1], event)
            if at + 1 in begins or at + 1 == len(said):
                rows["flags"][at] |= FLAG_LAST
        return rows

    def _id(self, symbol: str) -> int:
        return [instrument.symbol for instrument in self.listed].index(symbol)

    def _fill(self, row: np.ndarray, event: dict[str, Any]) -> None:
        kind = event["type"]
        row["seq"], row["ts_ns"], row["symbol"] = event["seq"], event["ts_ns"], NO_SYMBOL
        if kind in ("listed", "changed", "delisted"):
            self._fill_listing(row, event)
            return
        row["type"] = EventType[kind.upper()]
        if "symbol" not in event:
            return
        row["symbol"] = self._id(event["symbol"])
        instrument = self.listed[int(row["symbol"][0])]
        row["order_id"], row["maker_order_id"] = event.get("order_id", 0), event.get("maker_order_id", 0)
        row["side"] = Side[event["side"].upper()] if "side" in event else 0
        row["price_ticks"] = _units(instrument.tick, event.get("price"))
        if kind != "mass_cancelled":
            row["qty_lots"] = row["leaves_lots"] = _units(instrument.lot, event.get("qty"))
        if kind == "accepted":
            terms = row.view(EVENT_ORDER)
            terms["order_type"] = OrderType[event["order_type"].upper()]
            terms["display_lots"] = _units(instrument.lot, event.get("display_qty"))
        elif kind == "trade":
            row["leaves_lots"], row["maker_leaves_lots"] = (
                _units(instrument.lot, event[name]) for name in ("leaves", "maker_leaves")
            )
            if self._uncrossing:
                row["flags"] |= FLAG_AUCTION
                self._uncrossing -= int(row["qty_lots"][0])
        elif kind == "state":
            state = row.view(EVENT_STATE)
            state["symbol_state"] = SymbolState[event["state"].upper()]
            state["reference_ticks"] = _units(instrument.tick, event.get("reference_price"))
        elif kind == "uncrossed":
            self._uncrossing = int(row["qty_lots"][0])

    def _fill_listing(self, row: np.ndarray, event: dict[str, Any]) -> None:
        kind, symbol = event["type"], event.get("symbol")
        if symbol is None:
            row["type"] = EventType.LISTED_ASSET if kind == "listed" else EventType.DELISTED_ASSET
        elif kind == "listed":
            instrument = self.engine.instruments[symbol]
            self.listed.append(instrument)
            listing = row.view(EVENT_LISTED_INSTRUMENT)
            listing["type"], listing["symbol"] = EventType.LISTED_INSTRUMENT, len(self.listed) - 1
            listing["tick_lot_quote_units"] = instrument.tick_lot_quote_units
        else:
            row["type"] = EventType.CHANGED_INSTRUMENT if kind == "changed" else EventType.DELISTED_INSTRUMENT
            row["symbol"] = self._id(symbol)


def _units(unit: Any, text: str | None) -> int:
    return 0 if text is None else int(unit.count(text))
