"""The seeded generator: repeatable, replayable, and near the recording that it was calibrated to."""

import json
from pathlib import Path

import pytest

from ops.convert.fetch import FetchError, fetch
from ops.convert.generate import generate
from tests.ops.convert.test_bitstamp import commands_of, replay


def test_the_same_seed_gives_the_same_bytes_and_another_seed_gives_others(tmp_path: Path) -> None:
    files = [generate(tmp_path / str(n), 2_000, seed, opening_orders=300) for n, seed in enumerate((5, 5, 6))]
    first, again, other = (summary.commands_path.read_bytes() for summary in files)
    assert first == again
    assert first != other


def test_a_plain_book_fed_with_the_written_commands_makes_the_expected_trades(tmp_path: Path) -> None:
    summary = generate(tmp_path, 20_000, seed=3, opening_orders=1_000)
    trades, _, refused = replay(commands_of(tmp_path))
    assert len(trades) == summary.trades_expected > 0
    assert refused == summary.refused_post_only > 0


def test_shares_of_commands_are_near_those_of_the_recording(tmp_path: Path) -> None:
    seed = 1
    summary = generate(tmp_path, 60_000, seed)
    live = commands_of(tmp_path)[-60_000:]
    rests = sum(c["op"] == "place" and not c.get("post_only") for c in live) / len(live)
    refused = sum(bool(c.get("post_only")) for c in live) / len(live)
    assert 0.18 < rests < 0.32, seed
    assert 0.38 < refused < 0.62, seed
    assert 0.0003 < summary.trades_expected / len(live) < 0.01, seed


def test_symbols_share_the_stream_and_each_has_its_book(tmp_path: Path) -> None:
    summary = generate(tmp_path, 2_000, seed=2, symbols=3, accounts=5, opening_orders=100)
    books = json.loads(summary.expected_path.read_bytes())["books"]
    assert list(books) == ["BTC-USD", "BTC2-USD", "BTC3-USD"]
    assert {c["account"] for c in commands_of(tmp_path)} == {1, 2, 3, 4, 5}


def test_a_package_index_that_can_not_be_reached_gives_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="can't be fetched"):
        fetch(tmp_path, index_url="http://127.0.0.1:9/simple")
    assert not list(tmp_path.glob("**/*.whl"))
