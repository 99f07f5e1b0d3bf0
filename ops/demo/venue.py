"""What the venue did, held against what the journal and the book say: computed, never assumed."""

from pathlib import Path
from typing import Any

import orjson

from ops.demo.history import History, Trade


def compare(history: History, expected_path: Path) -> dict[str, Any]:
    """The `venue` object: trades_expected, trades_reproduced, book_identical; book_orders (how many were compared).

    A trade counts as reproduced when it comes at the same place among all trades with the same symbol, side, price,
    quantity, taker and maker. Books are compared order by order, in priority.
    """
    expected = orjson.loads(expected_path.read_bytes())
    wanted = [_wanted(trade) for trade in expected["trades"]]
    books = {symbol: history.book(symbol) for symbol in expected["books"]}
    return {
        "trades_expected": len(wanted),
        "trades_reproduced": sum(one == other for one, other in zip(wanted, history.trades, strict=False)),
        "trades_found": len(history.trades),
        "book_identical": all(_rows(expected["books"][symbol]) == book for symbol, book in books.items()),
        "book_orders": sum(len(side) for book in books.values() for side in book),
    }


def is_reproduced(venue: dict[str, Any]) -> bool:
    """Whether everything came out as at the venue, and no trade more."""
    same = venue["trades_expected"] == venue["trades_reproduced"] == venue["trades_found"]
    return bool(same and venue["book_identical"])


def _wanted(trade: dict[str, Any]) -> Trade:
    return (
        trade["symbol"],
        trade["side"],
        trade["price"],
        trade["qty"],
        (trade["taker_account"], trade["taker_client_id"]),
        (trade["maker_account"], trade["maker_client_id"]),
    )


def _rows(book: dict[str, list[list[Any]]]) -> list[list[list[Any]]]:
    return [[[str(row[0]), str(row[1]), int(row[2]), int(row[3])] for row in book[side]] for side in ("bids", "asks")]
