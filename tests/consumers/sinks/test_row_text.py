"""Rows straight from the records and by way of the JSON form are the same rows."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from config.catalog import Catalog
from config.json_events import encode_all
from consumers.sinks.ledger_rows import ledger_fields, ledger_text
from consumers.sinks.postgresql import PostgreSql
from consumers.sinks.row_text import EventText, Style, quoted, rows_of
from consumers.sinks.target import EVENTS, LEDGER, TRADES, BadRow
from ringbuf.codes import EventType
from tests.consumers.engine_flow import EngineFlow
from tests.consumers.sinks.history import at_the_limits, hostile

VALUES = Style("(", ",", ")", "NULL", quoted, 40)


def expect_same(text: EventText, style: Style, events: np.ndarray, catalog: Catalog) -> int:
    """Both ways give the same rows under the same names; how many there were."""
    count = 0
    for table in (EVENTS, TRADES):
        fields = encode_all(events, catalog)
        if table == TRADES:
            fields = [row for row in fields if row["type"] == "trade"]
        expected = {names: Counter(found) for names, found in rows_of(table, fields, style).items()}
        made = {names: Counter(found) for names, found in text.rows(table, events, catalog).items() if found}
        assert made == expected
        count += sum(map(len, expected.values()))
    expected = rows_of(LEDGER, ledger_fields(events, catalog), style)
    assert ledger_text(events, catalog, style) == expected
    return count + sum(map(len, expected.values()))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("style", [VALUES, PostgreSql.style], ids=["values", "copy"])
def test_random_histories_in_batches_of_all_sizes(seed: int, style: Style, tmp_path: Path) -> None:
    flow, text, batch = EngineFlow(seed, tmp_path), EventText(style), []
    count = 0
    for events in flow.events(500):
        batch.append(events)
        if len(batch) > count % 40:
            count += expect_same(text, style, np.concatenate(batch), flow.catalog)
            batch.clear()
    assert count > 400


@pytest.mark.parametrize("style", [VALUES, PostgreSql.style], ids=["values", "copy"])
def test_the_least_the_most_and_hostile_names(style: Style, tmp_path: Path) -> None:
    for history in (
        at_the_limits(tmp_path / "limits"),
        hostile(tmp_path / "names", ["'%s\\", "100%d\t", "btc", "BTC"]),
    ):
        assert expect_same(EventText(style), style, history.events, Catalog.from_events(history.events)) > 4


def test_units_beyond_63_bits_go_by_the_json_form(tmp_path: Path) -> None:
    history = at_the_limits(tmp_path)
    catalog = Catalog.from_events(history.events)
    trades = history.events[history.events["type"] == EventType.TRADE].copy()
    trades["price_ticks"][0] = 1
    assert {int(price) for price in trades["price_ticks"]} == {1, (1 << 63) - 1}, "one that fits, one that may not"
    assert expect_same(EventText(VALUES), VALUES, trades, catalog) == (2 + 6) * len(trades)


def test_a_decimal_that_a_column_would_round_is_a_bad_row() -> None:
    style = Style("(", ",", ")", "NULL", quoted, 3)
    assert rows_of(EVENTS, [{"seq": 1, "price": "1.2340000"}], style) == {("seq", "price"): ["(1,1.2340000)"]}
    with pytest.raises(BadRow, match="more than 3 decimals"):
        rows_of(EVENTS, [{"seq": 1, "price": "1.2341"}], style)
