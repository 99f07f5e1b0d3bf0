"""Commands from a file through the engine alone: no ring, no process, no clock. What `match` stands on."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

import numpy as np

from config.catalog import Catalog, Instrument
from config.errors import ConfigError
from config.json_commands import decode_lines
from config.json_events import encode_lines
from engine.core import Engine
from engine.state import Limits
from ringbuf.codes import GROUP_MAX, PRICED, EventType, OrderType, Reason, Side, Tif
from ringbuf.records import COMMAND

CHUNK_LINES = 8192

# Room for long recordings. Pages that a run never touches cost nothing.
OFFLINE_LIMITS = Limits(
    max_orders=1 << 20,
    max_accounts=1 << 20,
    max_balances=1 << 21,
    max_assets=1 << 14,
    max_instruments=1 << 14,
    max_levels=1 << 19,
    max_nodes=1 << 22,
)


class TradeLog:
    """The run's own trade events, for the busts that come later."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []
        self._first: list[int] = []
        self.count = 0

    def add(self, events: np.ndarray) -> None:
        """Keep the trades among EVENT records that follow all those added before."""
        trades = events[events["type"] == EventType.TRADE]
        if len(trades):
            self._parts.append(trades)
            self._first.append(int(trades["seq"][0]))
            self.count += len(trades)

    def find(self, seq: int) -> np.void | None:
        """The trade of this sequence, or None."""
        part = int(np.searchsorted(self._first, seq, side="right")) - 1
        if part < 0:
            return None
        trades = self._parts[part]
        at = int(np.searchsorted(trades["seq"], seq))
        if at == len(trades) or int(trades["seq"][at]) != seq:
            return None
        trade: np.void = trades[at]
        return trade


class OfflineRun:
    """One engine, the catalog that its listings make, and counts of what has happened."""

    def __init__(self, seed: Catalog) -> None:
        self.engine = Engine(OFFLINE_LIMITS)
        self.catalog = Catalog()
        self.trades = TradeLog()
        self.commands = 0
        self.events = 0
        self.rejected: dict[str, int] = {}
        self.seeded = self._run(seed.seed_commands())
        listed = len(self.catalog.assets) + len(self.catalog.instruments)
        if listed != len(seed.assets) + len(seed.instruments):
            raise ConfigError("instruments", f"only {listed} fit, expected fewer assets and instruments")

    def _run(self, commands: np.ndarray) -> np.ndarray:
        events = self.engine.run(commands)
        self.catalog.fold_all(events)
        self.trades.add(events)
        self.events += len(events)
        for code, count in enumerate(np.bincount(events["reason"][events["type"] == EventType.REJECTED])):
            if count:
                name = Reason(code).name.lower()
                self.rejected[name] = self.rejected.get(name, 0) + int(count)
        return events

    def feed(self, lines: list[bytes]) -> Iterator[np.ndarray]:
        """Run commands, one a line; yields the events (EVENT records) in order."""
        buffer = np.zeros(len(lines) + GROUP_MAX, COMMAND)
        done = 0
        while done < len(lines):
            taken, records = decode_lines(lines[done:], self.catalog, buffer, self.trades.find)
            done += taken
            self.commands += taken
            yield self._run(buffer[:records])

    def feed_file(self, commands: BinaryIO, events_out: BinaryIO) -> None:
        """Run a whole file of commands and write the events as JSON Lines, the seed's listings first."""
        events_out.write(encode_lines(self.seeded, self.catalog))
        while lines := list(islice(commands, CHUNK_LINES)):
            for events in self.feed(lines):
                events_out.write(encode_lines(events, self.catalog))

    def balances(self) -> dict[str, Any]:
        """``{account: {asset: {available, frozen}}, "fees": {asset: amount}}``, decimal strings."""
        rows, fees = self.engine.balances()
        found: dict[str, Any] = {}
        for account, asset_id, available, frozen in rows.tolist():
            asset = self.catalog.assets[asset_id]
            found.setdefault(str(account), {})[asset.name] = {
                "available": asset.scale.text(available),
                "frozen": asset.scale.text(frozen),
            }
        found["fees"] = {asset.name: asset.scale.text(int(fees[asset.id])) for asset in self.catalog.assets}
        return found

    def orders(self) -> list[dict[str, Any]]:
        """Open orders in priority: by instrument as listed, bids best first, then asks, then those that wait."""
        found = []
        for instrument in self.catalog.instruments:
            for rows in (self.engine.orders(instrument.id), self.engine.waiting(instrument.id)):
                found += [_order_fields(row, instrument) for row in rows]
        return found


def _order_fields(row: np.void, instrument: Instrument) -> dict[str, Any]:
    """One OPEN_ORDER row; terms that the order doesn't have are left out."""
    kind = OrderType(int(row["order_type"]))
    fields: dict[str, Any] = {
        "order_id": int(row["order_id"]),
        "account": int(row["account"]),
        "client_id": int(row["client_id"]),
        "symbol": instrument.symbol,
        "side": Side(int(row["side"])).name.lower(),
        "order_type": kind.name.lower(),
        "tif": Tif(int(row["tif"])).name.lower(),
    }
    if kind in PRICED:
        fields["price"] = instrument.price_text(int(row["price_ticks"]))
    for name, column in (("stop_price", "stop_price_ticks"), ("trail", "trail_ticks")):
        if row[column]:
            fields[name] = instrument.price_text(int(row[column]))
    fields["leaves"] = instrument.qty_text(int(row["leaves_lots"]))
    if row["display_lots"]:
        fields["display_qty"] = instrument.qty_text(int(row["display_lots"]))
    if row["expire_ts_ns"]:
        fields["expire_ts_ns"] = int(row["expire_ts_ns"])
    return fields
