"""Rounds of faults until each process was killed and stopped often enough, and the sum of what they found."""

import json
import random
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops.processes import present
from tests.faults.nemesis import FLOW_EVENTS, SUPERVISOR, Fault, Kill, Stop, counted, schedule
from tests.faults.round import RoundResult, play

KILLS_A_ROUND = 28  # of each process; a segment ends with the supervisor's death
KILLS_A_SEGMENT = 7  # more, and the back-off keeps processes down for most of the time
MODES = ("journal", "fsync")  # by turns
ENGINE_KILLS = 10  # of the round in durability `memory`, which promises to survive the engine's crash alone
MOST_FINDINGS = 20  # printed of a round


@dataclass
class Plan:
    """One round to be played."""

    durability: str
    kills: int
    segments: int
    stops: list[Stop]
    processes: Sequence[str]

    def faults(self, rng: random.Random) -> list[Fault]:
        """In which order what goes wrong."""
        if self.durability == "memory":
            return [Kill("engine") for _ in range(self.kills)]
        return schedule(rng, self.processes, self.kills, self.segments, self.stops)


def plans(kills: int, stops: int, stop_s: float, rng: random.Random) -> list[Plan]:
    """The rounds of a campaign: `kills` and `stops` of each process, the supervisor's stops among them."""
    processes = [spec.name for spec in present()]
    pauses = [Stop(process, stop_s) for process in (*processes, SUPERVISOR) for _ in range(stops)]
    rng.shuffle(pauses)
    rounds = max(1, -(-kills // KILLS_A_ROUND))
    found = []
    for number in range(rounds):
        many = kills * (number + 1) // rounds - kills * number // rounds
        segments = max(1, -(-many // KILLS_A_SEGMENT))
        found.append(Plan(MODES[number % len(MODES)], many, segments, pauses[number::rounds], processes))
    if rounds > 1:
        found.append(Plan("memory", ENGINE_KILLS, 1, [], processes))
    return found


@dataclass
class Campaign:
    """The sum of all rounds."""

    seed: int
    rounds: list[RoundResult] = field(default_factory=list)
    broken: list[dict[str, Any]] = field(default_factory=list)  # rounds that did not come to a verdict, and why

    @property
    def ok(self) -> bool:
        """Every round came to a verdict, and it was good."""
        return bool(self.rounds) and not self.broken and all(one.verdict.ok and one.down_ok for one in self.rounds)

    def report(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        strikes = [strike for one in self.rounds for strike in one.strikes]
        kills = counted(strikes, "kill")
        numbers = [one.verdict.numbers() for one in self.rounds]
        counts: dict[str, int] = {}
        for one in self.rounds:
            for name, count in one.verdict.counts.items():
                counts[name] = counts.get(name, 0) + count
        return {
            "ok": self.ok,
            "seed": self.seed,
            "rounds": [self._round(one) for one in self.rounds],
            "broken": self.broken,
            "seconds": round(sum(one.seconds for one in self.rounds)),
            "kills": {name: kills[name] for name in sorted(kills) if name != SUPERVISOR},
            "stops": counted(strikes, "stop"),
            "supervisor_kills": kills.get(SUPERVISOR, 0),
            "strikes_under_load": sum(strike.flowed >= FLOW_EVENTS for strike in strikes),
            "sent": sum(one.sent for one in self.rounds),
            "resent": sum(one.resent for one in self.rounds),
            "connections": sum(one.connections for one in self.rounds),
            **counts,
            **{
                name: sum(one[name] for one in numbers)
                for name in ("records_lost", "acknowledgements_lost", "effects_twice")
            },
            "conserved": all(one["conserved"] for one in numbers),
            "recovery_ms": self._recovery(),
        }

    @staticmethod
    def _round(one: RoundResult) -> dict[str, Any]:
        return {
            "seed": one.seed,
            "durability": one.durability,
            "seconds": round(one.seconds),
            "strikes": len(one.strikes),
            "events": one.verdict.counts["events"],
            "stopped_cleanly": one.down_ok,
            "findings": one.verdict.promises(),
        }

    def _recovery(self) -> dict[str, dict[str, Any]]:
        """By process: median and longest time from its kill to a new answer to anybody, and to its having caught up."""
        times: dict[str, list[tuple[int, int]]] = {}
        for one in self.rounds:
            for victim, rows in one.times.items():
                times.setdefault(victim, []).extend(rows)
        found = {}
        for victim, rows in sorted(times.items()):
            found[victim] = {
                **_spread("answer", [row[0] for row in rows]),
                **_spread("caught_up", [row[1] for row in rows]),
            }
        return found


def _spread(name: str, times_ms: list[int]) -> dict[str, Any]:
    seen = [one for one in times_ms if one >= 0]
    if not seen:
        return {f"{name}_seen": 0}
    return {
        f"{name}_median": round(statistics.median(seen)),
        f"{name}_max": max(seen),
        f"{name}_seen": len(seen),
    }


def run(
    kills: int, stops: int, seed: int, folder: Path, stop_s: float = 10.0, rate: float = 3_000.0, minutes: float = 0.0
) -> Campaign:
    """Play all rounds; a good one's data is removed, a bad one's is kept. `minutes`: begin no round after; 0 = all."""
    rng = random.Random(seed)
    campaign = Campaign(seed)
    began_s = time.monotonic()
    todo = plans(kills, stops, stop_s, rng)
    for number, plan in enumerate(todo, 1):
        if minutes and time.monotonic() - began_s > minutes * 60:
            break
        own_seed = rng.randrange(1 << 32)
        place = folder / f"round-{number}"
        said = f"round {number} of {len(todo)}: {plan.durability}, seed {own_seed}"
        try:
            played = play(place, own_seed, plan.faults, plan.durability, rate)
        except KeyboardInterrupt:
            _say(f"{said}: interrupted; the rounds before it count")
            break
        except Exception as error:  # noqa: BLE001  the campaign goes on with the next round and reports this one
            why = f"{type(error).__name__}: {error}; the supervisor said last: {_last_said(place)}"
            campaign.broken.append({"round": number, "seed": own_seed, "why": why})
            _say(f"{said}: no verdict: {why}")
            continue
        _tell(said, played)
        played.evidence = None  # gigabytes by the end
        campaign.rounds.append(played)
        if played.verdict.ok and played.down_ok:
            shutil.rmtree(place)
    return campaign


def _last_said(place: Path) -> str:
    """The last lines of a round's supervisor."""
    log = place / "data" / "logs" / "supervisor.log"
    return " | ".join(log.read_text().splitlines()[-4:]) if log.exists() else "nothing"


def _tell(said: str, played: RoundResult) -> None:
    verdict = played.verdict
    _say(f"{said}: {played.seconds:.0f} s, {len(played.strikes)} strikes, {json.dumps(verdict.counts)}")
    for finding in verdict.findings[:MOST_FINDINGS]:
        _say(f"  {finding.promise}: {finding.text}")
    _say(
        f"  {'ok' if verdict.ok else f'{len(verdict.findings)} findings'}" + ("" if played.down_ok else ", down failed")
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
