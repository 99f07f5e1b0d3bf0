"""Every process killed under load, some stopped, the supervisor too: nothing is lost, nothing comes twice.

And the checker that says so is tried itself: each promise that is broken on purpose, it names.
"""

import copy
import json
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ops.processes import present
from ringbuf.codes import FLAG_LAST, EventType, Op, Reason
from ringbuf.records import COMMAND
from tests.faults.checker import commands, market, money, orders, verdict
from tests.faults.checker.evidence import FEES, Evidence
from tests.faults.checker.verdict import judge
from tests.faults.nemesis import SUPERVISOR, Fault, Stop, counted, schedule
from tests.faults.round import RoundResult, play
from tests.pipeline import ROOT

KILLS, STOPPED, STOP_S = 2, 3, 1.2
RATE = 1_000.0
PROCESSES = [spec.name for spec in present()]


def short_form(rng: random.Random) -> Sequence[Fault]:
    """Each process twice, three of them stopped meanwhile, then the supervisor."""
    stops = [Stop(process, STOP_S) for process in rng.sample(PROCESSES, STOPPED)]
    return schedule(rng, PROCESSES, KILLS, 1, stops)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> RoundResult:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    return play(tmp_path_factory.mktemp("faults"), seed, short_form, rate=RATE, pause_s=(0.02, 0.3))


def test_nothing_is_lost_or_twice_while_every_process_is_killed(played: RoundResult) -> None:
    assert played.verdict.ok, [f"{one.promise}: {one.text}" for one in played.verdict.findings[:20]]
    assert played.down_ok, "the pipeline did not stop cleanly"
    kills = counted(played.strikes, "kill")
    assert kills == {SUPERVISOR: 1} | dict.fromkeys(PROCESSES, KILLS)
    assert sum(counted(played.strikes, "stop").values()) == STOPPED
    assert played.verdict.counts["trades"] > 200 and played.resent > 0  # it was no empty exercise


def first(history: np.ndarray, kind: EventType, most: int = 1 << 40, **fields: Any) -> int:
    """Where the first event of a kind with these fields stands."""
    fits = (history["type"] == kind) & (history["seq"] <= most)
    for name, value in fields.items():
        fits &= history[name] == value
    return int(np.flatnonzero(fits)[0])


def drop_an_event(evidence: Evidence) -> None:
    evidence.history = np.delete(evidence.history, first(evidence.history, EventType.TRADE))


def drop_the_last_events(evidence: Evidence) -> None:
    evidence.history = evidence.history[:-40]


def alter_a_told_trade(evidence: Evidence) -> None:
    evidence.history["qty_lots"][first(evidence.history, EventType.TRADE)] += 1


def take_an_answer_back(evidence: Evidence) -> None:
    told = evidence.told[0].copy()
    told["order_id"][len(told) // 2] += 1
    evidence.told[0] = told


def repeat_an_effect(evidence: Evidence) -> None:
    at = first(evidence.history, EventType.DEPOSITED)
    again = evidence.history[at : at + 1].copy()
    again["seq"] = evidence.history["seq"][-1] + 1
    evidence.history = np.concatenate([evidence.history, again])


def forget_a_command(evidence: Evidence) -> None:
    lost = np.zeros(1, COMMAND)
    lost["op"], lost["account"], lost["client_id"] = Op.CANCEL, 1, 1 << 40
    evidence.sent[0] = np.concatenate([evidence.sent[0], lost])


def invent_a_command(evidence: Evidence) -> None:
    evidence.history["client_id"][first(evidence.history, EventType.DEPOSITED)] = 1 << 40


def refuse_as_a_repeat_what_was_new(evidence: Evidence) -> None:
    at = first(evidence.history, EventType.DEPOSITED)
    evidence.history["type"][at], evidence.history["reason"][at] = EventType.REJECTED, Reason.DUPLICATE_CLIENT_ID


def accept_another_price(evidence: Evidence) -> None:
    evidence.history["price_ticks"][first(evidence.history, EventType.ACCEPTED, order_id=evidence_order(evidence))] += 1


def evidence_order(evidence: Evidence) -> int:
    """An order that was placed, not one that replaced another."""
    placed = {
        (int(row["account"]), int(row["client_id"])) for part in evidence.sent for row in part[part["op"] == Op.PLACE]
    }
    accepted = evidence.history[evidence.history["type"] == EventType.ACCEPTED]
    return next(int(e["order_id"]) for e in accepted if (int(e["account"]), int(e["client_id"])) in placed)


def uncancel_an_order(evidence: Evidence) -> None:
    history = evidence.history
    cancelled = history[first(history, EventType.CANCELLED)]
    later = np.flatnonzero((history["type"] == EventType.TRADE) & (history["seq"] > cancelled["seq"]))
    history["maker_order_id"][later[0]] = cancelled["order_id"]


def change_a_deposit(evidence: Evidence) -> None:
    evidence.history["qty_lots"][first(evidence.history, EventType.DEPOSITED)] += 1


def freeze_too_much(evidence: Evidence) -> None:
    history = evidence.history
    history["released"][np.flatnonzero((history["type"] == EventType.ACCEPTED) & (history["released"] < 0))[0]] -= 1


def end_inside_a_command(evidence: Evidence) -> None:
    evidence.history["flags"][-1] &= ~np.uint8(FLAG_LAST)


def make_money(evidence: Evidence) -> None:
    row = evidence.answers.balances[1]["USDT"]
    row["available"] = row["available"][:-1] + ("1" if row["available"][-1] != "1" else "2")


def keep_a_fee(evidence: Evidence) -> None:
    evidence.answers.balances[FEES]["BTC"]["available"] = "0.00000000"


def lose_an_open_order(evidence: Evidence) -> None:
    next(rows for rows in evidence.answers.orders.values() if rows).pop()


def shrink_an_open_order(evidence: Evidence) -> None:
    next(rows for rows in evidence.answers.orders.values() if rows)[0]["leaves"] = "0.001"


def lose_a_stored_trade(evidence: Evidence) -> None:
    del evidence.answers.trades["BTC-USDT"][3]


def bend_a_candle(evidence: Evidence) -> None:
    evidence.answers.candles["BTC-USDT", "1m"][0]["trades"] += 1


def move_a_level(evidence: Evidence) -> None:
    evidence.answers.depth["BTC-USDT"]["bids"][0][1] = "0.0001"


def pay_more_than_stated(evidence: Evidence) -> None:
    next(iter(evidence.answers.statements.values()))["USDT"]["paid"] = "1.000000"


def unbalance_a_day(evidence: Evidence) -> None:
    next(iter(evidence.answers.trial.values()))["USDT"] = "0.000001"


def lose_a_feed_message(evidence: Evidence) -> None:
    del evidence.feed[next(at for at, one in enumerate(evidence.feed) if one.topic == "depth/BTC-USDT/" and one.prev)]


def tell_the_public_another_price(evidence: Evidence) -> None:
    at, one = next((at, one) for at, one in enumerate(evidence.feed) if one.topic == "trade/BTC-USDT/")
    evidence.feed[at] = one._replace(body={**one.body, "price": "1.00"})


def tell_the_public_twice(evidence: Evidence) -> None:
    at, one = next((at, one) for at, one in enumerate(evidence.feed) if one.topic == "trade/BTC-USDT/")
    evidence.feed.insert(at + 1, one._replace(body={**one.body, "qty": "1.0000"}))


def fail_to_reconcile(evidence: Evidence) -> None:
    evidence.answers.reconcile = {"ok": False, "checks": [{"name": "money", "ok": False, "detail": "…"}]}


BROKEN: list[tuple[Callable[[Evidence], None], str]] = [
    (drop_an_event, commands.SEQUENCE),
    (drop_the_last_events, commands.ANSWERS),
    (alter_a_told_trade, commands.ANSWERS),
    (alter_a_told_trade, orders.CONFIRMED),
    (take_an_answer_back, commands.ANSWERS),
    (repeat_an_effect, commands.ONCE),
    (forget_a_command, commands.ONCE),
    (invent_a_command, commands.ONCE),
    (refuse_as_a_repeat_what_was_new, commands.ONCE),
    (accept_another_price, commands.CONTENT),
    (uncancel_an_order, orders.CONFIRMED),
    (change_a_deposit, money.BALANCES),
    (freeze_too_much, money.BALANCES),
    (end_inside_a_command, commands.SEQUENCE),
    (make_money, money.MONEY),
    (keep_a_fee, money.BALANCES),
    (lose_an_open_order, orders.ORDERS),
    (shrink_an_open_order, orders.ORDERS),
    (lose_a_stored_trade, market.MARKET),
    (bend_a_candle, market.MARKET),
    (move_a_level, orders.ORDERS),
    (pay_more_than_stated, money.SETTLEMENT),
    (unbalance_a_day, money.SETTLEMENT),
    (lose_a_feed_message, market.FEED),
    (tell_the_public_another_price, market.FEED),
    (tell_the_public_twice, market.FEED),
    (fail_to_reconcile, verdict.RECONCILE),
]


@pytest.mark.parametrize(("tamper", "promise"), BROKEN, ids=[f"{one.__name__}-{named}" for one, named in BROKEN])
def test_the_checker_names_what_is_broken(
    played: RoundResult, tamper: Callable[[Evidence], None], promise: str
) -> None:
    true = played.evidence
    assert true is not None
    answers = copy.deepcopy(true.answers)
    evidence = Evidence(true.history.copy(), true.sent[:], true.told[:], true.feed[:], answers)
    tamper(evidence)
    found = judge(evidence)
    assert promise in found.promises(), found.promises()
    assert not found.ok


@pytest.mark.long
def test_two_hundred_kills_and_a_long_stop_of_each_process(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.faults",
        "--kills",
        "200",
        "--stops",
        "1",
        "--json",
        "--folder",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["ok"], report
    assert all(report["kills"][process] >= 200 for process in PROCESSES), report["kills"]
    assert (report["records_lost"], report["acknowledgements_lost"], report["effects_twice"]) == (0, 0, 0)
