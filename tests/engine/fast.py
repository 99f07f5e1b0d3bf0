"""The real engine behind the reference's interface, so that one set of cases runs on both."""

from typing import Any

import numpy as np

import ringbuf.jit  # noqa: F401  (names the compile cache before kernels are made)
from config.catalog import Catalog
from config.instruments import build_catalog
from config.json_commands import decode
from config.json_events import encode
from engine.core import Engine
from engine.state import Limits
from ringbuf.codes import FLAG_LAST, EventType

Event = dict[str, Any]


class FastEngine:
    """`engine.core.Engine` fed with JSON commands, answering with JSON events."""

    def __init__(self, instruments: dict[str, Any], limits: Limits | None = None) -> None:
        self.engine = Engine(limits)
        self.catalog = Catalog()
        self.trades: dict[int, np.void] = {}
        self.records: list[np.ndarray] = []
        self.listed = self._answer(build_catalog(instruments).seed_commands())

    def run(self, line: Event | str) -> list[Event]:
        """The events of one command."""
        return self._answer(np.array([decode(line, self.catalog, self.trades.get)]))

    def _answer(self, commands: np.ndarray) -> list[Event]:
        events = self.engine.run(commands)
        lasts = np.flatnonzero(events["flags"] & FLAG_LAST)
        assert len(lasts) == len(commands) and lasts[-1] == len(events) - 1, "one FLAG_LAST a command, at its end"
        self.catalog.fold_all(events)
        self.records.append(events)
        for event in events[events["type"] == EventType.TRADE]:
            self.trades[int(event["seq"])] = event
        return [encode(event, self.catalog) for event in events]

    def balances(self) -> dict[str, dict[str, Any]]:
        """As the reference gives them, assets with nothing left out."""
        rows, fees = self.engine.balances()
        found: dict[str, dict[str, Any]] = {}
        for row in rows:
            asset = int(row["asset"])
            found.setdefault(str(int(row["account"])), {})[self.catalog.assets[asset].name] = {
                "available": self.catalog.amount_text(asset, int(row["available"])),
                "frozen": self.catalog.amount_text(asset, int(row["frozen"])),
            }
        found["fees"] = {
            asset.name: self.catalog.amount_text(asset.id, int(fees[asset.id])) for asset in self.catalog.assets
        }
        return found

    def orders(self) -> list[Event]:
        """Open orders in priority, as the reference gives them."""
        return [
            {
                "order_id": int(row["order_id"]), "account": int(row["account"]), "client_id": int(row["client_id"]),
                "symbol": instrument.symbol, "side": "sell" if row["side"] else "buy",
                "price": instrument.price_text(int(row["price_ticks"])),
                "leaves": instrument.qty_text(int(row["leaves_lots"])),
            }
            for instrument in self.catalog.instruments for row in self.engine.orders(instrument.id)
        ]  # fmt: skip


def without_nothing(balances: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Balances with zero entries and empty accounts left out: which of them are listed is not what is compared."""

    def is_nothing(value: object) -> bool:
        values = value.values() if isinstance(value, dict) else [value]
        return all(float(v) == 0 for v in values)

    kept = {number: {a: v for a, v in held.items() if not is_nothing(v)} for number, held in balances.items()}
    return {number: held for number, held in kept.items() if held}
