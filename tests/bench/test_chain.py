"""`bench pipeline`, `balances` and `publish` for real, for a moment."""

import pytest

from bench import balances, chain_tables, pipeline, publish, standing
from tests.pipeline import free_port_base


def test_a_market_goes_through_the_whole_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "COMMANDS_QUICK", 2_000)
    found = pipeline.run(quick=True, tell=lambda line: None, base=free_port_base())
    assert found["commands"] > 2_000 and found["events"] > found["commands"] / 2
    assert {"engine", "journal", "balances", "publisher", "gateway"} <= set(found["ns_per_event"])
    assert "| all |" in chain_tables.pipeline({key: value for key, value in found.items() if key != "conditions"})


def test_balances_are_folded_by_flow_and_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balances, "MARKET_QUICK", 1_000)
    small = standing.Standing("traded", symbols=2, accounts=100, orders=200, commands=1_000)
    monkeypatch.setattr(balances, "TRADED_QUICK", small)
    found = balances.run(quick=True, tell=lambda line: None)
    figures = {key: value for key, value in found.items() if key != "conditions"}
    assert len(figures) == 2 * 2 * len(balances.BATCHES)
    assert all(one["events_per_s"] > 0 for one in figures.values())
    assert max(one["trades_share"] for one in figures.values()) > 0.01
    assert len(chain_tables.balances(figures).splitlines()) == 2 + len(figures)


def test_messages_come_to_subscribers_of_either_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "ORDERS_QUICK", 20)
    monkeypatch.setattr(publish, "COMMANDS_QUICK", 1_000)
    found = publish.run(quick=True, tell=lambda line: None, base=free_port_base())
    assert all(found["told"][form]["p50"] > 0 for form in ("JSON", "binary"))
    assert found["used"]["nobody"]["messages"] == 0
    assert all(found["used"][form]["messages"] > 0 for form in ("JSON", "binary"))
    assert "| binary |" in chain_tables.publish(found)
