"""What one seed means: mode, sizes, flow, and how often what goes wrong."""

import random
from dataclasses import dataclass
from pathlib import Path

from config.context import Context
from config.settings import (
    ConsumerSettings,
    EngineSettings,
    JournalSettings,
    RingSettings,
    RiskSettings,
    Settings,
    SnapshotSettings,
)
from tests.simulation.flows import LIMITS, Unit, flow, seeds

FLOWS, SHARED = 16, 1000  # flows of a kind for so many seeds in a row: making one costs as much as a history
# Of a history: most are short, as whatever goes wrong does so soon; some are long enough that the ring laps.
_UNITS, _OFTEN = (20, 24, 32, 40, 60, 100, 240), (6, 8, 8, 5, 3, 1, 1)
CONSUMERS = ("journal", "replica", "orders", "balances", "marketdata", "settlement", "risk")
_NO_LIMITS = RiskSettings(cancel_ratio_orders=12)
_LIMITS = RiskSettings(max_order_lots=18, max_orders_per_s=6, cancel_ratio_orders=12, cancel_ratio_percent=60)


@dataclass(frozen=True)
class Plan:
    """One history before it happens. Chances are of one look of the scheduler."""

    seed: int
    mode: str
    ring: int
    market_ring: int
    sync_ns: int
    risk: RiskSettings
    plain: bool
    units: tuple[Unit, ...]
    snapshots: SnapshotSettings
    kill: float  # whoever is to run next is killed first
    doom: float  # whoever runs is killed within what it does
    crash: float  # everybody is killed; the shared memory stays
    stop: float  # everybody is told to stop, and does
    power: float  # power is lost
    full: float  # the disk is full for a while
    failing: float  # one of the next syncs fails
    map_full: float  # one of the next puts finds its map full
    client: float  # the client is killed; what it isn't sure of it sends again
    stall: float  # somebody is not run for a while
    plain_market: bool  # market data is compared with the plain fold, too

    def settings(self) -> Settings:
        """What the processes are given."""
        return Settings(
            engine=EngineSettings(durability=self.mode, max_events=LIMITS.max_events),
            ring=RingSettings(self.ring, self.market_ring, lanes=12, lane_capacity=64),
            journal=JournalSettings(blocks=1, sync_us=self.sync_ns // 1000),
            consumers=ConsumerSettings(batch=256),
            snapshots=self.snapshots,
            risk=self.risk,
        )

    def context(self, name: str, data: Path, epoch: int) -> Context:
        """As the supervisor gives it."""
        return Context(name, data, 1024, self.settings(), epoch, seeds())


def plan_of(seed: int, only: str = "") -> Plan:
    """The same for the same seed, in every run and on every host. `only`: this mode, and all that can go wrong does."""
    dice = random.Random(seed)
    mode = dice.choice(("memory", "journal", "journal", "fsync", "fsync"))
    mode = only or mode
    is_plain = dice.random() < 0.5
    units = flow(is_plain, seed // SHARED * FLOWS + dice.randrange(FLOWS)).first(dice.choices(_UNITS, _OFTEN)[0])

    def chance(most: float) -> float:
        share = dice.choice((0.0, 0.3, 1.0))
        return most if only else share * most

    return Plan(
        seed=seed,
        mode=mode,
        ring=dice.choice((256, 256, 512)),
        market_ring=dice.choice((64, 256)),
        sync_ns=dice.choice((0, 200_000, 5_000_000)),
        risk=_LIMITS if dice.random() < 0.3 else _NO_LIMITS,
        plain=is_plain,
        units=units,
        snapshots=SnapshotSettings(dice.choice((20, 60, 200)), 1 << 30, dice.randint(1, 3)),
        kill=chance(0.06),
        doom=chance(0.1),
        crash=chance(0.006),
        stop=chance(0.004),
        power=chance(0.02) if mode == "fsync" else 0.0,
        full=chance(0.008),
        failing=chance(0.01) if mode == "fsync" else 0.0,
        map_full=chance(0.016),
        client=chance(0.015),
        stall=chance(0.04),
        plain_market=dice.randrange(8) == 0,
    )
