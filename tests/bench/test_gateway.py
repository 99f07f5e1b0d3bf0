"""`bench gateway` for real, for a moment: every way in is timed, and streams reach one and many."""

import pytest

from bench import gateway
from bench.gateway_tables import gateway as table
from tests.pipeline import free_port_base


def test_every_way_in_is_timed_and_every_subscriber_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ORDERS_QUICK": 10, "REST_S_QUICK": 0.2, "STREAM_S_QUICK": 1.0}.items():
        monkeypatch.setattr(gateway, name, value)
    lines: list[str] = []
    found = gateway.run(quick=True, tell=lines.append, base=free_port_base(), subscribers=20)
    assert set(found["orders"]) == {"shared memory", "ZeroMQ", "WebSocket", "REST"}
    assert all(ns["p50"] > 0 for ns in found["orders"].values())
    assert found["rest"]["orders_per_s"] > 0
    for number in (1, 20):
        told = found["streams"][f"subscribers_{number}"]
        assert min(told["messages_per_s"], told["depth_ns"]["p50"], told["trade_ns"]["p50"]) > 0
    assert len(lines) == 4 + 1 + 2 * 3
    assert all(f"| {way} |" in table(found) for way in found["orders"])
