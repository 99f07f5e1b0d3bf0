"""Risk's counters as bytes and back: what its checkpoint keeps.

HEAD, the limits (JSON) that they were counted under, then ACCOUNT rows, their order times (i64), PAIR rows (oldest
trade first), the units and last prices of symbols as (symbol, number) pairs of i64
"""

import dataclasses
import hashlib
import json
from collections import deque

import numpy as np

from config.settings import RiskSettings
from consumers.risk.fold import Account, Pair, RiskFold

HEAD = np.dtype([(name, "<i8") for name in ("limits", "accounts", "times", "pairs", "units", "last")])
ACCOUNT = np.dtype([(name, "<i8") for name in ("number", "open_orders", "ended", "cancelled", "suspended", "times")])
PAIR = np.dtype(
    [
        (name, "<i8")
        for name in ("low", "high", "symbol", "low_ts_ns", "low_seq", "high_ts_ns", "high_seq")  # last trade each way
    ]
)
NUMBER = np.dtype([("symbol", "<i8"), ("number", "<i8")])
VERSION = 1  # of what the fields mean
_SHAPES = f"{VERSION} {HEAD.descr} {ACCOUNT.descr} {PAIR.descr} {NUMBER.descr}"
LAYOUT = int.from_bytes(hashlib.sha256(_SHAPES.encode()).digest()[:8], "little") & (2**63 - 1)


def pack(fold: RiskFold) -> list[bytes]:
    """The parts, in order. Precondition: between two commands, the alerts taken or about to be stored."""
    limits = json.dumps(dataclasses.asdict(fold.limits)).encode()
    held = fold.accounts
    accounts = np.zeros(len(held), ACCOUNT)
    accounts["number"] = np.fromiter(held, np.int64, len(held))
    for name in ("open_orders", "ended", "cancelled", "suspended"):
        accounts[name] = np.fromiter((getattr(one, name) for one in held.values()), np.int64, len(held))
    accounts["times"] = np.fromiter((len(one.times) for one in held.values()), np.int64, len(held))
    times = np.fromiter((ts_ns for one in held.values() for ts_ns in one.times), np.int64)
    rows = [(*key, *pair.low_buys, *pair.high_buys) for key, pair in fold.pairs.items()]
    pairs = np.array(rows, PAIR)
    units, last = (np.array(list(table.items()), NUMBER) for table in (fold.units, fold.last_ticks))
    head = np.array([(len(limits), len(accounts), len(times), len(pairs), len(units), len(last))], HEAD)
    return [head.tobytes(), limits, *(part.tobytes() for part in (accounts, times, pairs, units, last))]


def unpack(packed: bytes) -> RiskFold:
    """A fold that goes on as the packed one would have, under the limits that it had."""
    head = np.frombuffer(packed, HEAD, 1)[0]
    at = HEAD.itemsize + int(head["limits"])
    fold = RiskFold(RiskSettings(**json.loads(packed[HEAD.itemsize : at])))
    found = []
    for name, dtype in (("accounts", ACCOUNT), ("times", np.dtype("<i8")), ("pairs", PAIR), ("units", NUMBER),
                        ("last", NUMBER)):  # fmt: skip
        found.append(np.frombuffer(packed, dtype, int(head[name]), at).tolist())
        at += int(head[name]) * dtype.itemsize
    accounts, times, pairs, units, last = found
    assert at == len(packed), f"{len(packed)} bytes, {at} of them used"
    used = 0
    for number, open_orders, ended, cancelled, suspended, count in accounts:
        own = deque(times[used : used + count])
        fold.accounts[number] = Account(open_orders, ended, cancelled, bool(suspended), own)
        used += count
    for low, high, symbol, low_ts_ns, low_seq, high_ts_ns, high_seq in pairs:
        fold.pairs[low, high, symbol] = Pair((low_ts_ns, low_seq), (high_ts_ns, high_seq))
    fold.units.update(units)
    fold.last_ticks.update(last)
    return fold
