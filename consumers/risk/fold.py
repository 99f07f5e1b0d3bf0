"""Events into alerts: a pure fold, so the same events under the same settings give the same alerts.

What is kept is bounded: a few counters an account, the last prices, as many order times an account as its rate limit
allows, and the pairs that traded within the wash-trade window (at most PAIRS_KEPT).
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from config.settings import RiskSettings
from ringbuf.codes import FLAG_LAST, PRICED, EventType, OrderType, Reason
from ringbuf.records import EVENT_LISTED_INSTRUMENT, EVENT_ORDER

NS = 1_000_000_000
PPM = 1_000_000
PAIRS_KEPT = 65_536
ACCEPTED, TRADE, CANCELLED = int(EventType.ACCEPTED), int(EventType.TRADE), int(EventType.CANCELLED)
AMENDED, TRIGGERED, BUSTED = int(EventType.AMENDED), int(EventType.TRIGGERED), int(EventType.BUSTED)
LISTED, HALTED = int(EventType.LISTED_INSTRUMENT), int(EventType.HALTED)
SUSPENDED, UNSUSPENDED = int(EventType.SUSPENDED), int(EventType.UNSUSPENDED)
BY_OWNER = (int(Reason.USER), int(Reason.MASS_CANCEL))
NOT_ASKED_FOR = (int(Reason.SELF_TRADE), int(Reason.TRAILED))  # reasons of amended that no request caused
MARKET = int(OrderType.MARKET)

_FOLDED = np.zeros(256, np.bool_)
_FOLDED[[ACCEPTED, TRADE, CANCELLED, AMENDED, TRIGGERED, BUSTED, LISTED, SUSPENDED, UNSUSPENDED, HALTED]] = True


@dataclass(frozen=True)
class Alert:
    """seq, ts_ns: of the event. kind: what was found. value, limit: in the kind's own unit. suspend: risk acts."""

    seq: int
    ts_ns: int
    kind: str
    account: int
    other: int | None
    symbol: int | None
    value: int
    limit: int
    suspend: bool


@dataclass
class Account:
    """Counters of one account. ended, cancelled: since the last look at the ratio. times: ts_ns of last orders."""

    open_orders: int = 0
    ended: int = 0
    cancelled: int = 0
    suspended: bool = False
    times: deque[int] = field(default_factory=deque)


@dataclass
class Pair:
    """(ts_ns, seq) of the last trade in each direction between two accounts in one symbol; 0 = none."""

    low_buys: tuple[int, int] = (0, 0)
    high_buys: tuple[int, int] = (0, 0)


class RiskFold:
    """`apply` takes whole commands; `alerts` are those since `take`."""

    def __init__(self, limits: RiskSettings) -> None:
        self.limits = limits
        self.accounts: dict[int, Account] = {}
        self.pairs: dict[tuple[int, int, int], Pair] = {}  # oldest trade first
        self.units: dict[int, int] = {}
        self.last_ticks: dict[int, int] = {}
        self.alerts: list[Alert] = []
        self._placed: int | None = None  # account whose count of open orders is looked at when its command ends

    def take(self) -> None:
        """Forget the alerts: they are stored."""
        self.alerts = []

    def account(self, number: int) -> Account:
        """The account's counters, made at its first order."""
        found = self.accounts.get(number)
        if found is None:
            found = self.accounts[number] = Account()
        return found

    def apply(self, events: np.ndarray) -> None:
        """Fold EVENT records that end with a whole command."""
        listed = events[events["type"] == LISTED].view(EVENT_LISTED_INSTRUMENT)
        self.units.update(zip(listed["symbol"].tolist(), listed["tick_lot_quote_units"].tolist(), strict=True))
        # A command that places ends with one of these (a volatility halt with `halted`): so the look at its open orders
        # always comes.
        events = events[_FOLDED[events["type"]] & (events["type"] != LISTED)]
        terms = events.view(EVENT_ORDER)
        names = ("seq", "ts_ns", "type", "flags", "side", "reason", "symbol", "account", "maker_account",
                 "price_ticks", "leaves_lots", "maker_leaves_lots", "request_id")  # fmt: skip
        columns = [events[name].tolist() for name in names]
        for at, row in enumerate(zip(*columns, strict=True)):
            seq, ts_ns, kind, flags, side, reason, symbol, taker, maker, price, leaves, maker_leaves, trade_seq = row
            if kind == ACCEPTED:
                self._placed = taker
                self.account(taker).open_orders += 1
                self._check_rate(seq, ts_ns, taker, symbol)
                self._check_terms(seq, ts_ns, taker, symbol, terms[at])
            elif kind == CANCELLED:
                self._end(seq, ts_ns, taker, reason in BY_OWNER)
            elif kind == TRADE:
                self.last_ticks[symbol] = price
                if leaves == 0:
                    self._end(seq, ts_ns, taker, False)
                if maker_leaves == 0:
                    self._end(seq, ts_ns, maker, False)
                self._check_wash(seq, ts_ns, symbol, *((maker, taker) if side else (taker, maker)))
            elif kind == AMENDED and reason not in NOT_ASKED_FOR:
                self._check_terms(seq, ts_ns, taker, symbol, terms[at])
            elif kind == BUSTED:
                self._unwind(symbol, taker, maker, trade_seq)
            elif kind == SUSPENDED:
                self.account(taker).suspended = True
            elif kind == UNSUSPENDED:
                self.account(taker).suspended = False
            if flags & FLAG_LAST and self._placed is not None:
                self._check_open(seq, ts_ns, self._placed)
                self._placed = None

    def _breach(
        self, seq: int, ts_ns: int, kind: str, account: int, symbol: int | None, value: int, limit: int
    ) -> None:
        """A limit is broken: an alert, and a suspension unless the account is suspended already."""
        held = self.account(account)
        self.alerts.append(Alert(seq, ts_ns, kind, account, None, symbol, value, limit, not held.suspended))
        held.suspended = True

    def _check_rate(self, seq: int, ts_ns: int, account: int, symbol: int) -> None:
        limit = self.limits.max_orders_per_s
        if not limit:
            return
        times = self.account(account).times
        while times and ts_ns - times[0] >= NS:
            times.popleft()
        times.append(ts_ns)
        if len(times) > limit:
            self._breach(seq, ts_ns, "order_rate", account, symbol, len(times), limit)
            times.popleft()

    def _check_open(self, seq: int, ts_ns: int, account: int) -> None:
        limit, count = self.limits.max_open_orders, self.account(account).open_orders
        if limit and count > limit:
            self._breach(seq, ts_ns, "open_orders", account, None, count, limit)

    def _check_terms(self, seq: int, ts_ns: int, account: int, symbol: int, terms: np.void) -> None:
        limits = self.limits
        if not (limits.max_order_lots or limits.max_order_notional or limits.price_collar_ppm):
            return
        lots, kind, last = int(terms["qty_lots"]), int(terms["order_type"]), self.last_ticks.get(symbol, 0)
        priced = kind in PRICED
        # a market order has no price of its own: what it would cost at the last price; one that waits, at its trigger
        price = int(terms["price_ticks"]) if priced else last if kind == MARKET else int(terms["stop_price_ticks"])
        if limits.max_order_lots and lots > limits.max_order_lots:
            self._breach(seq, ts_ns, "order_size", account, symbol, lots, limits.max_order_lots)
        notional = price * lots * self.units.get(symbol, 0)
        if limits.max_order_notional and notional > limits.max_order_notional:
            self._breach(seq, ts_ns, "order_notional", account, symbol, notional, limits.max_order_notional)
        if limits.price_collar_ppm and last and priced:
            away_ppm = abs(price - last) * PPM // last
            if away_ppm > limits.price_collar_ppm:
                self._breach(seq, ts_ns, "price_collar", account, symbol, away_ppm, limits.price_collar_ppm)

    def _end(self, seq: int, ts_ns: int, account: int, by_owner: bool) -> None:
        """An order is filled or cancelled; every so many ended orders the ratio is looked at and begins anew."""
        held = self.account(account)
        held.open_orders -= 1
        held.ended += 1
        held.cancelled += by_owner
        limits = self.limits
        if limits.cancel_ratio_orders and held.ended >= limits.cancel_ratio_orders:
            percent = held.cancelled * 100 // held.ended
            if limits.cancel_ratio_percent and percent >= limits.cancel_ratio_percent:
                limit = limits.cancel_ratio_percent
                self.alerts.append(Alert(seq, ts_ns, "cancel_ratio", account, None, None, percent, limit, False))
            held.ended = held.cancelled = 0

    def _check_wash(self, seq: int, ts_ns: int, symbol: int, buyer: int, seller: int) -> None:
        window_ns = self.limits.wash_trade_window_s * NS
        if buyer == seller:
            self.alerts.append(Alert(seq, ts_ns, "self_trade", buyer, seller, symbol, 1, 0, False))
            return
        if not window_ns:
            return
        key = (min(buyer, seller), max(buyer, seller), symbol)
        pair = self.pairs.pop(key, None) or Pair()
        if buyer < seller:
            pair.low_buys, back = (ts_ns, seq), pair.high_buys
        else:
            pair.high_buys, back = (ts_ns, seq), pair.low_buys
        if back[1] and ts_ns - back[0] <= window_ns:
            limit = self.limits.wash_trade_window_s
            seconds = (ts_ns - back[0]) // NS
            self.alerts.append(Alert(seq, ts_ns, "wash_trade", buyer, seller, symbol, seconds, limit, False))
            pair = Pair()  # the next alert needs both directions again
        else:
            self.pairs[key] = pair
        self._forget_pairs(ts_ns - window_ns)

    def _forget_pairs(self, before_ns: int) -> None:
        while self.pairs:
            key = next(iter(self.pairs))
            pair = self.pairs[key]
            if len(self.pairs) <= PAIRS_KEPT and max(pair.low_buys[0], pair.high_buys[0]) >= before_ns:
                return
            del self.pairs[key]

    def _unwind(self, symbol: int, taker: int, maker: int, trade_seq: int) -> None:
        """A busted trade is none: it no longer makes half of a back and forth. Orders stay ended, as in the engine."""
        pair = self.pairs.get((min(taker, maker), max(taker, maker), symbol))
        if pair is not None and pair.low_buys[1] == trade_seq:
            pair.low_buys = (0, 0)
        if pair is not None and pair.high_buys[1] == trade_seq:
            pair.high_buys = (0, 0)
