"""ITCH 5.0 files to commands: every execution comes out of the engine again, every ugly thing is said or counted."""

import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.errors import ConfigError
from ops.cli import main
from ops.convert import convert
from ops.convert.feed_files import FeedFiles
from ops.convert.market import Market
from ops.convert.plain_book import BUY
from ops.convert.summary import Summary
from tests.ops.convert.engine_run import EngineRun, run_and_compare
from tests.ops.convert.itch_builder import OPEN_NS, ItchBuilder, frame
from tests.ops.convert.itch_venue import ItchVenue
from tests.ops.convert.test_bitstamp import commands_of

MIDNIGHT_NS = 1_548_824_400 * 1_000_000_000  # of 30 January 2019 in New York
FILE = "01302019.NASDAQ_ITCH50"


def saved(tmp_path: Path, content: bytes, name: str = FILE) -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def converted(tmp_path: Path, builder: ItchBuilder, **options: Any) -> Summary:
    return convert("itch", [saved(tmp_path, builder.system("C").content)], tmp_path / "out", **options)


def orders_of(summary: Summary) -> list[dict[str, Any]]:
    return [c for c in commands_of(summary.out_dir) if c["op"] != "deposit"]


def run(tmp_path: Path, builder: ItchBuilder) -> tuple[Summary, EngineRun]:
    summary = converted(tmp_path, builder)
    return summary, run_and_compare(summary, tmp_path)


def started(*stocks: str) -> ItchBuilder:
    builder = ItchBuilder().system("O")
    for stock in stocks or ("ACME",):
        builder.directory(stock)
    return builder


# --- flow -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_engine_fed_with_a_converted_day_makes_every_execution_of_the_venue(tmp_path: Path, seed: int) -> None:
    names = {"AAPL": "AAPL-USD", "BRK.B": "BRK.B-USD", "AAC+": "AAC_2B-USD", "ABR-A": "ABR-A-USD", "USD": "USD_-USD"}
    venue = ItchVenue(seed, tuple(names))
    path = saved(tmp_path, venue.run(6_000))
    summary = convert("itch", [path], tmp_path / "out", accounts=40)
    engine = run_and_compare(summary, tmp_path)
    happened = [(names[stock], f"{p // 10_000}.{p // 100 % 100:02}", str(q)) for stock, _, p, q in venue.executions]
    assert [(symbol, price, qty) for symbol, _, price, qty, *_ in engine.trades] == happened, seed
    assert summary.trades_expected == summary.trades_reproduced == len(happened) > 500, seed
    assert summary.book_identical, seed
    resting = {names[s]: sum(order[2] for order in book.orders.values()) for s, book in venue.books.items()}
    engine_resting = {s: sum(int(row[1]) for side in book.values() for row in side) for s, book in engine.books.items()}
    assert engine_resting == resting, seed


def test_only_the_stocks_that_are_asked_for_are_converted(tmp_path: Path) -> None:
    venue = ItchVenue(5, ("AAPL", "MSFT", "TSLA", "NVDA"))
    path = saved(tmp_path, venue.run(4_000))
    summary = convert("itch", [path], tmp_path / "out", stocks=["MSFT", "NVDA"])
    engine = run_and_compare(summary, tmp_path)
    assert {symbol for symbol, *_ in engine.trades} == {"MSFT-USD", "NVDA-USD"}
    assert len(engine.trades) == sum(stock in ("MSFT", "NVDA") for stock, *_ in venue.executions)
    assert sum(summary.messages.values()) == len(venue.out.frames)


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_a_packed_file_gives_the_same_bytes(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    content = ItchVenue(6, ("AAPL",)).run(500)
    plain = convert("itch", [saved(tmp_path, content)], tmp_path / "plain")
    packed = convert("itch", [saved(tmp_path, pack(content), FILE + ".packed")], tmp_path / "packed")
    for name in ("commands.jsonl", "instruments.toml", "expected.json"):
        assert (plain.out_dir / name).read_bytes() == (packed.out_dir / name).read_bytes()


def test_executions_of_one_instant_are_one_taker_and_of_one_order_twice_are_two(tmp_path: Path) -> None:
    b = started().add("ACME", 1, "S", 30, 100_000).add("ACME", 2, "S", 50, 100_100).add("ACME", 3, "S", 50, 100_100)
    b.executed("ACME", 1, 30).executed("ACME", 2, 20, same_time=True)
    b.executed("ACME", 2, 10).executed("ACME", 2, 20, same_time=True).executed("ACME", 3, 5, same_time=True)
    summary, engine = run(tmp_path, b)
    takers = [(c["side"], c["price"], c["qty"]) for c in orders_of(summary) if c.get("tif") == "ioc"]
    assert takers == [("buy", "10.0100", "50"), ("buy", "10.0100", "10"), ("buy", "10.0100", "25")]
    assert [(price, qty) for _, _, price, qty, *_ in engine.trades] == [
        ("10.00", "30"), ("10.01", "20"), ("10.01", "10"), ("10.01", "20"), ("10.01", "5"),
    ]  # fmt: skip


def test_partial_cancels_keep_the_place_and_replaces_lose_it(tmp_path: Path) -> None:
    b = started().add("ACME", 1, "B", 100, 99_900).add("ACME", 2, "B", 100, 99_900, mpid=True)
    b.cancel("ACME", 1, 40).executed("ACME", 1, 10)
    b.replace("ACME", 1, 3, 70, 99_900).executed("ACME", 2, 100).executed("ACME", 3, 70)
    summary, engine = run(tmp_path, b)
    assert [c["op"] for c in orders_of(summary)] == [
        "place", "place", "amend", "place", "cancel", "place", "place", "place",
    ]  # fmt: skip
    assert [qty for _, _, _, qty, *_ in engine.trades] == ["10", "100", "70"]
    assert summary.trades_expected == summary.trades_reproduced == 3


def test_times_are_those_of_the_day_in_new_york(tmp_path: Path) -> None:
    builder = started().add("ACME", 1, "B", 1, 99_900)
    assert orders_of(converted(tmp_path, builder))[0]["ts_ns"] == MIDNIGHT_NS + OPEN_NS + 3_000


def test_odd_lots_stay_and_prices_below_a_cent_make_a_finer_tick(tmp_path: Path) -> None:
    b = started("ACME", "FINE").add("ACME", 1, "B", 1, 99_900).add("FINE", 2, "B", 3, 4_321).executed("FINE", 2, 1)
    summary, engine = run(tmp_path, b)
    assert [(price, qty) for _, _, price, qty, *_ in engine.trades] == [("0.4321", "1")]
    assert engine.books["ACME-USD"]["bids"][0][:2] == ["9.99", "1"]
    assert summary.instruments_path.read_text().count('tick_size = "0.01"') == 1


# --- halts, locked books, crosses -------------------------------------------------------------------------------------


def test_what_comes_in_a_halted_period_is_sent_when_it_ends(tmp_path: Path) -> None:
    b = started().add("ACME", 1, "B", 100, 99_900).add("ACME", 2, "B", 100, 99_800).add("ACME", 6, "S", 9, 100_000)
    b.action("ACME", "H").add("ACME", 3, "B", 50, 99_950).add("ACME", 4, "S", 50, 99_990).delete("ACME", 4)
    b.cancel("ACME", 1, 60).delete("ACME", 2).cancel("ACME", 3, 10).executed("ACME", 1, 10).action("ACME", "Q")
    b.replace("ACME", 6, 7, 8, 100_100).action("ACME", "T").executed("ACME", 3, 40).executed("ACME", 1, 30)
    summary, engine = run(tmp_path, b)
    assert [c["op"] for c in orders_of(summary)] == [
        "place", "place", "place", "halt", "cancel", "cancel", "resume", "amend", "place", "place", "place", "place",
    ]  # fmt: skip
    assert [(price, qty) for _, _, price, qty, *_ in engine.trades] == [("9.9950", "40"), ("9.9900", "30")]
    assert engine.books["ACME-USD"]["asks"][0][1] == "8"
    assert summary.dropped == {
        "executions in halted periods: shares taken off without a trade": 1,
        "orders held back that went before they could be placed": 1,
    }
    assert (summary.trades_expected, summary.trades_reproduced) == (3, 2)


def test_a_symbol_trades_again_when_every_cause_of_its_halt_is_over(tmp_path: Path) -> None:
    b = started().add("ACME", 1, "B", 100, 99_900).action("ACME", "T").action("ACME", "P")
    b.operational("ACME", "Q", "H").operational("ACME", "B", "T").action("ACME", "T").add("ACME", 2, "B", 1, 99_900)
    b.operational("ACME", "Q", "T").action("ACME", "?")
    summary, engine = run(tmp_path, b)
    assert [c["op"] for c in orders_of(summary)] == ["place", "halt", "resume", "place"]
    assert summary.dropped == {"trading actions of unknown code '?'": 1}


def test_orders_that_lock_or_cross_the_book_wait_until_they_do_not(tmp_path: Path) -> None:
    b = started().add("ACME", 1, "S", 100, 100_000).add("ACME", 2, "B", 50, 100_000).add("ACME", 3, "B", 50, 100_200)
    b.add("ACME", 4, "B", 10, 99_000).cancel("ACME", 2, 20).executed("ACME", 3, 20).delete("ACME", 1)
    b.executed("ACME", 3, 30).executed("ACME", 2, 30)
    summary, engine = run(tmp_path, b)
    assert [(price, qty) for _, _, price, qty, *_ in engine.trades] == [("10.02", "30"), ("10.00", "30")]
    assert summary.inferred["orders that would lock or cross the book, held back until they don't"] == 2
    assert summary.dropped == {"executions of orders held back: shares taken off without a trade": 1}


def test_an_order_held_back_is_placed_also_when_the_book_runs_empty(tmp_path: Path) -> None:
    b = started().add("ACME", 1, "S", 100, 100_000).add("ACME", 2, "B", 50, 100_000).executed("ACME", 1, 100)
    summary, engine = run(tmp_path, b)
    assert engine.books["ACME-USD"] == {"bids": [["10.00", "50", *engine.books["ACME-USD"]["bids"][0][2:]]], "asks": []}


def test_orders_held_back_to_the_end_are_said_and_the_book_is_not_the_venues(tmp_path: Path) -> None:
    summary, _ = run(tmp_path, started().add("ACME", 1, "S", 100, 100_000).add("ACME", 2, "B", 50, 100_000))
    assert summary.dropped == {"orders held back to the end": 1}
    assert not summary.book_identical


def test_executions_at_another_price_trade_beside_the_order_where_a_book_could(tmp_path: Path) -> None:
    b = started().add("ACME", 1, "B", 100, 99_900).add("ACME", 2, "B", 100, 99_900).add("ACME", 3, "S", 50, 100_000)
    b.executed_at("ACME", 1, 40, 99_950).executed_at("ACME", 1, 10, 99_900).executed_at("ACME", 2, 10, 99_800)
    b.executed_at("ACME", 2, 10, 100_000).executed_at("ACME", 2, 20, 99_900, printable=False)
    summary, engine = run(tmp_path, b)
    assert [(price, qty) for _, _, price, qty, *_ in engine.trades] == [("9.9950", "40"), ("9.9900", "10")]
    assert [row[1] for row in engine.books["ACME-USD"]["bids"]] == ["50", "60"]
    assert summary.dropped == {
        "executions at another price than their order's: shares taken off without a trade": 2,
        "executions that don't print (crosses): shares taken off without a trade": 1,
    }
    assert (summary.trades_expected, summary.trades_reproduced) == (4, 2)


def test_executions_out_of_priority_take_shares_off_without_a_trade(tmp_path: Path) -> None:
    b = started().add("ACME", 1, "B", 100, 99_900).add("ACME", 2, "B", 100, 99_900).executed("ACME", 2, 60)
    summary, engine = run(tmp_path, b.executed("ACME", 1, 100).executed("ACME", 2, 40))
    assert [qty for _, _, _, qty, *_ in engine.trades] == ["100", "40"]
    assert summary.dropped == {"executions out of price-time priority: shares taken off without a trade": 1}


def test_hidden_trades_crosses_and_broken_trades_are_counted(tmp_path: Path) -> None:
    b = started().add("ACME", 1, "B", 100, 99_900).hidden_trade("ACME", 5, 99_950).hidden_trade("ACME", 5, 99_950)
    summary, engine = run(tmp_path, b.cross("ACME", 900, 99_900).cross("ACME", 0, 0).broken("ACME", 1))
    assert engine.trades == []
    assert summary.dropped == {
        "trades of hidden orders (P): they never touch the visible book": 2,
        "crosses (Q)": 1,
        "broken trades (B): the trade stands": 1,
    }


# --- messages that can't be right -------------------------------------------------------------------------------------


def test_messages_about_unknown_orders_are_counted_and_too_many_shares_are_clipped(tmp_path: Path) -> None:
    b = started().add("ACME", 1, "B", 100, 99_900).executed("ACME", 9, 5).cancel("ACME", 9, 5).delete("ACME", 9)
    b.replace("ACME", 9, 10, 5, 99_900).add("ACME", 1, "S", 100, 101_000).executed("ACME", 1, 0).executed(
        "ACME", 1, 120
    )
    b.add("ACME", 2, "S", 10, 101_000).cancel("ACME", 2, 11).cancel("ACME", 2, 1)
    summary, engine = run(tmp_path, b)
    assert [qty for _, _, _, qty, *_ in engine.trades] == ["100"]
    assert summary.dropped == {
        "executions of orders not in the flow": 1,
        "partial cancels of orders not in the flow": 2,
        "cancels of orders not in the flow": 1,
        "replaces of orders not in the flow": 1,
        "orders added a second time": 1,
        "executions of no shares": 1,
    }
    assert summary.clipped == {"executions of more than was left": 1, "partial cancels of more than was left": 1}


def test_orders_without_price_or_shares_or_beyond_all_funds_are_dropped(tmp_path: Path) -> None:
    b = started().add("ACME", 1, "B", 100, 0).add("ACME", 2, "S", 100, 2_000_000_001).add("ACME", 3, "B", 0, 99_900)
    b.add("ACME", 4, "B", 4_294_967_295, 2_000_000_000).add("ACME", 5, "S", 100, 2_000_000_000)
    summary, engine = run(tmp_path, b.replace("ACME", 5, 6, 100, 0))
    assert engine.books == {}
    assert summary.dropped == {
        "orders at price 0 or above 200 000": 3,
        "orders for no shares": 1,
        "orders beyond what an account of the flow holds": 1,
    }


def test_messages_of_unknown_types_are_counted(tmp_path: Path) -> None:
    b = started().add("ACME", 1, "B", 100, 99_900).raw("z", b"?" * 7).raw("\xfe", b"").raw("z", b"", locate=1)
    b.frames.append(frame(b"z"))
    summary, _ = run(tmp_path, b)
    assert summary.dropped == {"messages of unknown type 'z'": 3, "messages of unknown type 'þ'": 1}
    assert summary.messages == {"A": 1, "R": 1, "S": 2, "z": 3, "þ": 1}


def test_messages_of_a_locate_code_that_none_named_are_counted_and_an_order_names_its_own(tmp_path: Path) -> None:
    b = ItchBuilder()
    b.locates["ACME"] = 7
    b.executed("ACME", 1, 5).add("ACME", 2, "B", 100, 99_900).executed("ACME", 2, 5)
    summary, engine = run(tmp_path, b)
    assert len(engine.trades) == 1
    assert summary.dropped == {"messages of a locate code that none before named": 1}


@pytest.mark.parametrize("frames_whole", [0, 1, 3])
@pytest.mark.parametrize("bytes_more", [1, 2, 5, 20])
def test_a_file_that_ends_within_a_frame_is_refused_with_its_offset(
    tmp_path: Path, frames_whole: int, bytes_more: int
) -> None:
    b = started().add("ACME", 1, "B", 100, 99_900).add("ACME", 2, "B", 100, 99_900)
    whole = b"".join(b.frames[:frames_whole])
    cut = saved(tmp_path, whole + b.frames[frames_whole][: min(bytes_more, len(b.frames[frames_whole]) - 1)])
    with pytest.raises(ConfigError) as raised:
        convert("itch", [cut], tmp_path / "out")
    assert f"{cut} offset {len(whole)}: expected" in str(raised.value)
    assert "the file ends after" in str(raised.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_packed_file_that_is_cut_or_damaged_is_refused_with_its_offset(tmp_path: Path) -> None:
    packed = gzip.compress(ItchVenue(6, ("AAPL",)).run(2_000))
    for number, content in enumerate((packed[: len(packed) // 2], packed[:500] + b"\0" * 50 + packed[550:])):
        path = saved(tmp_path, content, f"{number}.gz")
        with pytest.raises(ConfigError, match=r"offset \d+ \(unpacked\): expected a readable file to its end"):
            convert("itch", [path], tmp_path / "out")
        assert list((tmp_path / "out").iterdir()) == []


def test_a_message_of_another_length_than_its_type_has_is_refused_with_offset_and_lengths(tmp_path: Path) -> None:
    b = started().add("ACME", 1, "B", 100, 99_900)
    offset = len(b.content)
    path = saved(tmp_path, b.raw("D", b"\0" * 9, locate=1).content)
    with pytest.raises(ConfigError) as raised:
        convert("itch", [path], tmp_path / "out")
    assert str(raised.value) == f"{path} offset {offset}: expected 19 bytes for message D, got 20"


def test_an_order_of_no_side_is_refused_with_its_offset(tmp_path: Path) -> None:
    b = started()
    offset = len(b.content)
    path = saved(tmp_path, b.add("ACME", 1, "X", 100, 99_900).content)
    with pytest.raises(ConfigError, match=f"offset {offset}: expected side B or S"):
        convert("itch", [path], tmp_path / "out")


def test_a_stock_that_changes_its_locate_code_is_refused(tmp_path: Path) -> None:
    b = started().add("ACME", 1, "B", 100, 99_900)
    path = saved(tmp_path, b.directory("ACME").add("ACME", 2, "B", 1, 1).content)
    b.locates["ACME"] = 9
    path = saved(tmp_path, b.add("ACME", 3, "B", 100, 99_900).content)
    with pytest.raises(ConfigError, match="expected locate code 1 for ACME"):
        convert("itch", [path], tmp_path / "out")


def test_a_frame_of_no_length_ends_the_file_and_a_file_without_its_last_event_is_said_to_be_cut(tmp_path: Path) -> None:
    b = started().add("ACME", 1, "B", 100, 99_900)
    b.frames.append(b"\0\0")
    summary = converted(tmp_path, b)
    assert summary.messages == {"A": 1, "R": 1, "S": 1}
    assert summary.inferred == {"the recording is cut: it has no end-of-messages event": 1}


@pytest.mark.parametrize(
    ("content", "stocks", "expected"),
    [
        (started().add("ACME", 1, "B", 100, 99_900).content, ["ACME", "EVIL", "BAD"], "it has no BAD, EVIL"),
        (started("ACME", "EVIL").add("ACME", 1, "B", 100, 99_900).content, ["EVIL"], "expected messages that place"),
        (b"", [], "expected messages that place orders"),
    ],
)
def test_a_file_without_what_is_asked_for_is_refused(
    tmp_path: Path, content: bytes, stocks: list[str], expected: str
) -> None:
    with pytest.raises(ConfigError, match=expected):
        convert("itch", [saved(tmp_path, content)], tmp_path / "out", stocks=stocks)


def test_a_file_that_is_not_there_and_two_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a readable file"):
        convert("itch", [tmp_path / "nowhere"], tmp_path / "out")
    with pytest.raises(ConfigError, match="expected one file, got 2"):
        convert("itch", ["a", "b"], tmp_path / "out")


def test_more_open_orders_than_an_account_may_have_ask_for_more_accounts(tmp_path: Path) -> None:
    with FeedFiles(tmp_path, 1, Summary("itch", tmp_path)) as files:
        market = Market(files, "ACME-USD")
        for ref in range(8_000):
            market.add(ref, BUY, 99_900, 1, OPEN_NS)
        market.delete(5, OPEN_NS)
        market.add(9_000, BUY, 99_900, 1, OPEN_NS)
        with pytest.raises(ConfigError, match="--accounts: expected more"):
            market.add(9_001, BUY, 99_900, 1, OPEN_NS)


def test_the_verb_says_on_standard_error_what_was_dropped_and_prints_one_json_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    b = started("ACME", "EVIL").add("ACME", 1, "B", 100, 99_900).add("EVIL", 2, "B", 9, 99_900).delete("ACME", 5)
    path = saved(tmp_path, b.system("C").content, "day.itch")
    out = str(tmp_path / "out")
    assert main(["convert", "itch", str(path), "--out", out, "--symbol", "ACME", "--date", "2019-01-30", "--json"]) == 0
    printed = capsys.readouterr()
    summary = json.loads(printed.out)
    assert summary["dropped"] == {"cancels of orders not in the flow": 1}
    assert summary["messages"] == {"A": 2, "D": 1, "R": 2, "S": 2}
    assert "cancels of orders not in the flow" in printed.err
    assert commands_of(tmp_path / "out")[-1]["ts_ns"] > MIDNIGHT_NS
    path.write_bytes(b.content[:-3])
    assert main(["convert", "itch", str(path), "--out", out]) == 2
    assert f"{path} offset" in capsys.readouterr().err
