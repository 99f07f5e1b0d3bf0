"""Random event streams that hang together, made by a few lines of plain Python, with what they should lead to.

No engine: orders of random terms that are accepted, trade, are amended, cancelled, busted. Money may go below
zero, as nobody checks funds here: folds must not care.
"""

import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consumers.funds import FEES
from ringbuf.codes import FLAG_LAST, NO_ACCOUNT, NO_ID, EventType, OrderType, Reason, Side
from ringbuf.records import EVENT, EVENT_LISTED_ASSET, EVENT_LISTED_INSTRUMENT, EVENT_ORDER

DAY_NS = 86_400_000_000_000
ACCOUNTS = (1, 2, 3, 64, 65, 70_000)
LOT, TICK_LOT = (10, 7), (3, 2)  # by symbol; symbol 0 = asset 1 in asset 0, symbol 1 = asset 2 in asset 0


@dataclass
class Plain:
    """The same story as dictionaries."""

    balances: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    lines: list[tuple[int, int, int, int, int, int, int]] = field(default_factory=list)
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    clients: dict[tuple[int, int], int] = field(default_factory=dict)
    days: dict[tuple[int, int, int], dict[str, int]] = field(default_factory=dict)
    volumes: dict[tuple[int, int], list[int]] = field(default_factory=dict)

    def book(self, seq: int, account: int, asset: int, available: int, frozen: int) -> None:
        if available == 0 and frozen == 0:
            return
        row = self.balances.setdefault((account, asset), [0, 0])
        row[0] += available
        row[1] += frozen
        self.lines.append((seq, account, asset, available, frozen, *row))

    def add(self, day: int, account: int, asset: int, name: str, amount: int) -> None:
        line = self.days.setdefault(
            (day, account, asset), dict.fromkeys(("deposits", "withdrawals", "received", "paid", "fees", "other"), 0)
        )
        line[name] += amount


class Story:
    """Writes events (`events`) and the plain state they lead to (`plain`)."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rows: list[NDArray[np.void]] = []
        self.plain = Plain()
        self.ts_ns = 20_000 * DAY_NS
        self.trades: dict[int, tuple[NDArray[np.void], int]] = {}
        self.client_ids = dict.fromkeys(ACCOUNTS, 0)
        for asset, name in enumerate((b"USDT", b"BTC", b"ETH")):
            row = self._row(EventType.LISTED_ASSET).view(EVENT_LISTED_ASSET)
            row["symbol"], row["name"], row["decimals"] = asset, name, 2
        for symbol, name in enumerate((b"BTC-USDT", b"ETH-USDT")):
            listed = self._row(EventType.LISTED_INSTRUMENT).view(EVENT_LISTED_INSTRUMENT)
            listed["symbol"], listed["name"], listed["base"], listed["quote"] = symbol, name, symbol + 1, 0
            listed["lot_base_units"], listed["tick_lot_quote_units"] = LOT[symbol], TICK_LOT[symbol]
            listed["price_max_ticks"] = 1000

    @property
    def day(self) -> int:
        return self.ts_ns // DAY_NS

    @property
    def events(self) -> NDArray[np.void]:
        return np.concatenate(self.rows)

    def _row(self, kind: EventType, **values: int) -> NDArray[np.void]:
        row = np.zeros(1, EVENT)
        row["seq"], row["type"], row["flags"] = len(self.rows) + 1, kind, FLAG_LAST
        listed = kind in (EventType.LISTED_ASSET, EventType.LISTED_INSTRUMENT)
        row["ts_ns"] = 0 if listed else self.ts_ns
        row["client_id"] = row["request_id"] = NO_ID
        row["account"] = row["maker_account"] = NO_ACCOUNT
        for name, value in values.items():
            row[name] = value
        self.rows.append(row)
        return row

    def run(self, steps: int) -> None:
        """Append the events of so many random steps."""
        actions = (
            self.deposit,
            self.place,
            self.place,
            self.trade,
            self.trade,
            self.trade,
            self.cancel,
            self.amend,
            self.bust,
            self.reject,
            self.withdraw,
        )
        for _ in range(steps):
            self.ts_ns += self.random.choice((0, 1, 1000, DAY_NS // 40))
            self.random.choice(actions)()

    def deposit(self) -> None:
        account, asset, amount = self.random.choice(ACCOUNTS), self.random.randrange(3), self.random.randrange(1, 10**6)
        row = self._row(EventType.DEPOSITED, account=account, symbol=asset, qty_lots=amount)
        self.plain.book(int(row["seq"][0]), account, asset, amount, 0)
        self.plain.add(self.day, account, asset, "deposits", amount)

    def withdraw(self) -> None:
        account, asset, amount = self.random.choice(ACCOUNTS), self.random.randrange(3), self.random.randrange(1, 10**3)
        row = self._row(EventType.WITHDRAWN, account=account, symbol=asset, qty_lots=amount)
        self.plain.book(int(row["seq"][0]), account, asset, -amount, 0)
        self.plain.add(self.day, account, asset, "withdrawals", amount)

    def _next_client_id(self, account: int) -> int:
        self.client_ids[account] += self.random.randrange(1, 20)
        return self.client_ids[account]

    def place(self) -> None:
        account, symbol, side = self.random.choice(ACCOUNTS), self.random.randrange(2), self.random.randrange(2)
        client_id = self._next_client_id(account)
        price, qty = self.random.randrange(1, 1000), self.random.randrange(1, 500)
        amount = price * qty * TICK_LOT[symbol] if side == Side.BUY else qty * LOT[symbol]
        row = self._row(
            EventType.ACCEPTED,
            account=account,
            symbol=symbol,
            side=side,
            client_id=client_id,
            price_ticks=price,
            qty_lots=qty,
            leaves_lots=qty,
            released=-amount,
        )
        seq = int(row["seq"][0])
        row["order_id"] = seq
        stop = self.random.random() < 0.1
        row.view(EVENT_ORDER)["order_type"] = OrderType.STOP_LIMIT if stop else OrderType.LIMIT
        self.plain.orders[seq] = {
            "account": account,
            "symbol": symbol,
            "side": side,
            "price": price,
            "leaves": qty,
            "filled": 0,
            "status": 5 if stop else 1,
            "fills": [],
            "client_id": client_id,
            "reason": 0,
            "busted": 0,
        }
        self.plain.clients[account, client_id] = seq
        self.plain.book(seq, account, 0 if side == Side.BUY else symbol + 1, -amount, amount)
        if stop and self.random.random() < 0.5:
            self._row(EventType.TRIGGERED, account=account, symbol=symbol, side=side, client_id=client_id, order_id=seq)
            self.plain.orders[seq]["status"] = 1

    def _open(self, side: int | None = None, symbol: int | None = None) -> list[int]:
        return [
            i
            for i, o in self.plain.orders.items()
            if o["status"] in (1, 2) and side in (None, o["side"]) and symbol in (None, o["symbol"])
        ]

    def trade(self) -> None:
        symbol, side = self.random.randrange(2), self.random.randrange(2)
        takers, makers = self._open(side, symbol), self._open(1 - side, symbol)
        if not takers or not makers:
            return
        taker_id, maker_id = self.random.choice(takers), self.random.choice(makers)
        taker, maker = self.plain.orders[taker_id], self.plain.orders[maker_id]
        qty = self.random.randint(1, min(taker["leaves"], maker["leaves"]))
        price = maker["price"]
        fees = self.random.randrange(0, 5), self.random.randrange(0, 5)
        released = qty * (taker["price"] * TICK_LOT[symbol] if side == Side.BUY else LOT[symbol])
        for order in (taker, maker):
            order["leaves"] -= qty
            order["filled"] += qty
            order["status"] = 2 if order["leaves"] else 3
        row = self._row(
            EventType.TRADE,
            account=taker["account"],
            maker_account=maker["account"],
            symbol=symbol,
            side=side,
            order_id=taker_id,
            maker_order_id=maker_id,
            price_ticks=price,
            qty_lots=qty,
            leaves_lots=taker["leaves"],
            maker_leaves_lots=maker["leaves"],
            fee=fees[0],
            maker_fee=fees[1],
            released=released,
            client_id=taker["client_id"],
        )
        seq = int(row["seq"][0])
        taker["fills"].append([seq, 0])
        maker["fills"].append([seq, 0])
        self.trades[seq] = (row, self.day)
        self._book_trade(seq, row, released)
        self._count(row, 1)

    def _parties(self, row: NDArray[np.void]) -> tuple[int, int, int, int, int, int]:
        """buyer, seller, buyer's fee, seller's fee, cost, base amount."""
        cost = int(row["qty_lots"][0] * row["price_ticks"][0]) * TICK_LOT[int(row["symbol"][0])]
        base = int(row["qty_lots"][0]) * LOT[int(row["symbol"][0])]
        taker, maker = int(row["account"][0]), int(row["maker_account"][0])
        fee, maker_fee = int(row["fee"][0]), int(row["maker_fee"][0])
        if row["side"][0] == Side.BUY:
            return taker, maker, fee, maker_fee, cost, base
        return maker, taker, maker_fee, fee, cost, base

    def _book_trade(self, seq: int, row: NDArray[np.void], released: int) -> None:
        buyer, seller, buyer_fee, seller_fee, cost, base = self._parties(row)
        asset = int(row["symbol"][0]) + 1
        freed = released if row["side"][0] == Side.BUY else cost
        self.plain.book(seq, buyer, 0, freed - cost, -freed)
        self.plain.book(seq, seller, asset, 0, -base)
        self.plain.book(seq, buyer, asset, base - buyer_fee, 0)
        self.plain.book(seq, seller, 0, cost - seller_fee, 0)
        self.plain.book(seq, FEES, asset, buyer_fee, 0)
        self.plain.book(seq, FEES, 0, seller_fee, 0)

    def _count(self, row: NDArray[np.void], sign: int) -> None:
        buyer, seller, buyer_fee, seller_fee, cost, base = self._parties(row)
        asset = int(row["symbol"][0]) + 1
        for account, given, amount, taken, gross, fee in (
            (buyer, 0, cost, asset, base, buyer_fee),
            (seller, asset, base, 0, cost, seller_fee),
        ):
            self.plain.add(self.day, account, given, "paid", sign * amount)
            self.plain.add(self.day, account, taken, "received", sign * gross)
            self.plain.add(self.day, account, taken, "fees", sign * fee)
            self.plain.add(self.day, FEES, taken, "received", sign * fee)
        volume = self.plain.volumes.setdefault((self.day, int(row["symbol"][0])), [0, 0, 0])
        for at, amount in enumerate((base, cost, 1)):
            volume[at] += sign * amount

    def bust(self) -> None:
        if not self.trades or self.random.random() < 0.5:
            return
        seq = self.random.choice(list(self.trades))
        trade, day = self.trades.pop(seq)
        row = trade.copy()
        row["seq"], row["type"], row["ts_ns"], row["request_id"] = len(self.rows) + 1, EventType.BUSTED, self.ts_ns, seq
        self.rows.append(row)
        buyer, seller, buyer_fee, seller_fee, cost, base = self._parties(row)
        asset, at = int(row["symbol"][0]) + 1, int(row["seq"][0])
        moves = (
            (buyer, 0, cost),
            (seller, asset, base),
            (buyer, asset, buyer_fee - base),
            (seller, 0, seller_fee - cost),
            (FEES, asset, -buyer_fee),
            (FEES, 0, -seller_fee),
        )
        for account, moved, amount in moves:
            self.plain.book(at, account, moved, amount, 0)
            if day != self.day:
                self.plain.add(self.day, account, moved, "other", amount)
        if day == self.day:
            self._count(row, -1)
        for order_id in (int(row["order_id"][0]), int(row["maker_order_id"][0])):
            order = self.plain.orders[order_id]
            order["busted"] += int(row["qty_lots"][0])
            for fill in order["fills"]:
                fill[1] |= fill[0] == seq

    def cancel(self) -> None:
        ids = self._open()
        if not ids:
            return
        order_id = self.random.choice(ids)
        order = self.plain.orders[order_id]
        per_lot = order["price"] * TICK_LOT[order["symbol"]] if order["side"] == Side.BUY else LOT[order["symbol"]]
        row = self._row(
            EventType.CANCELLED,
            account=order["account"],
            symbol=order["symbol"],
            side=order["side"],
            order_id=order_id,
            qty_lots=order["leaves"],
            released=order["leaves"] * per_lot,
            reason=self.random.choice((Reason.USER, Reason.SELF_TRADE)),
            client_id=order["client_id"],
        )
        self.plain.book(
            int(row["seq"][0]),
            order["account"],
            0 if order["side"] == Side.BUY else order["symbol"] + 1,
            order["leaves"] * per_lot,
            -order["leaves"] * per_lot,
        )
        order.update(status=4, leaves=0, reason=int(row["reason"][0]))

    def amend(self) -> None:
        ids = self._open()
        if not ids:
            return
        order_id = self.random.choice(ids)
        order = self.plain.orders[order_id]
        price, qty = self.random.randrange(1, 1000), self.random.randrange(1, 500)
        lot = LOT[order["symbol"]]
        tick_lot = TICK_LOT[order["symbol"]]
        buys = order["side"] == Side.BUY
        released = order["leaves"] * order["price"] * tick_lot - qty * price * tick_lot
        if not buys:
            released = (order["leaves"] - qty) * lot
        row = self._row(
            EventType.AMENDED,
            account=order["account"],
            symbol=order["symbol"],
            side=order["side"],
            order_id=order_id,
            price_ticks=price,
            qty_lots=qty,
            leaves_lots=qty,
            released=released,
            client_id=order["client_id"],
            request_id=self._next_client_id(order["account"]),
        )
        self.plain.book(int(row["seq"][0]), order["account"], 0 if buys else order["symbol"] + 1, released, -released)
        order.update(price=price, leaves=qty)

    def reject(self) -> None:
        account = self.random.choice(ACCOUNTS)
        client_id = self._next_client_id(account)
        row = self._row(EventType.REJECTED, account=account, client_id=client_id, reason=Reason.INSUFFICIENT_FUNDS)
        self.plain.clients[account, client_id] = -int(row["seq"][0])
        if self.random.random() < 0.3:  # the same id again: the first one's story stays
            self._row(EventType.REJECTED, account=account, client_id=client_id, reason=Reason.DUPLICATE_CLIENT_ID)


def batches(events: NDArray[np.void], seed: int) -> list[NDArray[np.void]]:
    """The stream cut at random places."""
    cuts = random.Random(seed)
    found, start = [], 0
    while start < len(events):
        size = cuts.choice((1, 2, 7, 50, 400))
        found.append(events[start : start + size].copy())
        start += size
    return found
