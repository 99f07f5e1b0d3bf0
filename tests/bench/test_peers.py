"""Peers: the same workload for all, and a book that comes out as matchline's. Installed only where PyPI is reached."""

import numpy as np
import pytest

from bench.peers import compare, environment, quoted
from bench.peers.adapters import ADAPTERS
from bench.peers.environment import PEERS, PeerError
from bench.yardstick import book, text
from bench.yardstick.measure import load_of
from bench.yardstick.workload import CANCEL, NEW


def test_every_pinned_peer_has_an_adapter_and_the_other_way_round() -> None:
    assert set(ADAPTERS) == set(PEERS)


def test_the_messages_for_all_are_limit_orders_and_cancels_of_those() -> None:
    messages = compare.messages_for_all(orders=5_000)
    assert set(messages["kind"].tolist()) == {NEW, CANCEL}
    assert not messages["ioc"].any()
    assert set(messages["order"][messages["kind"] == CANCEL].tolist()) <= set(
        messages["order"][messages["kind"] == NEW].tolist()
    )


def test_open_lots_are_those_of_a_plain_book() -> None:
    messages = compare.messages_for_all(orders=3_000)
    reports = book.replay(messages)
    leaves = np.zeros(3_001, np.int64)
    for report in reports.tolist():
        kind, _, a, b, c, d = report
        if kind == text.ORDER_ACK:
            leaves[b] = d
        elif kind == text.TRADE:
            leaves[c] -= b
            leaves[d] -= b
        elif kind == text.CANCEL_ACK:
            leaves[b] = 0
    assert compare.open_lots(load_of(messages)) == leaves.sum() > 0


def test_a_host_without_a_package_index_says_why(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    with pytest.raises(PeerError, match="can't be installed"):
        environment.interpreter(tmp_path / "peers")


def test_quoted_ratios_are_relative_to_cpptrader() -> None:
    assert quoted.ratios()[quoted.CPPTRADER] == 1
    assert quoted.ratios()["pyob (the best from Python)"] < 0.1


@pytest.mark.long
def test_every_installed_peer_leaves_the_same_book() -> None:
    found = compare.run(quick=True, tell=lambda line: None, orders=2_000)
    peers = {name: figures for name, figures in found.items() if name != "matchline"}
    if all("can't be installed" in figures.get("skipped", "") for figures in peers.values()):
        pytest.skip("no package index can be reached")
    assert all(figures["same_book"] for figures in peers.values()), peers
