"""Bitstamp order-level recordings (the columns of ob-analytics) to commands.

The feed tells what became of orders; commands are what their owners must have sent. How rows are read:

=====================================================  ==========================================================
leading `created` rows of one instant                  the resting book: limit orders, by id (ids grow with time)
`created`, then at once `deleted`, same ms and volume  a refused post-only order (inferred: the feed has no flag)
`created` at price 0 or 999999999                      market; bought by cash: the sum of its trades
`created`, else                                        limit, gtc
`changed`, and `deleted` with volume 0                 nothing: fills
`deleted` with volume left                             cancel
trailing `deleted` rows made by the recorder           the expected book at the end
=====================================================  ==========================================================
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from ops.convert.flow import SIDE_WORDS, Flow, Pair
from ops.convert.packed import open_text
from ops.convert.plain_book import BUY, SELL, PlainBook
from ops.convert.summary import Summary

ORDER_COLUMNS = ["id", "timestamp", "exchange_timestamp", "price", "volume", "action", "direction"]
TRADE_COLUMNS = [
    "trade_id",
    "timestamp",
    "exchange_timestamp",
    "price",
    "amount",
    "buy_order_id",
    "sell_order_id",
    "side",
]
QTY_DECIMALS = 8
BAND = (1, 200_000)  # whole quote units
MARKET_PRICES = ("0.0", "0", "999999999.0", "999999999")
SNAPSHOT_ROWS_MIN = 100  # fewer rows of one instant are live flow
NS_PER_MS = 1_000_000

# One row of orders: (id, exchange ms, price text, volume in lots, action, side)
Row = tuple[int, int, str, int, str, int]


@dataclass
class Recording:
    """The files as read, prices still text."""

    start: list[Row]
    live: list[Row]
    end: list[Row]
    trades: list[tuple[int, str, int, int, int, int]]  # ms, price, lots, taker id, maker id, taker's side
    whole_seconds: bool  # exchange time is too coarse to pair rows by it


@dataclass
class _Replay:
    """Everything one conversion carries from row to row."""

    pair: Pair
    flow: Flow
    summary: Summary
    bought_by_cash: dict[int, int]  # order id -> lots that its trades sum up to
    ticks: dict[str, int | None]  # price text -> ticks, None outside the band
    book: PlainBook = field(default_factory=PlainBook)
    trades: list[tuple[int, int, int, int]] = field(default_factory=list)  # taker, maker, price, lots
    expected: list[dict[str, Any]] = field(default_factory=list)  # the same, as written
    ended: set[int] = field(default_factory=set)  # ids whose `deleted` came without a `created`


def convert(files: list[Path], out_dir: Path, accounts: int = 16) -> Summary:
    """Convert an orders file and, where there is one, a trades file (plain, .gz or .xz, in any order).

    Raises ConfigError naming the file and column that can't be used.
    """
    recording = read(files)
    decimals = _price_decimals(recording)
    unit = 10**decimals
    pair = Pair("BTC-USD", decimals, QTY_DECIMALS, 1 if decimals else BAND[0], BAND[1] * unit)
    cash = {r[0]: 0 for r in recording.live if r[4] == "created" and r[2] in MARKET_PRICES and r[3] <= 1}
    for _, _, lots, taker, _, _ in recording.trades:
        if taker in cash:
            cash[taker] += lots
    state = _Replay(pair, Flow([pair], accounts), Summary("bitstamp", out_dir), cash, _tick_table(recording, pair))
    first = (recording.start or recording.live)[0][1] * NS_PER_MS
    state.flow.deposit_all(first, base_amount=100_000, quote_amount=100_000_000)
    ghosts = _ghosts(recording, state.ticks)
    _open_book(state, recording.start, ghosts)
    _replay_live(state, recording)
    _finish(state, recording, ghosts)
    return state.summary


def read(files: list[Path]) -> Recording:
    """Read and split the recording. Raises ConfigError."""
    orders: list[Row] | None = None
    trades: list[tuple[int, str, int, int, int, int]] = []
    for path in files:
        with open_text(path) as stream:
            rows = csv.reader(stream)
            header = [name.replace(".", "_") for name in next(rows, [])]
            if header == ORDER_COLUMNS and orders is None:
                # the R package's files keep volumes as whole lots, and its own spelling of the column
                stream.seek(0)
                lots_given = "exchange.timestamp" in stream.readline()
                orders = list(_order_rows(path, csv.reader(stream), lots_given))
            elif header == TRADE_COLUMNS:
                trades += _trade_rows(path, rows)
            else:
                raise ConfigError(
                    str(path), f"expected the columns {','.join(ORDER_COLUMNS)} (once) or {','.join(TRADE_COLUMNS)}"
                )
    if not orders:
        raise ConfigError("file", f"expected an orders file with rows (columns {','.join(ORDER_COLUMNS)})")
    start, end = _leading(orders), _trailing(orders)
    return Recording(
        start=orders[:start],
        live=orders[start : len(orders) - end],
        end=orders[len(orders) - end :],
        trades=trades,
        whole_seconds=all(row[1] % 1000 == 0 for row in orders),
    )


def _lots(text: str) -> int:
    """Volume text, exponent form too, as lots."""
    lots = Decimal(text).scaleb(QTY_DECIMALS)
    if lots != lots.to_integral_value() or lots < 0:
        raise ValueError(text)
    return int(lots)


def _order_rows(path: Path, rows: Iterator[list[str]], lots_given: bool) -> Iterator[Row]:
    known: dict[str, int] = {}  # volumes repeat a lot
    sides = {"bid": BUY, "ask": SELL}
    for line, row in enumerate(rows, 2):
        try:
            order_id, _, exchange_ms, price, volume, action, direction = row
            lots = known.get(volume)
            if lots is None:
                lots = known[volume] = int(volume) if lots_given else _lots(volume)
            if action not in ("created", "changed", "deleted"):
                raise ValueError(action)
            yield int(order_id), int(exchange_ms), price, lots, action, sides[direction]
        except (ValueError, KeyError, InvalidOperation) as error:
            raise ConfigError(f"{path} line {line}", f"expected {','.join(ORDER_COLUMNS)} ({error})") from error


def _trade_rows(path: Path, rows: Iterator[list[str]]) -> Iterator[tuple[int, str, int, int, int, int]]:
    for line, row in enumerate(rows, 2):
        try:
            _, _, exchange_ms, price, amount, buy_id, sell_id, word = row
            side = SIDE_WORDS.index(word)
            taker, maker = (buy_id, sell_id) if side == BUY else (sell_id, buy_id)
            yield int(exchange_ms), price, _lots(amount), int(taker), int(maker), side
        except (ValueError, InvalidOperation) as error:
            raise ConfigError(f"{path} line {line}", f"expected {','.join(TRADE_COLUMNS)} ({error})") from error


def _leading(rows: list[Row]) -> int:
    """How many rows at the start are a snapshot: `created`, all of one instant."""
    count = next((i for i, r in enumerate(rows) if r[4] != "created" or r[1] != rows[0][1]), len(rows))
    return count if count >= SNAPSHOT_ROWS_MIN else 0


def _trailing(rows: list[Row]) -> int:
    """How many rows at the end the recorder made up: `deleted`, all of one instant."""
    count = next((i for i, r in enumerate(reversed(rows)) if r[4] != "deleted" or r[1] != rows[-1][1]), len(rows))
    return count if count >= SNAPSHOT_ROWS_MIN else 0


def _price_decimals(recording: Recording) -> int:
    """0 where every price in the band is whole, else the most decimals that one has."""
    found = 0
    for text in {r[2] for r in (*recording.start, *recording.live)}:
        price = Decimal(text)
        if BAND[0] <= price <= BAND[1]:
            exponent = price.normalize().as_tuple().exponent
            found = max(found, -exponent if isinstance(exponent, int) else 0)
    return found


def _tick_table(recording: Recording, pair: Pair) -> dict[str, int | None]:
    table: dict[str, int | None] = {}
    rows = (*recording.start, *recording.live, *recording.end)
    for text in {r[2] for r in rows} | {t[1] for t in recording.trades}:
        ticks = Decimal(text).scaleb(pair.price_decimals)
        inside = ticks == ticks.to_integral_value() and pair.price_min <= ticks <= pair.price_max
        table[text] = int(ticks) if inside else None
    return table


def _ghosts(recording: Recording, ticks: dict[str, int | None]) -> set[int]:
    """Snapshot orders that can't have stood: never heard of again, though trades printed beyond their price."""
    prices = [at for t in recording.trades if (at := ticks[t[1]]) is not None]
    if not prices:
        return set()
    low, high = min(prices), max(prices)
    heard = {r[0] for r in recording.live}
    ghosts = set()
    for order_id, _, price, _, _, side in recording.start:
        at = ticks[price]
        if at is not None and order_id not in heard and (at > low if side == BUY else at < high):
            ghosts.add(order_id)
    return ghosts


def _open_book(state: _Replay, rows: list[Row], ghosts: set[int]) -> None:
    for row in sorted(rows):
        if row[0] in ghosts:
            state.summary.drop("opening orders that trades went through while they stood")
        elif state.ticks[row[2]] is None:
            state.summary.drop("opening orders outside the price band")
        elif row[3] == 0:
            state.summary.drop("opening orders with volume 0")
        else:
            _place(state, row, state.ticks[row[2]], row[3])
            state.summary.opening_orders += 1


def _place(state: _Replay, row: Row, price: int | None, qty: int) -> None:
    order_id, ms, _, _, _, side = row
    state.flow.place(state.pair, order_id, ms * NS_PER_MS, side, price, qty)
    for maker, at, lots in state.book.enter(order_id, side, price, qty):
        state.trades.append((order_id, maker, at, lots))
        state.expected.append(state.flow.trade(state.pair, ms * NS_PER_MS, side, at, lots, order_id, maker))


def _replay_live(state: _Replay, recording: Recording) -> None:
    live = recording.live
    at = 0
    while at < len(live):
        row = live[at]
        at += 1
        if row[4] == "created":
            following = live[at] if at < len(live) else None
            if not recording.whole_seconds and following is not None and _is_pair(row, following):
                if _post_only(state, row):
                    at += 1
            else:
                _created(state, row)
        elif row[4] == "deleted":
            _deleted(state, row)
        elif row[0] not in state.flow.owner:
            state.summary.drop("fills of orders never seen before")


def _is_pair(created: Row, deleted: Row) -> bool:
    same = created[0] == deleted[0] and created[1] == deleted[1] and created[3] == deleted[3]
    return same and deleted[4] == "deleted" and created[3] > 0 and created[2] not in MARKET_PRICES


def _post_only(state: _Replay, row: Row) -> bool:
    """Send a pair as post-only. False: not usable, or it will rest, and its `deleted` row is to be sent as a cancel."""
    price = state.ticks[row[2]]
    if price is None:
        state.summary.drop("orders outside the price band")
        return True
    state.flow.place(state.pair, row[0], row[1] * NS_PER_MS, row[5], price, row[3], post_only=True)
    if state.book.would_cross(row[5], price):
        state.summary.infer("post-only orders, refused: created and deleted at once where they would have crossed")
        state.summary.refused_post_only += 1
        return True
    state.summary.infer("post-only orders that would not have crossed: placed and cancelled")
    state.book.enter(row[0], row[5], price, row[3])
    return False


def _created(state: _Replay, row: Row) -> None:
    order_id, _, text, volume, _, _ = row
    summary = state.summary
    if order_id in state.flow.owner:
        summary.drop("orders created a second time")
    elif order_id in state.ended:
        summary.drop("orders deleted before they were created")
    elif text in MARKET_PRICES:
        summary.infer("market orders, from their price 0 or 999999999")
        if order_id in state.bought_by_cash:
            volume = state.bought_by_cash[order_id]
            summary.infer("quantities of market orders by cash, from their trades")
        if volume > 0:
            _place(state, row, None, volume)
        else:
            summary.drop("market orders by cash without a trade")
    elif state.ticks[text] is None:
        summary.drop("orders outside the price band")
    elif volume == 0:
        summary.drop("orders created with volume 0")
    else:
        _place(state, row, state.ticks[text], volume)


def _deleted(state: _Replay, row: Row) -> None:
    order_id, ms, _, volume, _, _ = row
    if order_id not in state.flow.owner:
        # outside the band, or of an order from before the recording; a late `created` must not make it rest for ever
        state.ended.add(order_id)
        if volume > 0:
            state.summary.drop("cancels of orders never seen before")
    elif volume > 0:
        if not state.book.remove(order_id):
            state.summary.infer("cancels that will find their order gone")
        state.flow.cancel(order_id, ms * NS_PER_MS)


def _finish(state: _Replay, recording: Recording, ghosts: set[int]) -> None:
    """Compare the plain replay with what the venue recorded, and write everything."""
    flow, pair, summary, ticks = state.flow, state.pair, state.summary, state.ticks
    replayed = [state.book.side(side) for side in (BUY, SELL)]
    venue: list[tuple[int, int, int, int]] = []
    expected_trades, book = state.expected, replayed
    if recording.trades:
        expected_trades = []
        for ms, price, lots, taker, maker, side in recording.trades:
            at = ticks[price]
            if at is None or taker not in flow.owner or maker not in flow.owner:
                summary.drop("trades of orders never seen before")
                continue
            venue.append((taker, maker, at, lots))
            expected_trades.append(flow.trade(pair, ms * NS_PER_MS, side, at, lots, taker, maker))
    if recording.end:
        book = [_end_side(recording.end, side, ticks, ghosts, flow) for side in (BUY, SELL)]
        missing = sum(1 for r in recording.end if ticks[r[2]] is not None and r[0] not in ghosts) - sum(map(len, book))
        summary.drop("rows of the end book of orders never seen before", missing)
    summary.trades_expected = len(expected_trades)
    matching = sum(1 for ours, theirs in zip(state.trades, venue, strict=False) if ours == theirs)
    summary.trades_reproduced = matching if recording.trades else len(expected_trades)
    summary.book_identical = replayed == book
    summary.commands = len(flow.lines)
    flow.write(
        summary.out_dir,
        {
            "source": "venue" if recording.trades and recording.end else "plain replay",
            "accounts": flow.accounts,
            "refused_post_only": summary.refused_post_only,
            "trades": expected_trades,
            "books": {pair.symbol: {k: flow.book_rows(pair, book[s]) for s, k in ((BUY, "bids"), (SELL, "asks"))}},
        },
    )


def _end_side(
    rows: list[Row], side: int, ticks: dict[str, int | None], ghosts: set[int], flow: Flow
) -> list[tuple[int, int, int]]:
    """(price, leaves, id) in priority: best price first, then by id, which grows with time."""
    found = []
    for order_id, _, text, lots, _, row_side in rows:
        price = ticks[text]
        if row_side == side and price is not None and order_id not in ghosts and order_id in flow.owner:
            found.append((price, lots, order_id))
    return sorted(found, key=lambda order: (-order[0] if side == BUY else order[0], order[2]))
