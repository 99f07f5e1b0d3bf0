"""Orders through shared memory are answered while the gateway is flooded and killed, for real, for a moment."""

from bench import flood
from tests.pipeline import free_port_base


def test_orders_are_answered_whatever_becomes_of_the_gateway() -> None:
    lines: list[str] = []
    found = flood.run(quick=True, tell=lines.append, rounds=1, seconds=0.5, base=free_port_base())
    for phase in ("quiet", "two_spin", "flooded", "killed"):
        assert found[phase]["orders"] > 0
        assert found[phase]["of_quiet"]["p50"] > 0
    assert len(lines) == 4
