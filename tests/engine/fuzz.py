"""Random bytes as COMMAND records, biased so that many of them mean something.

Run as `-m tests.engine.fuzz SEED COUNT [vet]`, a process of its own, so that a crash of compiled code is an exit code.
With `vet` records go to the engine as those from a socket do, without as those of a trusted producer (which brings no
bust that never was).

After every command: one FLAG_LAST beside those of steps, one at the end; sequences without a gap; frozen amounts are
the open orders'; nobody owes who is not suspended. Every now and then: no money came or went; the events alone, folded,
give the same state.
"""

import random
import sys
from collections import Counter

import numpy as np

import ringbuf.jit  # noqa: F401  (names the compile cache before kernels are made)
from config.catalog import Catalog
from config.instruments import build_catalog
from config.wide_commands import fill_bust
from engine.core import Engine
from engine.entry.vetting import vet
from engine.state import Limits
from ringbuf.codes import (
    CMD_POST_ONLY,
    FLAG_LAST,
    HAS_BUDGET,
    HAS_PRICE,
    HAS_QTY,
    NO_ACCOUNT,
    NO_SYMBOL,
    STEP_SESSION,
    EventType,
    Op,
    Reason,
    Side,
)
from ringbuf.records import COMMAND
from tests.engine.fast import check_frozen, check_money
from tests.reference.stream import INSTRUMENTS

LIMITS = Limits(
    max_orders=48, max_levels=24, max_nodes=256, max_accounts=8, max_balances=64, max_instruments=6, max_assets=6,
    max_busted=2048, max_events=48, max_account_orders=20,
)  # fmt: skip
CHECK_EVERY = 500
WEIGHTS = {
    Op.PLACE: 50, Op.AMEND: 12, Op.CANCEL: 6, Op.DEPOSIT: 8, Op.WITHDRAW: 3, Op.MASS_CANCEL: 1, Op.BUST: 3,
    Op.SUSPEND: 0.3, Op.UNSUSPEND: 4, Op.HALT: 0.3, Op.RESUME: 4, Op.TIME: 1, Op.LIST_ASSET: 0.5,
    Op.LIST_INSTRUMENT: 0.5, Op.MALFORMED: 0.5, Op.CHANGE_INSTRUMENT: 0.5, Op.DELIST_INSTRUMENT: 0.1,
    Op.DELIST_ASSET: 0.1,
}  # fmt: skip
EXTREMES = (-(2**63), -(2**62), -1, 0, 1, 2, 2**31, 2**32 - 1, 2**32, 2**60, 2**62, 2**63 - 1)
WIDE = (Op.BUST, Op.LIST_ASSET, Op.LIST_INSTRUMENT, Op.CHANGE_INSTRUMENT)


class RecordSource:
    """Endless COMMAND records; what they are about is learnt from the events shown to it."""

    def __init__(self, seed: int, invents_busts: bool) -> None:
        self.invents_busts = invents_busts
        self.random = random.Random(seed)
        self.orders: list[tuple[int, int]] = []  # order id, account
        self.trades: list[np.void] = []
        self.client_id = 0

    def saw(self, events: np.ndarray) -> None:
        """Remember order ids and trades."""
        accepted = events[events["type"] == EventType.ACCEPTED]
        self.orders = [*self.orders, *zip(accepted["seq"].tolist(), accepted["account"].tolist(), strict=True)][-20:]
        self.trades = [*self.trades, *events[events["type"] == EventType.TRADE]][-60:]

    def next(self) -> np.ndarray:
        """One record, as an array of one."""
        command = np.frombuffer(bytearray(self.random.randbytes(COMMAND.itemsize)), COMMAND)
        op = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        if self._one_in(100):  # bytes as they come, all but the time, which would not stand still again
            command["ts_ns"] = 0
            if command["op"][0] == Op.BUST and not self.invents_busts:
                command["op"] = Op.PLACE
            return command
        if op in WIDE:
            return self._wide(command, op)
        self._fill(command, op)
        if self._one_in(8):
            self._spoil(command)
        return command

    def _one_in(self, n: int) -> bool:
        return self.random.randrange(n) == 0

    def _account(self) -> int:
        return 7 if self._one_in(40) else self.random.randrange(1, 5)

    def _fill(self, command: np.ndarray, op: Op) -> None:
        """Values that make sense more often than not."""
        draw = self.random
        self.client_id += 1
        is_market = self._one_in(4)
        values = {
            "ts_ns": 0 if draw.randrange(4) else draw.randrange(10**6), "op": op,
            "flags": CMD_POST_ONLY if self._one_in(20) else 0, "side": draw.randrange(2),
            "order_type": int(is_market), "tif": draw.choice((0, 0, 0, 1, 2)), "stp": draw.randrange(5),
            "mask": HAS_QTY if is_market else HAS_PRICE | HAS_QTY, "refuse": 0,
            "symbol": draw.randrange(3), "account": self._account(),
            "client_id": self.client_id, "order_id": 0, "price_ticks": draw.randrange(16, 23),
            "qty_lots": draw.randrange(2, 30), "orig_client_id": self.client_id - draw.randrange(40),
        }  # fmt: skip
        if is_market and self._one_in(3):
            values |= {"mask": HAS_BUDGET, "side": Side.BUY, "quote_budget": draw.randrange(1, 9000)}
        if op == Op.AMEND:
            values["mask"] = draw.choice((HAS_PRICE, HAS_QTY, HAS_PRICE | HAS_QTY))
        if self.orders and op in (Op.AMEND, Op.CANCEL) and not self._one_in(4):
            values["order_id"], values["account"] = draw.choice(self.orders)
        if op in (Op.DEPOSIT, Op.WITHDRAW):
            values["qty_lots"] = draw.randrange(1, 40_000 if op == Op.DEPOSIT else 4000)
        if op in (Op.DELIST_INSTRUMENT, Op.DELIST_ASSET):  # two symbols and their assets are kept to live on
            values["symbol"] = draw.randrange(2, 6)
        for name, value in values.items():
            command[name] = value

    def _spoil(self, command: np.ndarray) -> None:
        """Random or extreme values in some fields; the time stays."""
        for name in self.random.sample([n for n in COMMAND.names or () if n not in ("ts_ns", "reserved")], 2):
            bits = COMMAND[name].itemsize * 8
            value = self.random.choice(EXTREMES) if bits == 64 or self._one_in(2) else self.random.randrange(9)
            if name == "op" and value % 256 == Op.BUST:
                continue  # a bust is made from evidence, by `_wide`
            if COMMAND[name].kind == "u":
                value %= 1 << bits
            command[name] = value
        if self._one_in(6):
            command["symbol"], command["account"] = NO_SYMBOL, self.random.choice((NO_ACCOUNT, 1, 7))
        if command["client_id"][0] > self.client_id:
            command["account"] = 7  # whose ids are used up by this, once it has begun

    def _wide(self, command: np.ndarray, op: Op) -> np.ndarray:
        """A bust of a trade or of nothing, now and then not as it was; a listing or change, random or a copy."""
        if op != Op.BUST:
            seeds = build_catalog(INSTRUMENTS).seed_commands()
            kind = Op.LIST_ASSET if op == Op.LIST_ASSET else Op.LIST_INSTRUMENT
            source = seeds[seeds["op"] == kind]
            row = source[self.random.randrange(len(source))].copy().reshape(1)
            row["op"] = op
            raw = row.view(np.uint8)
            if op != Op.CHANGE_INSTRUMENT:
                raw[24] = self.random.randrange(65, 90)  # first letter of the name
            for _ in range(self.random.randrange(4)):
                raw[self.random.randrange(24, 120)] = self.random.randrange(256)
            return row if not self._one_in(4) else _with_op(command, op)
        trade = self.random.choice(self.trades) if self.trades and not self._one_in(8) else None
        bust = np.zeros(1, COMMAND)
        fill_bust(bust, int(trade["seq"]) if trade is not None else 0, trade)
        if self._one_in(8):
            bust["refuse"] = self.random.randrange(256)
        if self.invents_busts and self._one_in(3):
            bust.view(np.uint8)[self.random.randrange(24, 120)] = self.random.randrange(256)
        return bust


def _with_op(command: np.ndarray, op: Op) -> np.ndarray:
    command["op"], command["ts_ns"] = op, 0
    return command


def check_answer(events: np.ndarray, last_seq: int) -> None:
    """One FLAG_LAST that is no step's, one at the end; sequences go on without a gap."""
    flagged = np.flatnonzero(events["flags"] & FLAG_LAST)
    answers = flagged[events["session"][flagged] != STEP_SESSION]
    assert len(answers) == 1 and flagged[-1] == len(events) - 1, f"FLAG_LAST at {flagged.tolist()} of {len(events)}"
    assert events["seq"].tolist() == list(range(last_seq + 1, last_seq + 1 + len(events)))


def check_debts(engine: Engine, suspended: set[int]) -> None:
    """Only a suspended account has an available balance below zero."""
    rows, _ = engine.balances()
    owing = set(rows["account"][rows["available"] < 0].tolist())
    assert owing <= suspended, f"accounts {owing - suspended} owe and are not suspended"


def run(seed: int, count: int, vetted: bool) -> Counter[str]:
    """Raises AssertionError, naming the command; returns how many events of each type and reason there were."""
    engine, folded, source = Engine(LIMITS), Engine(LIMITS), RecordSource(seed, invents_busts=vetted)
    records = [engine.run(build_catalog(INSTRUMENTS).seed_commands())]
    catalog, trades = Catalog.from_events(records[0]), dict[int, np.void]()
    seen: Counter[str] = Counter()
    suspended: set[int] = set()
    for number in range(count):
        command = source.next()
        if vetted:
            vet(command, catalog, trades.get)
        try:
            last = engine.seq
            events = engine.run(command)
            check_answer(events, last)
            check_frozen(engine)
            catalog.fold_all(events)
            for event in events:
                seen[f"{EventType(event['type']).name} {Reason(event['reason']).name}"] += 1
                if event["type"] == EventType.TRADE:
                    trades[int(event["seq"])] = event
                elif event["type"] == EventType.SUSPENDED:
                    suspended.add(int(event["account"]))
                elif event["type"] == EventType.UNSUSPENDED:
                    suspended.discard(int(event["account"]))
            check_debts(engine, suspended)
            source.saw(events)
            records.append(events)
            if number % CHECK_EVERY == 0 or number == count - 1:
                check_money(engine)
                folded.apply(np.concatenate(records))
                assert folded.state_hash() == engine.state_hash(), "the events, folded, give another state"
                records.clear()
        except (AssertionError, ValueError) as error:  # ValueError: a type, reason or name that nobody knows
            raise AssertionError(f"seed {seed}, command {number}: {error}\n{command[0]}") from error
    return seen


if __name__ == "__main__":
    print(dict(run(int(sys.argv[1]), int(sys.argv[2]), "vet" in sys.argv[3:])))
