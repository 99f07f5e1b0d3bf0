"""Orders, balances and settlement as the processes they are, on a real ring; killed at any moment they end up right."""

import random
from pathlib import Path

import numpy as np

from consumers.balances import process as balances
from consumers.orders import process as orders
from consumers.orders.fold import warm
from consumers.settlement import process as settlement
from ops.reconciliation import reconcile
from tests.consumers.pipeline_parts import cursor_of, fork, kill, publish, ring_in, start_journal, stop, until
from tests.consumers.test_against_engine import history

MODULES = {"balances": balances, "orders": orders, "settlement": settlement}


def whole_commands(events: np.ndarray, parts: int) -> list[np.ndarray]:
    """The stream in so many pieces, each of whole commands."""
    ends = np.flatnonzero(events["flags"] & 1) + 1
    cuts = [0, *(int(end) for end in ends[:: max(1, len(ends) // parts)][1:]), len(events)]
    return [events[a:b] for a, b in zip(cuts, cuts[1:], strict=False) if b > a]


def test_killed_in_mid_flow_they_reconcile_at_the_end(tmp_path: Path) -> None:
    warm()
    dice = random.Random(7)
    events = history(31, 2500)
    with ring_in(tmp_path, capacity=1 << 13) as (ring, place):
        journal = start_journal(place)
        running = {name: fork(lambda m=module: m.main(place)) for name, module in MODULES.items()}  # type: ignore[misc]
        for piece in whole_commands(events, 12):
            publish(ring, piece, len(piece))
            name = dice.choice(list(MODULES))
            kill(running[name])
            running[name] = fork(lambda m=MODULES[name]: m.main(place))  # type: ignore[misc]
        for name in MODULES:
            until(lambda name=name: cursor_of(ring, name) == len(events), f"{name} at the end")  # type: ignore[misc]
        seq, checks = reconcile(tmp_path)
        assert seq == len(events)
        assert [vars(check) for check in checks if not check.ok] == []
        assert [stop(pid) for pid in (*running.values(), journal)] == [0, 0, 0, 0]
    days = sorted(path.name for path in (tmp_path / "reports").iterdir())
    assert len(days) > 1 and all((tmp_path / "reports" / day / "statements.csv").exists() for day in days)
