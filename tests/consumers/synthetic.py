"""Random event streams that hang together, made by a few lines of plain Python, with what they should lead to.

No engine: orders of random terms that are accepted, wait, trail, trigger, are paired, trade (in auctions, too), are
amended, cancelled, busted, while symbols change their state. Money may go below zero, as nobody checks funds here:
folds must not care.
"""

import random

import numpy as np
from numpy.typing import NDArray

from consumers.funds import FEES
from ringbuf.codes import (
    FLAG_AUCTION,
    FLAG_LAST,
    NO_ACCOUNT,
    NO_ID,
    ORDER_PAIRED,
    STEP_SESSION,
    EventType,
    OrderType,
    Reason,
    Side,
    SymbolState,
)
from ringbuf.records import EVENT, EVENT_LISTED_ASSET, EVENT_LISTED_INSTRUMENT, EVENT_ORDER, EVENT_STATE
from tests.consumers.plain_books import Plain
from tests.consumers.plain_levels import WAITING

DAY_NS = 86_400_000_000_000
ACCOUNTS = (1, 2, 3, 64, 65, 70_000)
AS_LIMIT = (OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT)
LOT, TICK_LOT = (10, 8), (3, 2)  # by symbol; symbol 0 = asset 1 in asset 0, symbol 1 = asset 2 in asset 0


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
            self.trigger,
            self.trail,
            self.state,
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
        kind = self.random.choice(WAITING) if self.random.random() < 0.2 else OrderType.LIMIT
        waits = kind != OrderType.LIMIT
        stop = price if waits else 0
        partner = self._partner(account, symbol, side) if waits else 0
        per_lot = 0 if partner else price * TICK_LOT[symbol] if side == Side.BUY else LOT[symbol]
        row = self._row(
            EventType.ACCEPTED,
            account=account,
            symbol=symbol,
            side=side,
            client_id=client_id,
            price_ticks=price if kind in AS_LIMIT else 0,
            qty_lots=qty,
            leaves_lots=qty,
            released=-qty * per_lot,
        )
        seq = int(row["seq"][0])
        row["order_id"] = seq
        terms = row.view(EVENT_ORDER)
        terms["order_type"], terms["stop_price_ticks"] = kind, stop
        terms["trail_ticks"] = self.random.randrange(1, 50) if kind == OrderType.TRAILING_STOP else 0
        terms["display_lots"] = self.random.choice((0, 0, 0, self.random.randint(1, qty)))
        terms["expire_ts_ns"] = self.random.choice((0, 0, self.ts_ns + DAY_NS))
        if partner:
            terms["order_flags"], row["request_id"] = ORDER_PAIRED, self.plain.orders[partner]["client_id"]
            self.plain.orders[partner]["pair"] = seq
        self.plain.orders[seq] = {
            "account": account,
            "symbol": symbol,
            "side": side,
            "kind": int(kind),
            "price": price if kind in AS_LIMIT else 0,
            "stop": stop,
            "per_lot": per_lot,
            "leaves": qty,
            "filled": 0,
            "status": 5 if waits else 1,
            "triggered": 0,
            "fills": [],
            "client_id": client_id,
            "reason": 0,
            "busted": 0,
            "pair": partner,
            "trail": int(terms["trail_ticks"][0]),
            "display": int(terms["display_lots"][0]),
            "expires": int(terms["expire_ts_ns"][0]),
        }
        self.plain.clients[account, client_id] = seq
        self._freeze(seq, seq, qty * per_lot)

    def _partner(self, account: int, symbol: int, side: int) -> int:
        """An open order that a new one may be paired with, now and then; 0 = none."""
        orders = self.plain.orders
        alone = [i for i in self._open(side, symbol) if orders[i]["account"] == account and not orders[i]["pair"]]
        return self.random.choice(alone) if alone and self.random.random() < 0.5 else 0

    def _freeze(self, seq: int, order_id: int, amount: int) -> None:
        """So much more is frozen for an order (negative: freed)."""
        order = self.plain.orders[order_id]
        asset = 0 if order["side"] == Side.BUY else order["symbol"] + 1
        self.plain.book(seq, order["account"], asset, -amount, amount)

    def _about(self, kind: EventType, order_id: int, **values: int) -> NDArray[np.void]:
        """An event about an order."""
        order = self.plain.orders[order_id]
        same = {name: order[name] for name in ("account", "symbol", "side", "client_id")}
        return self._row(kind, order_id=order_id, **same, **values)

    def trigger(self) -> None:
        """A waiting order enters; a market-like buy's funds are freed then, so its trades free nothing."""
        waiting = [i for i, order in self.plain.orders.items() if order["status"] == 5]
        if not waiting:
            return
        order_id = self.random.choice(waiting)
        order = self.plain.orders[order_id]
        freed = 0
        if order["side"] == Side.BUY and order["kind"] not in AS_LIMIT:
            freed, order["per_lot"] = order["leaves"] * order["per_lot"], 0
        row = self._about(EventType.TRIGGERED, order_id, released=freed, session=STEP_SESSION)
        self._freeze(int(row["seq"][0]), order_id, -freed)
        order.update(status=1, triggered=1)

    def trail(self) -> None:
        """A trailing stop follows the market: the event says what that frees of a buy."""
        waiting = [i for i, order in self.plain.orders.items() if order["status"] == 5 and order["trail"]]
        if not waiting:
            return
        order_id = self.random.choice(waiting)
        order = self.plain.orders[order_id]
        order["stop"] = max(order["stop"] - self.random.randrange(1, 9), 1)
        per_lot = order["stop"] * TICK_LOT[order["symbol"]] if order["side"] == Side.BUY else LOT[order["symbol"]]
        freed = order["leaves"] * (order["per_lot"] - per_lot)
        order["per_lot"] = per_lot
        row = self._about(
            EventType.AMENDED,
            order_id,
            qty_lots=order["leaves"],
            leaves_lots=order["leaves"],
            released=freed,
            reason=Reason.TRAILED,
            session=STEP_SESSION,
        )
        row.view(EVENT_ORDER)["stop_price_ticks"] = order["stop"]
        self._freeze(int(row["seq"][0]), order_id, -freed)

    def state(self) -> None:
        """What moves no money and no order."""
        kind = self.random.choice((EventType.STATE, EventType.UNCROSSED, EventType.HALTED, EventType.RESUMED))
        row = self._row(kind, symbol=self.random.randrange(2), price_ticks=self.random.randrange(1, 999), qty_lots=5)
        if kind == EventType.STATE:
            row.view(EVENT_STATE)["symbol_state"] = self.random.choice(list(SymbolState))

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
        price = maker["price"] or self.random.randrange(1, 1000)
        auction = side == Side.BUY and self.random.random() < 0.3  # the buyer stands in the taker's place
        fees = self.random.randrange(0, 5), self.random.randrange(0, 5)
        released = qty * taker["per_lot"] if side == Side.BUY else qty * LOT[symbol]
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
        if auction:
            row["flags"] |= FLAG_AUCTION
            row["session"] = STEP_SESSION
        seq = int(row["seq"][0])
        taker["fills"].append([seq, 0, int(auction)])
        maker["fills"].append([seq, 0, 1])
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
        ids = [i for i, order in self.plain.orders.items() if order["status"] in (1, 2, 5)]
        if not ids:
            return
        order_id = self.random.choice(ids)
        order = self.plain.orders[order_id]
        freed = order["leaves"] * order["per_lot"]
        row = self._about(
            EventType.CANCELLED,
            order_id,
            qty_lots=order["leaves"],
            released=freed,
            reason=self.random.choice((Reason.USER, Reason.SELF_TRADE, Reason.OCO, Reason.VOLATILITY, Reason.DELISTED)),
        )
        self._freeze(int(row["seq"][0]), order_id, -freed)
        order.update(status=4, leaves=0, reason=int(row["reason"][0]))

    def amend(self) -> None:
        ids = self._open()
        if not ids:
            return
        order_id = self.random.choice(ids)
        order = self.plain.orders[order_id]
        price, qty = self.random.randrange(1, 1000), self.random.randrange(1, 500)
        per_lot = price * TICK_LOT[order["symbol"]] if order["side"] == Side.BUY else LOT[order["symbol"]]
        freed = order["leaves"] * order["per_lot"] - qty * per_lot
        row = self._about(
            EventType.AMENDED,
            order_id,
            price_ticks=price,
            qty_lots=qty,
            leaves_lots=qty,
            released=freed,
            request_id=self._next_client_id(order["account"]),
        )
        self._freeze(int(row["seq"][0]), order_id, -freed)
        order.update(price=price, leaves=qty, per_lot=per_lot)

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
