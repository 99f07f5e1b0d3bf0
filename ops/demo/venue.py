"""What the recorded venue did, held against what the journal and the book say: computed, never assumed."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson

from config.catalog import Catalog
from config.json_events import encode
from consumers.journal.reader import JournalReader
from engine.core import Engine
from ringbuf.codes import EventType

CHUNK = 65536
LISTINGS = [int(EventType.LISTED_ASSET), int(EventType.LISTED_INSTRUMENT)]


def compare(data: Path, expected_path: Path) -> dict[str, Any]:
    """trades_expected, trades_reproduced (equal in order: parties, side, price, qty), book_identical."""
    expected = orjson.loads(expected_path.read_bytes())
    catalog = Catalog()
    engine = Engine()
    clients: dict[int, tuple[int, int]] = {}
    found: list[tuple[Any, ...]] = []
    with JournalReader(data) as journal:
        seq, last = 1, journal.last
        while seq <= last:
            events = journal.read(seq, min(CHUNK, last - seq + 1))
            engine.apply(events)
            for event in events[np.isin(events["type"], LISTINGS)]:
                catalog.fold(event)
            for event in events[events["type"] == EventType.ACCEPTED]:
                clients[int(event["order_id"])] = (int(event["account"]), int(event["client_id"]))
            for event in events[events["type"] == EventType.TRADE]:
                found.append(_trade(encode(event, catalog), clients))
            seq += len(events)
    wanted = [_wanted(trade) for trade in expected["trades"]]
    reproduced = sum(one == other for one, other in zip(wanted, found, strict=False))
    books = {symbol: _book(engine, catalog, symbol) for symbol in expected["books"]}
    return {
        "trades_expected": len(wanted),
        "trades_reproduced": reproduced if len(found) == len(wanted) else min(reproduced, len(found)),
        "trades_found": len(found),
        "book_identical": all(
            [[_plain(row) for row in expected["books"][symbol][side]] for side in ("bids", "asks")] == books[symbol]
            for symbol in books
        ),
    }


def _trade(event: dict[str, Any], clients: dict[int, tuple[int, int]]) -> tuple[Any, ...]:
    return (
        event["symbol"],
        event["side"],
        event["price"],
        event["qty"],
        clients[event["order_id"]],
        clients[event["maker_order_id"]],
    )


def _wanted(trade: dict[str, Any]) -> tuple[Any, ...]:
    return (
        trade["symbol"],
        trade["side"],
        trade["price"],
        trade["qty"],
        (trade["taker_account"], trade["taker_client_id"]),
        (trade["maker_account"], trade["maker_client_id"]),
    )


def _plain(row: list[Any]) -> list[Any]:
    return [str(row[0]), str(row[1]), int(row[2]), int(row[3])]


def _book(engine: Engine, catalog: Catalog, symbol: str) -> list[list[list[Any]]]:
    instrument = catalog.instrument(symbol)
    assert instrument is not None, symbol
    sides: list[list[list[Any]]] = [[], []]
    for order in engine.orders(instrument.id):
        price = instrument.price_scale.text(int(order["price_ticks"]))
        qty = instrument.qty_scale.text(int(order["leaves_lots"]))
        sides[int(order["side"])].append([price, qty, int(order["account"]), int(order["client_id"])])
    return sides
