"""Events as text straight from their columns, for stores that take them by the hundred thousand a second.

The same fields as `Batch.fields` has, some times faster than by way of a dict an event: events that have the same
fields (a shape) are formatted together, by one template, and decimals, of which most come again and again, are kept.
What has many fields and comes seldom (listings, states) goes by way of the dict. Two forms: JSON, and Redis's wire.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from config.catalog import Catalog
from config.decimals import Scale
from config.json_events import OF_ASSETS, ORDER_TYPE_NAMES, REASON_NAMES, SIDE_NAMES, TYPE_NAMES, encode_all
from ringbuf.codes import FIRST_WAITING, NO_ACCOUNT, NO_ID, ORDER_PAIRED, PRICED, EventType, Side
from ringbuf.records import EVENT_ORDER

KEPT = 1 << 17  # texts of one scale; then all are forgotten
_TENS = 10 ** np.arange(1, 19, dtype=np.int64)  # a number has one digit more than powers that it reaches

Part = tuple[bytes, list[list[Any]]]  # of a template, and its arguments as columns
Field = Callable[[NDArray[np.void], NDArray[np.void]], Part]  # of events as EVENT and as EVENT_ORDER


@dataclass(frozen=True)
class Form:
    """How a form writes a field: its name, then a number (perhaps after its digits' count) or an element of text."""

    name: Callable[[str], bytes]
    number: bytes
    counted: bool  # a number's template takes the count of its digits first
    element: Callable[[str], bytes]
    between: bytes
    ends: tuple[bytes, bytes]


def _bulk(text: str) -> bytes:
    raw = text.encode()
    return b"$%d\r\n%b\r\n" % (len(raw), raw)


JSON = Form(lambda name: b'"%b":' % name.encode(), b"%d", False, orjson.dumps, b",", (b"{", b"}"))
RESP = Form(_bulk, b"$%d\r\n%d\r\n", True, _bulk, b"", (b"", b""))  # arguments of a command, without their number


class Encoded(NamedTuple):
    """Of each event, in order: how many fields it has, and its text."""

    counts: list[int]
    texts: list[bytes]


class _Texts(dict[int, bytes]):
    """Units → the element of their decimal text."""

    def __init__(self, scale: Scale, element: Callable[[str], bytes]) -> None:
        super().__init__()
        self._scale, self._element = scale, element

    def __missing__(self, units: int) -> bytes:
        if len(self) >= KEPT:
            self.clear()
        made = self[units] = self._element(self._scale.text(units))
        return made


class _Shape:
    """Events of one type with the same fields: their template, and where its arguments come from."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.fields: list[Field] = []

    def constant(self, name: str, text: str) -> None:
        piece = self.form.name(name) + self.form.element(text).replace(b"%", b"%%")
        self.fields.append(lambda events, orders: (piece, []))

    def number(self, name: str, field: str = "") -> None:
        field, name_piece = field or name, self.form.name(name)

        def numbers(events: NDArray[np.void], orders: NDArray[np.void]) -> Part:
            value, columns = self._numbers(_column(field, events, orders))
            return name_piece + value, columns

        self.fields.append(numbers)

    def text(self, name: str, getter: Callable[[NDArray[np.void], NDArray[np.void]], list[bytes]]) -> None:
        piece = self.form.name(name) + b"%b"
        self.fields.append(lambda events, orders: (piece, [getter(events, orders)]))

    def _numbers(self, column: NDArray[Any]) -> Part:
        values, template = column.tolist(), self.form.number
        if not self.form.counted:
            return template, [values]
        if (digits := len(str(column.min()))) == len(str(column.max())):  # mostly: an argument less
            return template.replace(b"%d", b"%d" % digits, 1), [values]
        return template, [(np.searchsorted(_TENS, column, "right") + 1).tolist(), values]

    def encode(self, events: NDArray[np.void], orders: NDArray[np.void]) -> list[bytes]:
        parts = [field(events, orders) for field in self.fields]
        template = self.form.ends[0] + self.form.between.join(piece for piece, _ in parts) + self.form.ends[1]
        columns = [column for _, of_field in parts for column in of_field]
        return [template % row for row in zip(*columns, strict=True)]


def _column(field: str, events: NDArray[np.void], orders: NDArray[np.void]) -> NDArray[Any]:
    return events[field] if field in (events.dtype.names or ()) else orders[field]


class ColumnText:
    """Texts of events in one form. Keeps templates and decimals from call to call, of one history."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._shapes: dict[int, _Shape] = {}
        self._texts: dict[Scale, _Texts] = {}
        self._sides = [form.element(name) for name in SIDE_NAMES]
        self._reasons = {number: form.element(name) for number, name in REASON_NAMES.items()}
        self._symbols: list[bytes] = []
        self._assets: list[bytes] = []
        self._scales: dict[str, list[_Texts]] = {"price": [], "qty": [], "base": [], "quote": [], "asset": []}

    def encode(self, events: NDArray[np.void], catalog: Catalog) -> Encoded:
        """All of contiguous events (EVENT), whose names the catalog has."""
        self._learn(catalog)
        counts, texts = np.zeros(len(events), np.int64), np.empty(len(events), object)
        orders = events.view(EVENT_ORDER)
        shapes, which = np.unique(_shapes_of(events, orders, len(catalog.instruments)), return_inverse=True)
        order = np.argsort(which, kind="stable")
        for number, places in zip(shapes.tolist(), np.split(order, np.cumsum(np.bincount(which))[:-1]), strict=False):
            if (number & _TYPE) in _OWN_FIELDS:
                if number not in self._shapes:
                    self._shapes[number] = self._shape(number)
                shape = self._shapes[number]
                counts[places] = len(shape.fields)
                texts[places] = shape.encode(events[places], orders[places])
            else:
                found = encode_all(events[places], catalog)
                counts[places] = [len(fields) for fields in found]
                texts[places] = [self._of_dict(fields) for fields in found]
        return Encoded(counts.tolist(), texts.tolist())

    def _learn(self, catalog: Catalog) -> None:
        """What has been listed since."""
        element = self._form.element
        for asset in catalog.assets[len(self._assets) :]:
            self._assets.append(element(asset.name))
            self._scales["asset"].append(self._texts_of(asset.scale))
        for instrument in catalog.instruments[len(self._symbols) :]:
            self._symbols.append(element(instrument.symbol))
            self._scales["price"].append(self._texts_of(instrument.price_scale))
            self._scales["qty"].append(self._texts_of(instrument.qty_scale))
            self._scales["base"].append(self._texts_of(instrument.base_asset.scale))
            self._scales["quote"].append(self._texts_of(instrument.quote_asset.scale))

    def _texts_of(self, scale: Scale) -> _Texts:
        if scale not in self._texts:
            self._texts[scale] = _Texts(scale, self._form.element)
        return self._texts[scale]

    def _of_dict(self, fields: dict[str, Any]) -> bytes:
        """One event by way of its dict."""
        form = self._form
        parts = []
        for name, value in fields.items():
            number = (len(str(value)), value) if form.counted else (value,)
            parts.append(form.name(name) + (form.number % number if isinstance(value, int) else form.element(value)))
        return form.ends[0] + form.between.join(parts) + form.ends[1]

    def _shape(self, number: int) -> _Shape:
        """The fields of a shape, in the order of the JSON form."""
        shape, kind = _Shape(self._form), number & _TYPE
        shape.number("seq")
        shape.number("ts_ns")
        shape.constant("type", TYPE_NAMES[kind])
        if number & _HAS_SYMBOL:
            shape.text("symbol", lambda events, _: [self._symbols[at] for at in events["symbol"].tolist()])
        for bit, name in ((_HAS_ACCOUNT, "account"), (_HAS_CLIENT, "client_id"), (_HAS_ORDER, "order_id")):
            if number & bit:
                shape.number(name)
        if number & _HAS_REASON:
            shape.text("reason", lambda events, _: [self._reasons[code] for code in events["reason"].tolist()])
        if number & _HAS_REQUEST:
            shape.number("request_id")
        _OWN_FIELDS[kind](self, shape, number)
        return shape

    # Fields that only some types have

    def _decimal(self, shape: _Shape, name: str, field: str, scale: str) -> None:
        scales = self._scales[scale]

        def texts(events: NDArray[np.void], orders: NDArray[np.void]) -> list[bytes]:
            units = _column(field, events, orders).tolist()
            return [scales[at][unit] for at, unit in zip(events["symbol"].tolist(), units, strict=True)]

        shape.text(name, texts)

    def _received(self, shape: _Shape, name: str, base_for: Side) -> None:
        """A fee: in base where the taker is on that side, else in quote."""
        base, quote = self._scales["base"], self._scales["quote"]

        def texts(events: NDArray[np.void], _: NDArray[np.void]) -> list[bytes]:
            in_base, units = (events["side"] == base_for).tolist(), events[name].tolist()
            symbols = events["symbol"].tolist()
            return [(base if b else quote)[at][unit] for b, at, unit in zip(in_base, symbols, units, strict=True)]

        shape.text(name, texts)

    def _side(self, shape: _Shape) -> None:
        shape.text("side", lambda events, _: [self._sides[side] for side in events["side"].tolist()])

    def _terms(self, shape: _Shape, number: int) -> None:
        accepted = number & _TYPE == EventType.ACCEPTED
        kind = number >> _ORDER_TYPE_AT & 0xFF
        if accepted:
            self._side(shape)
        if kind in PRICED:
            self._decimal(shape, "price", "price_ticks", "price")
        self._decimal(shape, "qty", "qty_lots", "qty")
        if accepted:
            shape.constant("order_type", ORDER_TYPE_NAMES[kind])
        if kind >= FIRST_WAITING:
            self._decimal(shape, "stop_price", "stop_price_ticks", "price")
        if number & _HAS_TRAIL:
            self._decimal(shape, "trail", "trail_ticks", "price")
        if number & _HAS_DISPLAY:
            self._decimal(shape, "display_qty", "display_lots", "qty")
        if number & _HAS_EXPIRY:
            shape.number("expire_ts_ns")
        if number & _PAIRED:
            shape.number("oco_client_id", "request_id")

    def _trade(self, shape: _Shape, _: int) -> None:
        self._side(shape)
        self._decimal(shape, "price", "price_ticks", "price")
        self._decimal(shape, "qty", "qty_lots", "qty")
        self._decimal(shape, "leaves", "leaves_lots", "qty")
        shape.number("maker_order_id")
        shape.number("maker_account")
        self._decimal(shape, "maker_leaves", "maker_leaves_lots", "qty")
        self._received(shape, "fee", Side.BUY)
        self._received(shape, "maker_fee", Side.SELL)

    def _cancelled(self, shape: _Shape, _: int) -> None:
        self._decimal(shape, "qty", "qty_lots", "qty")

    def _transfer(self, shape: _Shape, _: int) -> None:
        shape.text("asset", lambda events, _: [self._assets[at] for at in events["symbol"].tolist()])
        self._decimal(shape, "amount", "qty_lots", "asset")

    def _mass_cancelled(self, shape: _Shape, _: int) -> None:
        counts = self._texts_of(Scale(1, 0))
        shape.text("qty", lambda events, _: [counts[count] for count in events["qty_lots"].tolist()])

    def _busted(self, shape: _Shape, _: int) -> None:
        shape.number("trade_seq", "request_id")

    def _nothing(self, shape: _Shape, _: int) -> None:
        """No fields of its own."""


_OWN_FIELDS: dict[int, Callable[[ColumnText, _Shape, int], None]] = {
    EventType.ACCEPTED: ColumnText._terms,
    EventType.REJECTED: ColumnText._nothing,
    EventType.TRADE: ColumnText._trade,
    EventType.CANCELLED: ColumnText._cancelled,
    EventType.AMENDED: ColumnText._terms,
    EventType.TRIGGERED: ColumnText._nothing,
    EventType.BUSTED: ColumnText._busted,
    EventType.DEPOSITED: ColumnText._transfer,
    EventType.WITHDRAWN: ColumnText._transfer,
    EventType.SUSPENDED: ColumnText._nothing,
    EventType.UNSUSPENDED: ColumnText._nothing,
    EventType.MASS_CANCELLED: ColumnText._mass_cancelled,
}

# A shape's number: the type of the event, the type of the order, and a bit for each field that may be absent.
_TYPE = 0xFF
_ORDER_TYPE_AT = 8
(
    _HAS_SYMBOL, _HAS_ACCOUNT, _HAS_CLIENT, _HAS_ORDER, _HAS_REASON, _HAS_REQUEST, _HAS_TRAIL, _HAS_DISPLAY,
    _HAS_EXPIRY, _PAIRED,
) = (1 << bit for bit in range(16, 26))  # fmt: skip


def _shapes_of(events: NDArray[np.void], orders: NDArray[np.void], instruments: int) -> NDArray[np.int64]:
    """The shape's number of each event."""
    kinds = events["type"]
    accepted = kinds == EventType.ACCEPTED
    terms = accepted | (kinds == EventType.AMENDED)
    paired = accepted & (orders["order_flags"] & ORDER_PAIRED != 0)
    shapes = kinds.astype(np.int64) | orders["order_type"].astype(np.int64) * terms << _ORDER_TYPE_AT
    bits: Iterable[tuple[int, NDArray[np.bool_]]] = (
        (_HAS_SYMBOL, (events["symbol"] < instruments) & ~_among(kinds, OF_ASSETS)),
        (_HAS_ACCOUNT, events["account"] != NO_ACCOUNT),
        (_HAS_CLIENT, events["client_id"] != NO_ID),
        (_HAS_ORDER, events["order_id"] != 0),
        (_HAS_REASON, events["reason"] != 0),
        (_HAS_REQUEST, (events["request_id"] != NO_ID) & (kinds != EventType.BUSTED) & ~paired),
        (_HAS_TRAIL, accepted & (orders["trail_ticks"] != 0)),
        (_HAS_DISPLAY, accepted & (orders["display_lots"] != 0)),
        (_HAS_EXPIRY, accepted & (orders["expire_ts_ns"] != 0)),
        (_PAIRED, paired),
    )
    for bit, there in bits:
        shapes |= there * np.int64(bit)
    return shapes


def _among(kinds: NDArray[np.uint8], numbers: Sequence[int]) -> NDArray[np.bool_]:
    table = np.zeros(256, np.bool_)
    table[list(numbers)] = True
    return table[kinds]
