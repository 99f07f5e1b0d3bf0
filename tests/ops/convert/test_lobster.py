"""LOBSTER files to commands: every visible execution comes out of the engine again, however little the file saw."""

import gzip
import lzma
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from config.errors import ConfigError
from ops.convert import convert
from ops.convert.flow import fixed
from ops.convert.lobster import DELETE, HALT, HIDDEN, NEW, VISIBLE
from ops.convert.packed import open_text
from ops.convert.summary import Summary
from tests.ops.convert.engine_run import EngineRun, run_and_compare
from tests.ops.convert.lobster_venue import LobsterVenue
from tests.ops.convert.recordings import FOLDERS
from tests.ops.convert.test_bitstamp import commands_of

SAMPLE = "lobster-aapl-2012-06-21"
MESSAGES = "ACME_2012-06-21_34200000_57600000_message_2.csv"
BOOKS = "ACME_2012-06-21_34200000_57600000_orderbook_2.csv"
MIDNIGHT_NS = 1_340_251_200 * 1_000_000_000  # of 21 June 2012 in New York
EMPTY = "9999999999,0,-9999999999,0"


def row(kind: int, ref: int, shares: int, price: int, direction: int, second: str = "34200.5") -> str:
    return f"{second},{kind},{ref},{shares},{price},{direction}"


def files(tmp_path: Path, messages: list[str], books: list[str] | None = None) -> list[Path]:
    found = [tmp_path / MESSAGES]
    found[0].write_text("".join(line + "\n" for line in messages))
    if books is not None:
        found.append(tmp_path / BOOKS)
        found[1].write_text("".join(line + "\n" for line in books))
    return found


def run(tmp_path: Path, messages: list[str], books: list[str] | None = None) -> tuple[Summary, EngineRun]:
    summary = convert("lobster", files(tmp_path, messages, books), tmp_path / "out")
    return summary, run_and_compare(summary, tmp_path)


def sample() -> list[Path]:
    """Message and orderbook file of the free sample, plain or packed, where somebody put them; else none."""
    for folder in FOLDERS:
        found = sorted((folder / SAMPLE).glob("*.csv*"))
        if len(found) == 2:
            return found
    return []


@pytest.mark.handed_in
@pytest.mark.parametrize("with_books", [True, False])
def test_the_engine_makes_every_execution_of_the_recorded_sample(tmp_path: Path, with_books: bool) -> None:
    found = sample()
    if not found:
        pytest.skip(
            f"no {SAMPLE} in {' or '.join(map(str, FOLDERS))}: LOBSTER states no licence to pass its free sample on, so"
            " it is not in the repository. Put the first 999 rows of both files of AAPL, 2012-06-21, 10 levels there"
            " (from lobsterdata.com, or as in data/ of github.com/YileZheng/OrderBook_HLS, under those names), or name"
            f" the folder that holds {SAMPLE} in MATCHLINE_RECORDINGS"
        )
    with open_text(found[0]) as messages:
        rows = messages.read().split()
    executed = [line.split(",") for line in rows if line.split(",")[1] == str(VISIBLE)]
    summary = convert("lobster", found if with_books else found[:1], tmp_path)
    engine = run_and_compare(summary, tmp_path)
    wanted = [("sell" if way == "1" else "buy", fixed(int(price) // 100, 2), q) for _, _, _, q, price, way in executed]
    assert [(side, price, qty) for _, side, price, qty, *_ in engine.trades] == wanted
    assert summary.trades_expected == summary.trades_reproduced == 98
    assert summary.dropped["hidden executions: they never touch the visible book"] == 61
    assert summary.opening_orders == (19 if with_books else 0)
    assert summary.book_identical


@pytest.mark.parametrize("levels", [1, 2, 10])
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("with_books", [True, False])
def test_every_execution_is_made_again_however_few_levels_were_seen(
    tmp_path: Path, seed: int, levels: int, with_books: bool
) -> None:
    venue = LobsterVenue(seed, levels)
    venue.run(unseen=200, seen=2_000)
    summary, engine = run(tmp_path, venue.messages, venue.books if with_books else None)
    happened = [(("sell", "buy")[side], fixed(price // 100, 2), str(q)) for side, price, q in venue.executions]
    made = [(side, price, qty) for _, side, price, qty, *_ in engine.trades]
    if with_books:
        assert made == happened, (seed, levels)
        assert summary.book_identical, (seed, levels)
    assert summary.trades_expected == len(happened) > 300, (seed, levels)
    assert summary.trades_reproduced == len(made), (seed, levels)


def test_the_book_before_the_first_message_is_the_first_row_less_that_message(tmp_path: Path) -> None:
    messages = [row(NEW, 7, 30, 100_000, 1), row(VISIBLE, 7, 30, 100_000, 1), row(VISIBLE, 3, 20, 99_900, 1)]
    books = [
        "100200,50,100000,30,100300,9,99900,40",
        "100200,50,99900,40,100300,9,-9999999999,0",
        "100200,50,99900,20,100300,9,-9999999999,0",
    ]
    summary, engine = run(tmp_path, messages, books)
    assert summary.opening_orders == 3
    assert [(price, qty) for _, _, price, qty, *_ in engine.trades] == [("10.00", "30"), ("9.99", "20")]
    assert [[r[:2] for r in engine.books["ACME-USD"][side]] for side in ("bids", "asks")] == [
        [["9.99", "20"]],
        [["10.02", "50"], ["10.03", "9"]],
    ]
    first = next(c for c in commands_of(summary.out_dir) if c["op"] == "place")
    assert first["ts_ns"] == MIDNIGHT_NS + 34_200_500_000_000


def test_executions_of_one_instant_are_one_taker_though_hidden_ones_stand_between(tmp_path: Path) -> None:
    messages = [row(NEW, 1, 30, 100_000, -1), row(NEW, 2, 30, 100_100, -1)]
    messages += [row(VISIBLE, 1, 30, 100_000, -1, "34201"), row(HIDDEN, 0, 9, 100_050, -1, "34201")]
    messages += [row(VISIBLE, 2, 5, 100_100, -1, "34201"), row(VISIBLE, 2, 5, 100_100, -1, "34201.000000001")]
    summary, _ = run(tmp_path, messages)
    takers = [(c["price"], c["qty"]) for c in commands_of(summary.out_dir) if c.get("tif") == "ioc"]
    assert takers == [("10.0100", "35"), ("10.0100", "5")]


def test_a_halted_period_halts_and_its_orders_come_when_it_ends(tmp_path: Path) -> None:
    messages = [row(NEW, 1, 30, 100_000, 1), row(HALT, 0, 0, -1, -1), row(NEW, 2, 30, 100_100, -1)]
    messages += [row(HALT, 0, 0, 0, -1), row(DELETE, 1, 30, 100_000, 1), row(HALT, 0, 0, 1, -1)]
    books = [f"9999999999,0,100000,30,{EMPTY}", f"9999999999,0,100000,30,{EMPTY}", f"100100,30,100000,30,{EMPTY}"]
    books += [books[2], f"100100,30,-9999999999,0,{EMPTY}", f"100100,30,-9999999999,0,{EMPTY}"]
    summary, engine = run(tmp_path, messages, books)
    operations = [c["op"] for c in commands_of(summary.out_dir) if c["op"] != "deposit"]
    assert operations == ["place", "halt", "cancel", "resume", "place"]
    assert summary.book_identical


def test_odd_rows_are_counted_or_clipped(tmp_path: Path) -> None:
    messages = [row(NEW, 1, 30, 100_000, 1), row(NEW, 2, 30, 0, 1), row(NEW, 3, 0, 100_000, 1), row(9, 1, 1, 1, 1)]
    messages += [row(6, 0, 500, 100_000, 1), row(DELETE, 8, 5, 90_000, 1), row(2, 8, 5, 90_000, 1)]
    messages += [row(NEW, 4, 5, 99_900, -1), row(2, 1, 40, 100_000, 1), row(VISIBLE, 5, 5, 0, 1)]
    summary, engine = run(tmp_path, messages)
    assert engine.books["ACME-USD"]["bids"] == []
    assert [r[:2] for r in engine.books["ACME-USD"]["asks"]] == [["9.99", "5"]]  # locked at first, placed later
    assert summary.clipped == {"partial cancels of more than was left": 1}
    assert summary.dropped == {
        "orders at price 0 or above 200 000": 2,
        "orders for no shares": 1,
        "rows of unknown type 9": 1,
        "crosses": 1,
        "cancels of orders not in the flow": 1,
        "partial cancels of orders not in the flow": 1,
        "executions of orders not in the flow": 1,
    }


def test_a_header_packed_files_and_either_order_of_files_are_fine(tmp_path: Path) -> None:
    messages = ["Time,Type,Order ID,Size,Price,Direction", row(NEW, 1, 30, 100_000, 1)]
    books = ["ap1,as1,bp1,bs1", "9999999999,0,100000,30"]
    found = files(tmp_path, messages, books)
    packed = [found[0].with_suffix(".csv.gz"), found[1].with_suffix(".csv.xz")]
    packed[0].write_bytes(gzip.compress(found[0].read_bytes()))
    packed[1].write_bytes(lzma.compress(found[1].read_bytes()))
    for number, given in enumerate((found, found[::-1], packed)):
        summary = convert("lobster", given, tmp_path / str(number))
        assert summary.opening_orders == 0
        assert [c["price"] for c in commands_of(summary.out_dir) if c["op"] == "place"] == ["10.0000"]


def test_symbol_and_day_may_be_given_and_must_be_where_the_name_tells_none(tmp_path: Path) -> None:
    path = tmp_path / "messages.csv"
    path.write_text(row(NEW, 1, 30, 100_000, 1) + "\n")
    with pytest.raises(ConfigError, match="--symbol: expected, as the name"):
        convert("lobster", [path], tmp_path)
    summary = convert("lobster", [path], tmp_path, stocks=["XYZ"], day=date(2012, 6, 21))
    place = commands_of(tmp_path)[-1]
    assert (place["symbol"], place["ts_ns"]) == ("XYZ-USD", MIDNIGHT_NS + 34_200_500_000_000)
    assert summary.inferred == {}
    assert "day 1970" in next(iter(convert("lobster", [path], tmp_path, stocks=["XYZ"]).inferred))
    with pytest.raises(ConfigError, match="--symbol: expected one"):
        convert("lobster", [path], tmp_path, stocks=["XYZ", "ACME"])


GOOD = row(NEW, 1, 30, 100_000, 1)
BOOK = f"9999999999,0,100000,30,{EMPTY}"


@pytest.mark.parametrize(
    ("messages", "books", "expected"),
    [
        ([GOOD, "34200.5,1,2,30,10"], None, "message_2.csv line 2: expected Time,Type"),
        ([GOOD, "34200.5,1,2,30,1000.5,1"], None, "message_2.csv line 2: expected Time,Type"),
        ([GOOD, "later,1,2,30,100000,1"], None, "message_2.csv line 2: expected Time,Type"),
        ([GOOD, "34200.5,1,2,30,100000,0"], None, "message_2.csv line 2: expected Time,Type"),
        ([GOOD, "34200.5,1,2,-30,100000,1"], None, "message_2.csv line 2: .* no size below zero"),
        ([GOOD, GOOD], [BOOK], "orderbook_2.csv: expected a row for each message; it ends after 1"),
        ([GOOD], [BOOK, BOOK], "orderbook_2.csv: expected a row for each message; it has more than 1"),
        ([GOOD, row(NEW, 2, 1, 100_000, 1)], [BOOK, EMPTY], "orderbook_2.csv line 2: .* 8 columns as in line 1"),
        ([GOOD], [BOOK.replace("30", "many")], "orderbook_2.csv line 1: expected ask price"),
        (["1,2,3"], None, "message_2.csv line 1: expected Time,Type.*; it has 3 columns"),
        ([BOOK], None, "expected one message file"),
        ([GOOD], [GOOD], "expected one message file"),
        ([row(HIDDEN, 0, 1, 100_000, 1)], None, "expected rows that place orders"),
    ],
)
def test_what_can_not_be_used_is_named_by_file_and_line_and_leaves_nothing(
    tmp_path: Path, messages: list[str], books: list[str] | None, expected: str
) -> None:
    with pytest.raises(ConfigError, match=expected):
        convert("lobster", files(tmp_path, messages, books), tmp_path / "out")
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_a_packed_file_that_is_cut_or_damaged_is_named_with_its_line(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    venue = LobsterVenue(1, 2)
    venue.run(unseen=0, seen=3_000)
    packed = pack("".join(line + "\n" for line in venue.messages).encode())
    path = tmp_path / MESSAGES
    for content in (packed[: len(packed) // 2], packed[:500] + b"\0" * 50 + packed[550:]):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=r"line \d+: expected text to the file's end"):
            convert("lobster", [path], tmp_path / "out")


def test_a_bitstamp_recording_takes_neither_symbol_nor_day() -> None:
    options: dict[str, Any] = {"stocks": ["AAPL"]}
    with pytest.raises(ConfigError, match="--symbol, --date: expected with lobster and itch only"):
        convert("bitstamp", [], "out", **options)
