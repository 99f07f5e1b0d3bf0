"""Recorded Bitstamp order flow to commands, replayed through a plain book."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from config.errors import ConfigError
from ops.convert import convert
from ops.convert.plain_book import BUY, SELL, PlainBook
from tests.ops.convert.recordings import bitstamp_files

HEADER = "id,timestamp,exchange_timestamp,price,volume,action,direction\n"
TRADES = "trade_id,timestamp,exchange_timestamp,price,amount,buy_order_id,sell_order_id,side\n"


def commands_of(out_dir: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out_dir / "commands.jsonl").read_bytes().splitlines()]


def converted(tmp_path: Path, rows: str, trades: str = "") -> list[dict[str, Any]]:
    orders_file = tmp_path / "orders.csv"
    orders_file.write_text(HEADER + rows)
    files = [orders_file]
    if trades:
        files.append(tmp_path / "trades.csv")
        files[1].write_text(TRADES + trades)
    convert("bitstamp", files, tmp_path / "out", accounts=1)
    return [c for c in commands_of(tmp_path / "out") if c["op"] != "deposit"]


def replay(commands: list[dict[str, Any]]) -> tuple[list[tuple[Any, ...]], PlainBook, int]:
    """A plain book fed with the commands as written: trades, end book, refused post-only orders."""
    book, trades, refused = PlainBook(), [], 0
    names: dict[int, tuple[int, int]] = {}
    numbers: dict[tuple[int, int], int] = {}
    for number, c in enumerate(commands, 1):
        if c["op"] == "cancel":
            book.remove(numbers[c["account"], c["orig_client_id"]])
        elif c["op"] == "place":
            numbers[c["account"], c["client_id"]] = number
            names[number] = (c["account"], c["client_id"])
            side = BUY if c["side"] == "buy" else SELL
            price = int(c["price"]) if "price" in c else None
            if c.get("post_only") and price is not None and book.would_cross(side, price):
                refused += 1
                continue
            for maker, at, qty in book.enter(number, side, price, int(c["qty"].replace(".", ""))):
                trades.append((c["account"], c["client_id"], *names[maker], at, qty))
    book.names = names  # type: ignore[attr-defined]
    return trades, book, refused


def test_the_recording_replays_to_every_trade_of_the_venue_and_to_its_end_book(tmp_path: Path) -> None:
    files = bitstamp_files()
    summary = convert("bitstamp", files, tmp_path)
    expected = json.loads(summary.expected_path.read_bytes())
    commands = commands_of(tmp_path)
    trades, book, refused = replay(commands)
    assert summary.opening_orders == 6_158
    assert summary.refused_post_only == refused == 100_518
    wanted = [
        (t["taker_account"], t["taker_client_id"], t["maker_account"], t["maker_client_id"], int(t["price"]),
         int(t["qty"].replace(".", "")))
        for t in expected["trades"]
    ]  # fmt: skip
    assert len(wanted) == 284
    assert trades == wanted
    assert sum(map(len, expected["books"]["BTC-USD"].values())) == 6_164
    for side, name in ((BUY, "bids"), (SELL, "asks")):
        ours = [[str(p), q, *book.names[i]] for p, q, i in book.side(side)]  # type: ignore[attr-defined]
        theirs = [[p, int(q.replace(".", "")), a, c] for p, q, a, c in expected["books"]["BTC-USD"][name]]
        assert ours == theirs
    assert summary.trades_reproduced == 284
    assert summary.book_identical


def test_client_ids_grow_on_each_account_and_cancels_name_an_order_of_their_own(tmp_path: Path) -> None:
    rows = "".join(f"{n},{n},{1001 + n},100.0,0.5,created,bid\n" for n in range(1, 40))
    rows += "".join(f"{n},{n},{2001 + n},100.0,0.5,deleted,bid\n" for n in range(1, 40))
    orders_file = tmp_path / "orders.csv.gz"
    orders_file.write_bytes(gzip.compress((HEADER + rows).encode()))
    convert("bitstamp", [orders_file], tmp_path, accounts=4)
    last: dict[int, int] = {}
    placed: set[tuple[int, int]] = set()
    for command in commands_of(tmp_path):
        account = command["account"]
        assert command["client_id"] == last.get(account, 0) + 1
        last[account] = command["client_id"]
        if command["op"] == "place":
            placed.add((account, command["client_id"]))
        if command["op"] == "cancel":
            placed.remove((account, command["orig_client_id"]))
    assert not placed
    assert len(last) == 4


def test_a_pair_of_created_and_deleted_that_would_cross_becomes_one_post_only_order(tmp_path: Path) -> None:
    rows = (
        "1,1,1001,100.0,0.5,created,ask\n"
        "2,2,1002,100.0,0.075,created,bid\n2,2,1002,100.0,0.075,deleted,bid\n"
        "3,3,1003,99.0,0.075,created,bid\n3,3,1003,99.0,0.075,deleted,bid\n"
    )
    commands = converted(tmp_path, rows)
    assert [(c["op"], c.get("post_only", False)) for c in commands] == [
        ("place", False),
        ("place", True),
        ("place", True),
        ("cancel", False),
    ]


def test_a_market_order_by_cash_takes_the_sum_of_its_trades(tmp_path: Path) -> None:
    rows = "1,1,1001,100.0,0.5,created,ask\n2,2,1002,999999999.0,0.0,created,bid\n"
    commands = converted(tmp_path, rows, "9,2,1002,100.0,7.18e-06,2,1,buy\n")
    assert (commands[1]["type"], commands[1]["qty"]) == ("market", "0.00000718")
    assert "price" not in commands[1]


def test_cancels_of_unknown_orders_and_orders_deleted_before_they_were_created_are_dropped(tmp_path: Path) -> None:
    rows = (
        "7,1,1001,100.0,0.5,deleted,ask\n"
        "8,1,1001,100.0,0.5,changed,ask\n"
        "7,2,1002,100.0,0.5,created,ask\n"
        "9,3,1003,99.5,0.5,created,bid\n"
    )
    commands = converted(tmp_path, rows)
    assert [(c["op"], c["price"]) for c in commands] == [("place", "99.5")]


def test_the_older_form_with_whole_lots_and_prices_off_the_unit_is_read_too(tmp_path: Path) -> None:
    orders_file = tmp_path / "orders.csv"
    orders_file.write_text(
        HEADER.replace("exchange_timestamp", "exchange.timestamp")
        + "1,1430438404518,1430438404000,236.47,200000000,created,bid\n"
    )
    convert("bitstamp", [orders_file], tmp_path, accounts=1)
    command = commands_of(tmp_path)[-1]
    assert (command["price"], command["qty"]) == ("236.47", "2.00000000")


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ("1,1,1001,100.0,0.5,made,bid\n", "line 2"),
        ("1,1,1001,100.0,much,created,bid\n", "line 2"),
        ("1,1,1001,100.0,0.000000001,created,bid\n", "line 2"),
        ("1,1,1001,100.0,0.5,created\n", "line 2"),
        ("", "rows"),
    ],
)
def test_an_unusable_row_is_named_by_file_and_line(tmp_path: Path, rows: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        converted(tmp_path, rows)


def test_an_unknown_source_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="bitstamp"):
        convert("nowhere", [], "out")
