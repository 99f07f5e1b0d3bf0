"""The pipeline as one JSON object, made anew each second while somebody looks: what the page /pipeline shows."""

import logging
import time
from typing import TYPE_CHECKING, Any

import lmdb
import numpy as np

from config.errors import ConfigError
from config.json_events import encode
from consumers.journal.format import JournalError
from consumers.metrics import bucket_value, read_metrics
from consumers.risk.queries import alerts
from consumers.store import StoreError
from ops.looking import Look, Sample
from ops.run_file import require_run
from ringbuf.shm import SegmentError

if TYPE_CHECKING:
    from ops.admin.office import Office

log = logging.getLogger(__name__)

EVERY_S = 1.0
ALERTS, TRADES = 12, 20
MONEY_SHARE = 20  # counting money takes at most one part in so many of the time
QUANTILES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
# Which of the nine steps after a match a process does; who is not here serves them.
STEPS = {"engine": 1, "orders": 2, "balances": 3, "journal": 4, "publisher": 5, "gateway": 5, "marketdata": 6,
         "settlement": 7, "risk": 8}  # fmt: skip
AWAY = (ConfigError, StoreError, JournalError, SegmentError, lmdb.Error, OSError)


class Picture:
    """`now` is the latest; `look` makes the next one, in the thread that may read files."""

    def __init__(self, office: "Office") -> None:
        self._office = office
        self.now: dict[str, Any] = {"state": "starting", "processes": [], "alerts": [], "trades": [], "money": None}
        self._look: Look | None = None
        self._before: Sample | None = None
        self._counts: dict[str, np.ndarray] = {}
        self._events: dict[str, int] = {}
        self._money: dict[str, Any] | None = None
        self._money_due_s = 0.0
        self._made_s = 0.0

    @property
    def age_s(self) -> float:
        """How old `now` is."""
        return time.monotonic() - self._made_s

    def look(self) -> None:
        """Make the next one. What is away just now is said in it, and looked for again the next time."""
        try:
            self.now = self._made()
        except AWAY as error:
            log.warning("picture: %s: %s", type(error).__name__, error)
            self.now = {**self.now, "state": "away", "why": str(error)}
            self._let_go()
        self._made_s = time.monotonic()

    def _made(self) -> dict[str, Any]:
        office = self._office
        if self._look is None:
            self._look = Look(office.data)
            self._before = self._look.sample(require_run(office.data))
        assert self._before is not None
        seconds = max(time.monotonic() - self._before.at_s, 1e-3)
        report, self._before = self._look.report(self._before, memory=False)
        catalog = office.stream.catalog
        latencies = self._latencies(seconds)
        return {
            "at_ms": office.now_ms(),
            "name": report["name"],
            "state": report["state"],
            "demo": office.is_demo,
            "published": report["published"],
            "durable": report["durable"],
            "events_per_s": report["events_per_s"],
            "processes": [
                {
                    "name": name,
                    "step": STEPS.get(name, 5 if name.startswith(("sink-", "gateway-")) else 0),
                    **{key: row[key] for key in ("pid", "cpu", "state", "restarts", "why")},
                    "cursor": report["consumers"].get(name),
                    "latency": latencies.get(name),
                }
                for name, row in report["processes"].items()
            ],
            "money": self._money_now(),
            "alerts": alerts(office.data, ALERTS)["alerts"][::-1],
            "trades": [encode(trade[0], catalog) for trade in list(office.trades)[-TRADES:]][::-1],
        }

    def _latencies(self, seconds: float) -> dict[str, dict[str, Any]]:
        """Match to commit of what was committed since the look before, ns, and commits a second; by consumer.

        Where nothing was committed meanwhile: of all so far.
        """
        found = {}
        for row in read_metrics(self._office.memory):
            before = self._counts.get(row.name)
            moved = row.counts if before is None else row.counts - before
            recent = bool(before is not None and moved.any())
            quantiles = quantiles_of(moved if recent else row.counts)
            commits = row.commits - self._events.get(row.name, row.commits)
            found[row.name] = {**quantiles, "recent": recent, "commits_per_s": round(commits / seconds)}
            self._counts[row.name], self._events[row.name] = row.counts, row.commits
        return found

    def _money_now(self) -> dict[str, Any] | None:
        now_s = time.monotonic()
        if now_s >= self._money_due_s:
            self._money = self._office.money.count()
            self._money_due_s = now_s + max((time.monotonic() - now_s) * MONEY_SHARE, EVERY_S)
        return self._money

    def _let_go(self) -> None:
        if self._look is not None:
            self._look.close()
        self._look = self._before = None

    def close(self) -> None:
        """Let go of shared memory."""
        self._let_go()


def quantiles_of(counts: np.ndarray) -> dict[str, int | None]:
    """p50, p99, p999 in ns of latencies counted as consumers/metrics.py does; null where there are none."""
    total = int(counts.sum())
    if not total:
        return dict.fromkeys(QUANTILES)
    below = np.cumsum(counts)
    return {name: bucket_value(int(np.searchsorted(below, share * total))) for name, share in QUANTILES.items()}
