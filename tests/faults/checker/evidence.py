"""What the checker judges by: history, what clients sent and were told, the feed, what the stores answer."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from ringbuf.codes import EventType, Reason, Side
from ringbuf.records import EVENT, EVENT_BUST, EVENT_LISTED_ASSET, EVENT_LISTED_INSTRUMENT, EVENT_ORDER
from tests.faults.listener import Message

FEES = "fees"
_STEP = 8192
_WORDS = {int(kind): kind.name.lower() for kind in EventType}
_REASONS = {int(reason): reason.name.lower() for reason in Reason}
_SIDES = {int(side): side.name.lower() for side in Side}
_VIEWS = {
    int(EventType.ACCEPTED): EVENT_ORDER,
    int(EventType.AMENDED): EVENT_ORDER,
    int(EventType.TRIGGERED): EVENT_ORDER,
    int(EventType.BUSTED): EVENT_BUST,
    int(EventType.LISTED_ASSET): EVENT_LISTED_ASSET,
    int(EventType.LISTED_INSTRUMENT): EVENT_LISTED_INSTRUMENT,
}
_NAMES = {dtype: dtype.names or () for dtype in (EVENT, *_VIEWS.values())}
Event = dict[str, Any]


@dataclass
class Finding:
    """Something that is wrong: which promise, and where."""

    promise: str
    text: str


@dataclass
class Answers:
    """What the stores say, as the verbs print it: texts, no records.

    balances: account or "fees" → `query balance`; orders: account → the list of `query orders`; by symbol: trades,
    depth; candles: (symbol, interval) → list; statements: (day, account) → the assets of `report account`;
    volumes: day → those of `report day`; trial: day → its trial balance; reconcile: the verb's report.
    """

    balances: dict[int | str, dict[str, dict[str, str]]] = field(default_factory=dict)
    orders: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    trades: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    depth: dict[str, dict[str, Any]] = field(default_factory=dict)
    candles: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    statements: dict[tuple[str, int | str], dict[str, dict[str, str]]] = field(default_factory=dict)
    volumes: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    trial: dict[str, dict[str, str]] = field(default_factory=dict)
    reconcile: dict[str, Any] = field(default_factory=dict)


@dataclass
class Evidence:
    """One round. sent and told: an array of COMMAND and one of EVENT a session."""

    history: np.ndarray
    sent: list[np.ndarray]
    told: list[np.ndarray]
    feed: list[Message]
    answers: Answers


def _of_view(part: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Which records are to be read so."""
    return np.isin(part["type"], [kind for kind, view in _VIEWS.items() if view == dtype])


def events_of(history: np.ndarray) -> Iterator[Event]:
    """EVENT records as plain dicts of integers and words, one after another."""
    for start in range(0, len(history), _STEP):
        part = np.ascontiguousarray(history[start : start + _STEP])
        kinds = part["type"].tolist()
        plain = part.tolist()
        others = {dtype: iter(part[_of_view(part, dtype)].view(dtype).tolist()) for dtype in set(_VIEWS.values())}
        for row, kind in zip(plain, kinds, strict=True):
            dtype = _VIEWS.get(kind, EVENT)
            event = dict(zip(_NAMES[dtype], next(others[dtype]) if dtype in others else row, strict=True))
            event["type"], event["reason"] = _WORDS.get(kind, f"type {kind}"), _REASONS.get(event["reason"], "?")
            event["side"] = _SIDES.get(event.get("side", 0), "?")
            yield event


@dataclass
class Listed:
    """Assets and instruments as the history lists them. Texts of the stores become integers by these alone."""

    assets: list[tuple[str, int]] = field(default_factory=list)  # name, decimals; place = id
    instruments: list[Event] = field(default_factory=list)  # place = id
    _known: dict[tuple[str, int, int], int | None] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Note a listing; the campaigns change and end none."""
        if event["type"] == "listed_asset":
            self.assets.append((event["name"].decode(), event["decimals"]))
        elif event["type"] == "listed_instrument":
            self.instruments.append({**event, "name": event["name"].decode()})

    def asset(self, name: str) -> int:
        """Id by name."""
        return [known for known, _ in self.assets].index(name)

    def symbol(self, name: str) -> int:
        """Id by name."""
        return [known["name"] for known in self.instruments].index(name)

    def units(self, asset: int, text: str) -> int | None:
        """Minor units of an amount; None where it is no whole number of them."""
        return self._steps(text, Fraction(1, 10 ** self.assets[asset][1]))

    def lots(self, symbol: int, text: str) -> int | None:
        """Lots of a quantity."""
        terms = self.instruments[symbol]
        return self._steps(text, Fraction(terms["lot_base_units"], 10 ** self.assets[terms["base"]][1]))

    def ticks(self, symbol: int, text: str) -> int | None:
        """Ticks of a price."""
        terms = self.instruments[symbol]
        lot = Fraction(terms["lot_base_units"], 10 ** self.assets[terms["base"]][1])
        return self._steps(text, Fraction(terms["tick_lot_quote_units"], 10 ** self.assets[terms["quote"]][1]) / lot)

    def _steps(self, text: str, step: Fraction) -> int | None:
        key = text, step.numerator, step.denominator
        if key not in self._known:
            steps = Fraction(text) / step
            self._known[key] = int(steps) if steps.denominator == 1 else None
        return self._known[key]
