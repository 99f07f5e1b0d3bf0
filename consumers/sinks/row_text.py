"""Rows as the text that SQL takes, of events: straight from the records where these are many of one shape.

Events of one shape have the same fields. Of these, words and names follow from symbol, side and reason alone: so
each such combination gets a pattern once, made from the JSON form of an event of it, and every event fills one in.
What has no such shape goes through its JSON form.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from config.catalog import Catalog, Instrument
from config.decimals import MAX_UNITS, Scale
from config.json_events import encode_all
from consumers.sinks.columns import ALL_COLUMNS, COLUMNS, Kind
from consumers.sinks.target import TRADES, BadRow
from ringbuf.codes import NO_ACCOUNT, NO_ID, ORDER_PAIRED, EventType, Side
from ringbuf.records import EVENT_ORDER

I64 = NDArray[np.int64]
Names = tuple[str, ...]
Rows = Mapping[Names, list[str]]  # column names → rows of exactly these


class Style(NamedTuple):
    """How a statement wants a row. places: most decimals that a column keeps."""

    opening: str
    between: str
    closing: str
    absent: str
    quote: Callable[[str], str]
    places: int


def quoted(text: str) -> str:
    """A text as a literal of standard SQL; the session takes no backslashes for anything else."""
    if "\0" in text:
        raise BadRow(f"{text!r} has a zero byte")
    return "'" + text.replace("'", "''") + "'"


# Where a field of the JSON form stands in the record, and what is its unit.
_PRICE, _QTY, _TAKER_GETS, _MAKER_GETS = range(4)
_PLACES: dict[str, tuple[str, int | None]] = {
    **{name: (name, None) for name in ("seq", "ts_ns", "account", "client_id", "order_id", "request_id")},
    **{name: (name, None) for name in ("maker_order_id", "maker_account", "expire_ts_ns")},
    "oco_client_id": ("request_id", None),
    "price": ("price_ticks", _PRICE),
    "stop_price": ("stop_price_ticks", _PRICE),
    "trail": ("trail_ticks", _PRICE),
    "qty": ("qty_lots", _QTY),
    "leaves": ("leaves_lots", _QTY),
    "maker_leaves": ("maker_leaves_lots", _QTY),
    "display_qty": ("display_lots", _QTY),
    "fee": ("fee", _TAKER_GETS),
    "maker_fee": ("maker_fee", _MAKER_GETS),
}
_OF_ORDERS = (EventType.ACCEPTED, EventType.AMENDED)  # their records are read as EVENT_ORDER
_SHAPED = (*_OF_ORDERS, EventType.TRADE, EventType.CANCELLED, EventType.TRIGGERED, EventType.REJECTED)
_MOST_PLACES = 18  # of what is reckoned in 63 bits


class EventText:
    """Makes text of one style; remembers the patterns of one history."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._patterns: dict[tuple[str, int], dict[int, str]] = defaultdict(dict)
        self._units = Units([])

    def rows(self, table: str, events: NDArray[np.void], catalog: Catalog) -> Rows:
        """The rows of contiguous events in `events`, or of the trades among them in `trades`. Raises BadRow."""
        if table == TRADES:
            events = events[events["type"] == EventType.TRADE]
        if len(self._units) < len(catalog.instruments):
            self._units = Units(catalog.instruments)
        made: dict[Names, list[str]] = defaultdict(list)
        shapes = _shapes(events, len(self._units))
        plain = [events[shapes < 0]]
        for shape in np.unique(shapes[shapes >= 0]).tolist():
            plain.append(self._fill_in(table, shape, events[shapes == shape], catalog, made))
        for rest in plain:
            for names, found in rows_of(table, encode_all(rest, catalog), self._style).items():
                made[names] += found
        return made

    def _fill_in(
        self, table: str, shape: int, events: NDArray[np.void], catalog: Catalog, made: dict[Names, list[str]]
    ) -> NDArray[np.void]:
        """Add the rows of events of a shape; those whose numbers are too large for it are given back."""
        fields = encode_all(events[:1], catalog)[0]
        columns = COLUMNS[table]
        numbers = [name for name in fields if columns.get(name) in (Kind.INTEGER, Kind.DECIMAL)]
        values, fit = self._numbers(numbers, events)
        if not fit.all():
            if fit.any():
                self._fill_in(table, shape, events[fit], catalog, made)
            return events[~fit]
        keys = events["symbol"].astype(np.int64) << 16 | events["reason"].astype(np.int64) << 8 | events["side"]
        patterns = self._patterns[table, shape]
        for key, at in zip(*(found.tolist() for found in np.unique(keys, return_index=True)), strict=True):
            if key not in patterns:
                patterns[key] = pattern(table, encode_all(events[at : at + 1], catalog)[0], self._style)
        names = tuple(name for name in fields if name in columns)
        made[names] += [patterns[key] % row for key, row in zip(keys.tolist(), zip(*values, strict=True), strict=True)]
        return events[:0]

    def _numbers(self, names: list[str], events: NDArray[np.void]) -> tuple[list[list[int]], NDArray[np.bool_]]:
        """What fills in the patterns, in order: integers, and decimals as whole and rest; and which events' fit."""
        orders = events.view(EVENT_ORDER)
        fit = np.ones(len(events), np.bool_)
        found: list[list[int]] = []
        for name in names:
            field, unit = _PLACES[name]
            source = events if field in (events.dtype.names or ()) else orders
            values = source[field].astype(np.int64)
            if unit is None:
                found.append(values.tolist())
                continue
            step, power, most = self._units.of(unit, events["symbol"], events["side"] == Side.BUY)
            fit &= (values >= 0) & (values <= most)
            whole, rest = np.divmod(values * step, power)
            found += [whole.tolist(), rest.tolist()]
        return found, fit


class Units:
    """For each instrument and unit: the step, ten to the decimals, and the most units that stay within 63 bits."""

    def __init__(self, instruments: list[Instrument]) -> None:
        scales: list[list[Scale]] = [
            [row.price_scale for row in instruments],
            [row.qty_scale for row in instruments],
            [row.base_asset.scale for row in instruments],
            [row.quote_asset.scale for row in instruments],
        ]
        of = [[_reckoned(scale) for scale in column] for column in scales]
        self._table: NDArray[np.int64] = np.array(of, np.int64).reshape(4, len(instruments), 3)

    def __len__(self) -> int:
        return self._table.shape[1]

    def of(self, unit: int, symbols: NDArray[np.uint32], taker_buys: NDArray[np.bool_]) -> tuple[I64, I64, I64]:
        """(step, power, most) of a unit for each of some events."""
        if unit in (_TAKER_GETS, _MAKER_GETS):
            gets_base = taker_buys == (unit == _TAKER_GETS)
            found = self._table[np.where(gets_base, 2, 3), symbols]
        else:
            found = self._table[unit, symbols]
        return found[:, 0], found[:, 1], found[:, 2]


def _reckoned(scale: Scale) -> tuple[int, int, int]:
    if scale.step > MAX_UNITS or scale.decimals > _MOST_PLACES:
        return 1, 1, -1
    return scale.step, 10**scale.decimals, MAX_UNITS // scale.step


def _shapes(events: NDArray[np.void], instruments: int) -> I64:
    """A number for each event: those with the same one have the same fields. -1: of no shape that is known here."""
    kinds = events["type"].astype(np.int64)
    shapes = kinds.copy()
    orders = events.view(EVENT_ORDER)
    of_orders = np.isin(kinds, _OF_ORDERS)
    for bit, present in enumerate(
        (
            events["account"] != NO_ACCOUNT,
            events["client_id"] != NO_ID,
            events["order_id"] != 0,
            events["reason"] != 0,
            events["request_id"] != NO_ID,
            of_orders & (orders["trail_ticks"] != 0),
            of_orders & (orders["display_lots"] != 0),
            of_orders & (orders["expire_ts_ns"] != 0),
            of_orders & (orders["order_flags"] & ORDER_PAIRED != 0),
        )
    ):
        shapes |= present.astype(np.int64) << (16 + bit)
    shapes |= np.where(of_orders, orders["order_type"].astype(np.int64), 0) << 8
    return np.where(np.isin(kinds, _SHAPED) & (events["symbol"] < instruments), shapes, -1)


def pattern(table: str, fields: dict[str, Any], style: Style) -> str:
    """What a row of a table looks like, with a place for each number."""
    columns = COLUMNS[table]
    cells = []
    for name, value in fields.items():
        if name not in columns:
            continue
        if columns[name] is Kind.INTEGER:
            cells.append("%d")
        elif columns[name] is Kind.DECIMAL:
            cells.append(places(len(value.partition(".")[2])))
        else:
            cells.append(style.quote(value).replace("%", "%%"))
    return style.opening + style.between.join(cells) + style.closing


def places(decimals: int) -> str:
    """The places of a decimal's two parts, whole and rest."""
    return f"%d.%0{decimals}d" if decimals else "%d%.0s"  # a rest that is none: shown with no characters


def rows_of(table: str, fields: Iterable[dict[str, Any]], style: Style, every: bool = False) -> Rows:
    """Rows of their JSON form, decimals as they are written there. every: all columns, in their order. BadRow."""
    columns = ALL_COLUMNS[table]
    writers: dict[Kind, Callable[[Any], str]]
    writers = {Kind.INTEGER: str, Kind.DECIMAL: partial(decimal, places=style.places)}
    write = {name: writers.get(kind, style.quote) for name, kind in columns.items()}
    made: dict[Names, list[str]] = defaultdict(list)
    for row in fields:
        if every:
            names: Names = tuple(columns)
            cells = [write[name](row[name]) if name in row else style.absent for name in names]
        else:
            names = tuple(name for name in row if name in columns or table != TRADES)  # KeyError for what is unknown
            cells = [write[name](row[name]) for name in names]
        made[names].append(style.opening + style.between.join(cells) + style.closing)
    return made


def decimal(text: str, places: int) -> str:
    """A decimal as it is written. Raises BadRow where a column would not keep all of it."""
    if len(text.partition(".")[2].rstrip("0")) > places:
        raise BadRow(f"{text} has more than {places} decimals")
    return text
