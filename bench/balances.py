"""`bench balances`: step 3 alone, events of a market folded into its LMDB store, by how many each commit takes."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import flows, standing
from bench.conditions import conditions
from bench.passes import Workload
from config.catalog import Catalog
from config.context import Context
from config.settings import load
from consumers.balances.process import consumer
from engine.core import Engine
from ringbuf.codes import EventType

MARKET, MARKET_QUICK = 200_000, 20_000
TRADED = standing.Standing("traded", symbols=10, accounts=10_000, orders=20_000, commands=200_000)
TRADED_QUICK = standing.Standing("traded", symbols=10, accounts=1_000, orders=2_000, commands=20_000)
BATCHES = (256, 4_096, 65_536)
ROUNDS, ROUNDS_QUICK = 3, 1


def run(quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """Events a second by flow, events a commit, and whether each commit is synced."""
    rounds = ROUNDS_QUICK if quick else ROUNDS
    loads = {
        "generated market": flows.generated(MARKET_QUICK if quick else MARKET),
        "standing book that is traded with": standing.workload(TRADED_QUICK if quick else TRADED),
    }
    found: dict[str, Any] = {}
    for name, load_of in loads.items():
        events = _told(load_of)
        trades = round(float((events["type"] == EventType.TRADE).mean()), 4)
        for durability in ("journal", "fsync"):
            for batch in BATCHES:
                rates = [_folded(events, durability, batch) for _ in range(rounds)]
                rate = round(statistics.median(rates))
                found[f"{name}, {durability}, {batch} a commit"] = {
                    "flow": name,
                    "durability": durability,
                    "batch_events": batch,
                    "trades_share": trades,
                    "events": len(events),
                    "events_per_s": rate,
                    "best_events_per_s": round(max(rates)),
                }
                tell(f"balances: {name}, {durability}, {batch:>6} a commit: {rate:,} events/s")
    return {**found, "conditions": conditions(rounds=rounds)}


def _told(load_of: Workload) -> NDArray[np.void]:
    engine = Engine(load_of.limits)
    return np.concatenate([engine.run(load_of.setup), engine.run(load_of.commands)])


def _folded(events: NDArray[np.void], durability: str, batch: int) -> float:
    """Events a second into a new store, as the runtime gives them: applied, committed, its cursor with them."""
    with tempfile.TemporaryDirectory(prefix="matchline-bench-") as folder:
        config = Path(folder) / "config.toml"
        config.write_text(f'[engine]\ndurability = "{durability}"\n')
        balances = consumer()
        balances.open(Context("matchline-bench", Path(folder), 0, load("laptop", config), 1, Catalog()))
        try:
            begin = time.perf_counter()
            for at in range(0, len(events), batch):
                part = events[at : at + batch]
                balances.apply(part)
                balances.commit(int(part["seq"][-1]))
            return len(events) / (time.perf_counter() - begin)
        finally:
            balances.close()
