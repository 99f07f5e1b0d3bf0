"""The real engine behind the reference's interface, so that one set of cases runs on both."""

from typing import Any

import numpy as np

import ringbuf.jit  # noqa: F401  (names the compile cache before kernels are made)
from config.catalog import Catalog
from config.instruments import build_catalog
from config.json_commands import decode_all
from config.json_events import encode
from engine.core import Engine
from engine.entry.vetting import disconnect_command
from engine.state import ASSET, BALANCE, ICEBERG, INSTRUMENT, LEVEL, ORDER, PAIRED, TERMS, Limits
from ringbuf.codes import FLAG_LAST, PRICED, STEP_SESSION, EventType, OrderType, Side

Event = dict[str, Any]


class FastEngine:
    """`engine.core.Engine` fed with JSON commands, answering with JSON events."""

    def __init__(self, instruments: dict[str, Any], limits: Limits | None = None) -> None:
        self.engine = Engine(limits)
        self.catalog = Catalog()
        self.trades: dict[int, np.void] = {}
        self.records: list[np.ndarray] = []
        self.answered = 0
        self.listed = self._answer(build_catalog(instruments).seed_commands())

    def run(self, line: Event | str) -> list[Event]:
        """The events of one command."""
        return self._answer(decode_all(line, self.catalog, self.trades.get)[0])

    def disconnect(self, number: int) -> list[Event]:
        """The events of the entry's mass cancel for an account whose session went silent."""
        return self._answer(disconnect_command(number))

    def _answer(self, commands: np.ndarray) -> list[Event]:
        events = self.engine.run(commands)
        lasts = events[(events["flags"] & FLAG_LAST) != 0]
        answers = np.count_nonzero(lasts["session"] != STEP_SESSION)
        assert answers == len(commands) and events[-1]["flags"] & FLAG_LAST, "one FLAG_LAST a command, and one a step"
        self.answered += answers
        lanes = self.engine.state.tables["lanes"].view(np.int64)
        assert lanes[0] == self.answered, f"lane 0 counts {lanes[0]} commands, {self.answered} were answered"
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


def check_frozen(engine: Engine) -> None:
    """Every balance's frozen amount is the sum over its account's open orders; raises AssertionError.

    Read from the tables and priced here, so nothing that the engine adds up itself is believed.
    """
    state, expected = engine.state, dict[int, int]()
    instruments = state.view("instruments", INSTRUMENT, int(state.record["instrument_count"]))
    count = int(state.record["order_next"])
    orders = state.view("orders", ORDER, count)
    terms = state.view("terms", TERMS, count)

    def alone(slot: int) -> int:
        order, instrument = orders[slot], instruments[orders[slot]["symbol"]]
        leaves = int(order["leaves_lots"])
        if order["side"] == Side.SELL:
            return leaves * int(instrument["lot_base_units"])
        price = int(order["price_ticks"]) if order["order_type"] in PRICED else int(terms[slot]["stop_price_ticks"])
        return leaves * price * int(instrument["tick_lot_quote_units"])

    for slot in np.flatnonzero(orders["order_id"]).tolist():
        order, instrument = orders[slot], instruments[orders[slot]["symbol"]]
        amount, pair = alone(slot), int(terms[slot]["pair"]) if order["stp_flags"] & PAIRED else 0
        assert order["leaves_lots"] > 0 and amount > 0, f"order {order['order_id']} is open with nothing left"
        if pair:  # the larger of the two, once
            assert int(terms[pair]["pair"]) == slot, f"order {order['order_id']} is paired one way only"
            if slot > pair:
                continue
            amount = max(amount, alone(pair))
        asset = int(instrument["quote" if order["side"] == Side.BUY else "base"])
        key = ((int(order["account"]) << 32) | asset) + 1
        expected[key] = expected.get(key, 0) + amount
    cells = state.view("balances", BALANCE, int(state.record["balance_mask"]) + 1)
    held = cells[cells["frozen"] != 0]
    frozen = dict(zip(held["key"].tolist(), held["frozen"].tolist(), strict=True))
    assert frozen == expected, f"frozen {frozen}, the open orders' {expected} (by account slot << 32 | asset, + 1)"


def check_levels(engine: Engine) -> None:
    """Every price's total and number of orders are those of the orders that queue there; raises AssertionError."""
    state, expected = engine.state, dict[int, tuple[int, int]]()
    orders = state.view("orders", ORDER, int(state.record["order_next"]))
    terms = state.view("terms", TERMS, len(orders))
    for slot in np.flatnonzero((orders["order_id"] != 0) & (orders["level"] != 0)).tolist():
        order, level = orders[slot], int(orders[slot]["level"])
        hides = order["stp_flags"] & ICEBERG and order["order_type"] == OrderType.LIMIT
        lots, count = expected.get(level, (0, 0))
        expected[level] = (lots + int(terms[slot]["slice_lots"] if hides else order["leaves_lots"]), count + 1)
    levels = state.view("levels", LEVEL, int(state.record["level_next"]))
    found = {level: (int(levels[level]["total_lots"]), int(levels[level]["count"])) for level in expected}
    assert found == expected, f"levels (lots, orders) {found}, their orders' {expected}"
    assert int(state.record["level_count"]) == len(expected), f"{state.record['level_count']} levels, not {expected}"


def check_money(engine: Engine) -> None:
    """Of every asset, what accounts and the venue hold is what came in; raises AssertionError."""
    rows, _ = engine.balances()
    assets = engine.state.view("assets", ASSET, int(engine.state.record["asset_count"]))
    held = [int(fees) for fees in assets["fees"]]
    for row in rows:
        held[int(row["asset"])] += int(row["available"]) + int(row["frozen"])
    assert held == assets["supply"].tolist(), f"held {held}, deposits less withdrawals {assets['supply'].tolist()}"


def without_nothing(balances: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Balances with zero entries and empty accounts left out: which of them are listed is not what is compared."""

    def is_nothing(value: object) -> bool:
        values = value.values() if isinstance(value, dict) else [value]
        return all(float(str(v)) == 0 for v in values)

    kept = {number: {a: v for a, v in held.items() if not is_nothing(v)} for number, held in balances.items()}
    return {number: held for number, held in kept.items() if held}
