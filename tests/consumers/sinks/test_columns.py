"""The columns are the fields of the events' JSON form: every one that an event can have, and none that no event has."""

from decimal import Decimal
from pathlib import Path

import pytest

from config.catalog import Catalog
from config.json_events import encode_all
from consumers.sinks.columns import BUSTED_SEQ, COLUMNS, DECIMALS, EVENT_COLUMNS, rows
from consumers.sinks.target import EVENTS, TRADES
from tests.consumers.engine_flow import reference_history
from tests.consumers.sinks.history import at_the_limits

SEEDS = range(2, 5)


def test_every_field_of_an_event_is_a_column_and_every_column_some_events(tmp_path: Path) -> None:
    seen = set()
    for seed in SEEDS:
        events = reference_history(seed, 1500, tmp_path)
        for row in rows(EVENTS, encode_all(events, Catalog.from_events(events))):  # KeyError where one is not known
            seen |= set(row)
            assert all(isinstance(row[name], Decimal) == (name in DECIMALS) for name in row)
    assert set(EVENT_COLUMNS) - seen == set(), f"seeds {SEEDS}"


def test_trades_have_their_columns_and_no_others(tmp_path: Path) -> None:
    seen = {BUSTED_SEQ}
    for seed in SEEDS:
        events = reference_history(seed, 1500, tmp_path)
        fields = encode_all(events, Catalog.from_events(events))
        for row in rows(TRADES, [event for event in fields if event["type"] == "trade"]):
            seen |= set(row)
    assert seen == set(COLUMNS[TRADES]), f"seeds {SEEDS}"


def test_a_field_that_is_no_column_is_not_passed_over() -> None:
    with pytest.raises(KeyError, match="colour"):
        rows(EVENTS, [{"seq": 1, "ts_ns": 1, "type": "time", "colour": "red"}])


def test_the_limits_are_at_the_limits(tmp_path: Path) -> None:
    history = at_the_limits(tmp_path)
    found = rows(EVENTS, history.batch(0, history.last).fields)
    assert max(row["ts_ns"] for row in found) == 2**63 - 1
    assert max(len(str(row.get("symbol", ""))) for row in found) == 16
    assert Decimal(2**63 - 1).scaleb(-18) in {row.get("amount") for row in found}
