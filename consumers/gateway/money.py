"""Whose money one event moves: what consumers.funds.expand says of a batch, for a single event, without arrays.

An order that is answered at once is one or two events at a time, where the arrays cost more than the sums. A test holds
the two together. Fee accounts are left out: nobody asks for them here.
"""

from collections.abc import Iterator
from typing import Any

from config.catalog import Instrument
from ringbuf.codes import EventType, Side

Change = tuple[int, int, int, int]  # account, asset, change of available, change of frozen (minor units)

_FREEZES = frozenset(
    int(kind) for kind in (EventType.ACCEPTED, EventType.AMENDED, EventType.CANCELLED, EventType.TRIGGERED)
)
_DEPOSITED, _WITHDRAWN = int(EventType.DEPOSITED), int(EventType.WITHDRAWN)
_TRADE, _BUSTED = int(EventType.TRADE), int(EventType.BUSTED)
_BUY = int(Side.BUY)


def changes_of(row: Any, instruments: list[Instrument]) -> Iterator[Change]:
    """The changes of one event (EventRow), in booking order."""
    kind = row.type
    if kind in _FREEZES:
        if row.released:
            instrument = instruments[row.symbol]
            asset = instrument.quote if row.side == _BUY else instrument.base
            yield row.account, asset, row.released, -row.released
    elif kind in (_TRADE, _BUSTED):
        yield from _traded(row, instruments[row.symbol])
    elif kind == _DEPOSITED:
        yield row.account, row.symbol, row.qty_lots, 0
    elif kind == _WITHDRAWN:
        yield row.account, row.symbol, -row.qty_lots, 0


def _traded(row: Any, instrument: Instrument) -> Iterator[Change]:
    cost = row.qty_lots * instrument.tick_lot_quote_units * row.price_ticks
    qty = row.qty_lots * instrument.lot_base_units
    base, quote = instrument.base, instrument.quote
    if row.side == _BUY:
        buyer, buyer_fee, seller, seller_fee = row.account, row.fee, row.maker_account, row.maker_fee
    else:
        buyer, buyer_fee, seller, seller_fee = row.maker_account, row.maker_fee, row.account, row.fee
    if row.type == _TRADE:
        freed = row.released if row.side == _BUY else cost
        yield buyer, quote, freed - cost, -freed
        yield seller, base, 0, -qty
        yield buyer, base, qty - buyer_fee, 0
        yield seller, quote, cost - seller_fee, 0
    else:
        yield buyer, quote, cost, 0
        yield seller, base, qty, 0
        yield buyer, base, buyer_fee - qty, 0
        yield seller, quote, seller_fee - cost, 0
