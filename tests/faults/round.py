"""One round: a fresh pipeline, clients that trade, faults meanwhile; then all is read and judged."""

import bisect
import json
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.checker.evidence import Evidence
from tests.faults.checker.money import DAY_NS
from tests.faults.checker.verdict import Verdict, judge
from tests.faults.gather import read_answers, read_history
from tests.faults.listener import Listener, whole_feed
from tests.faults.nemesis import SUPERVISOR, Fault, Nemesis, Strike
from tests.faults.session import Session, sent_commands, told_events
from tests.pipeline import Pipeline, eventually, pipeline

SESSIONS, ACCOUNTS = 4, 8  # accounts of each session
QUIET_S = 120.0
PAUSE_S = (0.02, 0.3)
# Small, so that segments roll, snapshots are written and readers are overtaken all the time.
CONFIG = """
[engine]
durability = "{durability}"
max_events = 4096
[ring]
capacity = 16384
[journal]
blocks = 8
[snapshots]
events = 5000
seconds = 3
keep = 2
"""
SYMBOL = "BTC-USDT"


@dataclass
class RoundResult:
    """What one round did and found. times: by victim [(ms to the first new answer, ms to caught up)]; -1 = not seen."""

    seed: int
    durability: str
    verdict: Verdict
    strikes: list[Strike]
    seconds: float
    sent: int
    resent: int
    connections: int
    down_ok: bool
    evidence: Evidence | None  # let go by who plays many
    times: dict[str, list[tuple[int, int]]] = field(default_factory=dict)


def play(
    folder: Path,
    seed: int,
    faults: Callable[[random.Random], Sequence[Fault]],
    durability: str = "journal",
    rate: float = 3_000.0,
    pause_s: tuple[float, float] = PAUSE_S,
    go_on: Callable[[], bool] = lambda: True,
) -> RoundResult:
    """Play a round in `folder` (empty). `faults`: draws what goes wrong; `rate`: commands a second of all sessions."""
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    began_s = time.monotonic()
    with pipeline(folder, config=CONFIG.format(durability=durability)) as running:
        running.up()
        sessions = _sessions(running, rate, rng, folder)
        listener = Listener(running.base)
        clients = [*sessions, listener]
        for client in clients:
            client.start()
        try:
            eventually(lambda: all(len(session.told) > 10 for session in sessions), "every session trades")
            nemesis = Nemesis(running, rng, pause_s)
            nemesis.run(faults(rng), go_on)
            evidence, down_ok = _read(running, sessions, listener)
        finally:
            for client in clients:
                client.let_go.set()
                client.join()
        verdict = judge(evidence)
    return RoundResult(
        seed, durability, verdict, nemesis.strikes, time.monotonic() - began_s,
        sent=sum(len(sent_commands(session)) for session in sessions),
        resent=sum(session.resent for session in sessions),
        connections=sum(session.connections for session in sessions),
        down_ok=down_ok,
        evidence=evidence,
        times=recovery_times(nemesis.strikes, sessions),
    )  # fmt: skip


def _sessions(running: Pipeline, rate: float, rng: random.Random, folder: Path) -> list[Session]:
    found = []
    for number in range(SESSIONS):
        accounts = range(1 + number * ACCOUNTS, 1 + (number + 1) * ACCOUNTS)
        found.append(Session(number, running.endpoint, accounts, rate / SESSIONS, rng.randrange(1 << 32), folder))
    return found


def _read(running: Pipeline, sessions: list[Session], listener: Listener) -> tuple[Evidence, bool]:
    """End the flow, wait until all is answered and told, stop the pipeline, read everything."""
    for session in sessions:
        session.stop_drawing.set()

    def answered() -> bool:
        for client in (*sessions, listener):
            if client.failed is not None:
                raise client.failed
        return not any(session.open_commands for session in sessions)

    eventually(answered, "every command answered", QUIET_S)
    expired_ns = max(session.last_expiry_ns for session in sessions) + 10**9
    eventually(lambda: time.time_ns() > expired_ns, "the last order has expired")
    last = running.settled()["published"]
    eventually(lambda: _heard_up_to(listener, last), "the feed's heartbeat is at the end", QUIET_S)
    feed = whole_feed(listener.messages(), running.base, SYMBOL)
    reconcile = _reconcile(running)
    down_ok = running.verb("down").returncode == 0
    history = read_history(running.data)
    accounts = [account for session in sessions for account in session.flows]
    days = sorted({int(ts_ns) // DAY_NS for ts_ns in np.unique(history["ts_ns"] // DAY_NS * DAY_NS)} - {0})
    answers = read_answers(running.data, accounts, days, reconcile)
    told = [told_events(session) for session in sessions]
    return Evidence(history, [sent_commands(session) for session in sessions], told, feed, answers), down_ok


def _heard_up_to(listener: Listener, seq: int) -> bool:
    heartbeats = [content for _, topic, content in listener.heard[-2000:] if topic == b"hb/"]
    return bool(heartbeats) and f'"seq":{seq}'.encode() in heartbeats[-1]


def _reconcile(running: Pipeline) -> dict[str, Any]:
    """The verb's report, also where it finds something wrong."""
    done = running.verb("reconcile", "--json")
    found: dict[str, Any] = json.loads(done.stdout or "{}")
    return found | {"ok": done.returncode == 0 and found.get("ok", False)}


def recovery_times(strikes: Sequence[Strike], sessions: Sequence[Session]) -> dict[str, list[tuple[int, int]]]:
    """By victim: ms from each kill to the first answer of an event that was not yet there, and to caught up."""
    heard: list[tuple[float, int]] = []
    for session in sessions:
        for at_s, content in session.told:
            heard.append((at_s, int(np.frombuffer(content, np.int64)[::16].max())))
    heard.sort()
    at = [at_s for at_s, _ in heard]
    found: dict[str, list[tuple[int, int]]] = {}
    for number, strike in enumerate(strikes):
        if strike.kind != "kill":
            continue
        # What comes after the supervisor's death is its recovery; what its children still answer, nobody's.
        later = (one.at_s for one in strikes[number + 1 :] if one.victim == SUPERVISOR)
        end_s = strike.at_s if strike.victim == SUPERVISOR else next(later, math.inf)
        after = heard[bisect.bisect_right(at, strike.at_s) : bisect.bisect_right(at, end_s)]
        first_s = next((at_s for at_s, seq in after if seq > strike.published), None)
        answer_ms = -1 if first_s is None else round((first_s - strike.at_s) * 1000)
        seen = strike.victim == SUPERVISOR or 0 < strike.caught_up_s < end_s
        caught_ms = round((strike.caught_up_s - strike.at_s) * 1000) if seen else -1
        found.setdefault(strike.victim, []).append((answer_ms, caught_ms))
    return found
