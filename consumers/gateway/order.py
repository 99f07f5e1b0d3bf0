"""An order as the gateway knows it: a row of the orders' store, and what later events make of it."""

from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np

from consumers.orders.fold import ORDER, Status
from ringbuf.codes import CMD_POST_ONLY, FIRST_WAITING, NO_ID, ORDER_PAIRED, Reason
from ringbuf.records import EVENT, EVENT_ORDER

_of_names: Any = namedtuple  # noqa: PYI024  the names are the records', which a checker can't know
EventRow: Any = _of_names("EventRow", EVENT.names)
TermsRow: Any = _of_names("TermsRow", EVENT_ORDER.names)
_ROW_NAMES = ORDER.names or ()

# Plain numbers: a member looked up in its class at each use would cost more than the rest.
_OPEN, _PARTLY, _WAITING = int(Status.OPEN), int(Status.PARTLY_FILLED), int(Status.WAITING)
_FILLED, _CANCELLED = int(Status.FILLED), int(Status.CANCELLED)
_IS_OPEN = frozenset((_OPEN, _PARTLY, _WAITING))
_BY_USER = frozenset(int(reason) for reason in (Reason.USER, Reason.MASS_CANCEL, Reason.DISCONNECT))
_OCO, _SELF_TRADE = int(Reason.OCO), int(Reason.SELF_TRADE)
_FIRST_WAITING = int(FIRST_WAITING)


@dataclass(slots=True)
class Order:
    """Prices in ticks, quantities in lots, `quote` in minor units of the quote asset: what its fills cost.

    oco_word: what it is called where its pair's partner was why it ended.
    """

    order_id: int
    client_id: int
    account: int
    symbol: int
    side: int
    order_type: int
    tif: int
    stp: int
    post_only: bool
    price_ticks: int
    stop_price_ticks: int
    trail_ticks: int
    display_lots: int
    qty_lots: int
    leaves_lots: int
    filled_lots: int
    quote: int
    status: int
    reason: int
    triggered: bool
    pair_order_id: int
    accepted_ts_ns: int
    updated_ts_ns: int
    last_seq: int
    oco_word: str = "EXPIRED"

    @property
    def is_open(self) -> bool:
        """Whether it may still trade."""
        return self.status in _IS_OPEN

    @property
    def is_working(self) -> bool:
        """Whether it is, or was, in the book: not while it waits for its stop price."""
        return self.order_type < _FIRST_WAITING or self.triggered

    @property
    def word(self) -> str:
        """Its status in Binance's words."""
        if self.status == _FILLED:
            return "FILLED"
        if self.status != _CANCELLED:
            return "PARTIALLY_FILLED" if self.filled_lots else "NEW"
        if self.reason in _BY_USER:
            return "CANCELED"
        if self.reason == _OCO:
            return self.oco_word
        return "EXPIRED_IN_MATCH" if self.reason == _SELF_TRADE else "EXPIRED"

    def ended_after(self, partner: "Order | None") -> None:
        """Its partner's end was why it ended, where that came first."""
        if partner is not None and partner.status == _CANCELLED and partner.last_seq < self.last_seq:
            self.oco_word = partner.word

    def amended(self, terms: Any) -> None:
        """Take in an `amended` event (TermsRow)."""
        self.price_ticks = terms.price_ticks
        if self.status == _WAITING:
            self.stop_price_ticks = terms.stop_price_ticks
        self.leaves_lots = terms.qty_lots
        self.qty_lots = self.filled_lots + terms.qty_lots

    def traded(self, row: Any, leaves_lots: int, tick_lot_quote_units: int) -> None:
        """Take in its side of a `trade` event (EventRow)."""
        self.filled_lots += row.qty_lots
        self.leaves_lots = leaves_lots
        self.quote += row.price_ticks * row.qty_lots * tick_lot_quote_units
        self.status = _PARTLY if leaves_lots else _FILLED

    def ended(self, row: Any) -> None:
        """Take in a `cancelled` event (EventRow)."""
        self.status, self.reason = _CANCELLED, row.reason
        self.qty_lots = self.filled_lots + row.qty_lots
        self.leaves_lots = 0

    def is_triggered(self) -> None:
        """Take in a `triggered` event."""
        self.status, self.triggered = _OPEN, True

    def seen(self, row: Any) -> None:
        """The event was about it."""
        self.last_seq, self.updated_ts_ns = row.seq, row.ts_ns


def accepted_order(terms: Any, pair_order_id: int) -> Order:
    """The order of an `accepted` event (TermsRow)."""
    waits = terms.order_type >= _FIRST_WAITING
    return Order(
        order_id=terms.order_id,
        client_id=terms.client_id,
        account=terms.account,
        symbol=terms.symbol,
        side=terms.side,
        order_type=terms.order_type,
        tif=terms.tif,
        stp=terms.stp,
        post_only=bool(terms.order_flags & CMD_POST_ONLY),
        price_ticks=terms.price_ticks,
        stop_price_ticks=terms.stop_price_ticks,
        trail_ticks=terms.trail_ticks,
        display_lots=terms.display_lots,
        qty_lots=terms.qty_lots,
        leaves_lots=terms.qty_lots,
        filled_lots=0,
        quote=0,
        status=_WAITING if waits else _OPEN,
        reason=0,
        triggered=False,
        pair_order_id=pair_order_id,
        accepted_ts_ns=terms.ts_ns,
        updated_ts_ns=terms.ts_ns,
        last_seq=terms.seq,
    )


def is_paired(terms: Any) -> bool:
    """Whether an `accepted` event names a partner, in `request_id`."""
    return bool(terms.order_flags & ORDER_PAIRED) and terms.request_id != NO_ID


def stored_order(row: np.ndarray, quote: int) -> Order:
    """The order of an ORDER row (array of one). quote: what its fills cost, in minor units."""
    found: dict[str, int] = dict(zip(_ROW_NAMES, row[0].item(), strict=True))
    same = (
        "order_id", "client_id", "account", "symbol", "side", "order_type", "tif", "stp", "price_ticks",
        "stop_price_ticks", "trail_ticks", "display_lots", "qty_lots", "leaves_lots", "filled_lots", "status", "reason",
        "pair_order_id", "accepted_ts_ns", "updated_ts_ns", "last_seq",
    )  # fmt: skip
    return Order(
        **{name: found[name] for name in same},  # type: ignore[arg-type]
        post_only=bool(found["order_flags"] & CMD_POST_ONLY),
        quote=quote,
        triggered=bool(found["triggered"]),
    )
