"""`reconcile` of all shards: each one's own checks, then the transfers leg by leg, then the money of all together.

The log of transfers is read first, in one snapshot: it says up to which sequence of each shard it knows the answers.
The shards' journals hold at least that much, so what both say is compared there, exactly, while everything runs.
"""

from dataclasses import dataclass, field
from pathlib import Path

import lmdb
import numpy as np

from config.catalog import Catalog
from consumers.journal.format import JournalError
from consumers.journal.reader import JournalReader
from engine.state import Limits
from ops.memory import LANES
from ops.reconciliation import STEP, Check, first_difference, reconcile
from ops.shards.layout import Shards
from ops.shards.transfer_log import FOLDER, IN_TRANSIT, LogError, State, Transfer, TransferLog
from ops.shards.transfers import NAME
from ringbuf.codes import EventType

LANE = LANES.index(NAME)
_CASH = (EventType.DEPOSITED, EventType.WITHDRAWN)


@dataclass
class Leg:
    """What a shard's history says of one command of the transfers' lane."""

    kind: EventType
    account: int
    asset: int
    amount: int


@dataclass
class ShardMoney:
    """Deposits and withdrawals of one shard: the clients' own by asset, and the transfers' legs up to `seen`."""

    seen: int
    first: int = 1  # sequence that the journal begins with
    paid_in: dict[int, int] = field(default_factory=dict)
    legs: list[Leg] = field(default_factory=list)

    def held(self) -> dict[int, int]:
        """What all accounts of the shard and its fees hold, by asset: what came in and did not go out."""
        found = dict(self.paid_in)
        for leg in self.legs:
            sign = {EventType.DEPOSITED: 1, EventType.WITHDRAWN: -1}.get(leg.kind, 0)
            found[leg.asset] = found.get(leg.asset, 0) + sign * leg.amount
        return found


def money_of(folder: Path, seen: int) -> ShardMoney:
    """Read a shard's journal. Raises JournalError."""
    found = ShardMoney(seen)
    with JournalReader(folder) as journal:
        last = journal.last
        if last < seen:
            raise JournalError(f"{folder}: the journal ends at {last}, transfers know {seen}")
        found.first = max(journal.first, 1)
        at = found.first - 1
        while at < last:
            events = journal.read(at + 1, min(STEP, last - at))
            _take(found, events)
            at += len(events)
    return found


def _take(found: ShardMoney, events: np.ndarray) -> None:
    own = events["session"] >> 24 == LANE
    for event in events[own & (events["seq"] <= found.seen)]:
        names = ("account", "symbol", "qty_lots")
        found.legs.append(Leg(EventType(int(event["type"])), *(int(event[name]) for name in names)))
    for kind, sign in zip(_CASH, (1, -1), strict=True):
        for event in events[~own & (events["type"] == kind)]:
            asset = int(event["symbol"])
            found.paid_in[asset] = found.paid_in.get(asset, 0) + sign * int(event["qty_lots"])


def check_legs(log: TransferLog, txn: object, moneys: list[ShardMoney]) -> Check:
    """Every leg that the log knows as answered stands in the shard's history, in that order, and no other."""
    count = 0
    for shard, money in enumerate(moneys):
        mark = log.mark(txn, shard)
        begun = mark.answered - len(money.legs)  # more than 0 only where the journal begins later
        if begun < 0 or (begun and money.first == 1):
            said = f"shard {shard}: its history has {len(money.legs)} legs up to {money.seen}, the log {mark.answered}"
            return Check("transfers", False, said)
        for number, leg in enumerate(money.legs, begun):
            transfer, wanted, _ = log.leg(txn, shard, number)
            asked = (transfer.account, transfer.asset, transfer.amount)
            fits = leg.kind == EventType.REJECTED or (leg.kind, leg.account, leg.asset, leg.amount) == (wanted, *asked)
            if not fits or leg.account != transfer.account:
                said = f"shard {shard}: leg {number}, transfer {transfer.number}: {leg}, expected {wanted.name} {asked}"
                return Check("transfers", False, said)
            count += 1
    return Check("transfers", True, f"{count} legs as in the shards' histories")


def check_states(transfers: list[Transfer]) -> Check:
    """How many ended how; what can't be given back is wrong."""
    counts = {state: sum(one.state == state for one in transfers) for state in State}
    said = ", ".join(f"{count} {state.name.lower()}" for state, count in counts.items() if count) or "none"
    return Check("in transit", not counts[State.WAITING], said)


def check_money(catalog: Catalog, moneys: list[ShardMoney], transfers: list[Transfer]) -> Check:
    """What is on the shards, and what is between them, is what clients paid in and did not withdraw."""
    held: dict[int, int] = {}
    paid: dict[int, int] = {}
    for money in moneys:
        _add(held, money.held())
        _add(paid, money.paid_in)
    between: dict[int, int] = {}
    for one in transfers:
        if one.state in IN_TRANSIT:
            _add(between, {one.asset: one.amount})
    _add(held, between)
    known = {asset: units for asset, units in paid.items() if units}
    wrong = first_difference({asset: units for asset, units in held.items() if units}, known, "asset")
    parts = [
        f"{asset.name} {asset.scale.text(paid.get(asset.id, 0))}"
        + (f", {asset.scale.text(between[asset.id])} of it between shards" if between.get(asset.id) else "")
        for asset in catalog.assets
    ]
    return Check("money of all", not wrong, wrong or "; ".join(parts))


def _add(sums: dict[int, int], more: dict[int, int]) -> None:
    for asset, units in more.items():
        sums[asset] = sums.get(asset, 0) + units


def reconcile_shards(shards: Shards, limits: list[Limits], patience_s: float) -> tuple[dict[str, int], list[Check]]:
    """({shard: sequence}, checks): each shard's with its number before the name, then those over all."""
    seqs: dict[str, int] = {}
    checks: list[Check] = []
    for shard, folder in enumerate(shards.folders):
        try:
            seq, own = reconcile(folder, limits[shard], patience_s)
        except JournalError as error:
            seq, own = 0, [Check("journal", False, str(error))]
        seqs[str(shard)] = seq
        checks += [Check(f"{shard}/{check.name}", check.ok, check.detail) for check in own]
    try:
        checks += check_transfers(shards)
    except (JournalError, LogError, lmdb.Error) as error:
        checks.append(Check("transfers", False, str(error)))
    return seqs, checks


def check_transfers(shards: Shards) -> list[Check]:
    """What concerns all shards together. Raises JournalError, LogError."""
    if not (shards.data / FOLDER / "data.mdb").exists():
        raise LogError(f"{shards.data / FOLDER}: there is no log of transfers (has `up` run with this data directory?)")
    log = TransferLog(shards.data, shards.epoch, shards.count, readonly=True)
    try:
        with log.reading() as txn:
            transfers = list(log.transfers(txn))
            moneys = [money_of(folder, log.mark(txn, shard).seen) for shard, folder in enumerate(shards.folders)]
            legs = check_legs(log, txn, moneys)
    finally:
        log.close()
    with JournalReader(shards.folder(0)) as journal:
        catalog = Catalog.from_events(journal.listed(journal.last))
    money = [check_money(catalog, moneys, transfers)] if all(one.first == 1 for one in moneys) else []
    return [legs, check_states(transfers), *money]
