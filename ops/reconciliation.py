"""Every store against the history: the journal replayed through the engine's own `apply`.

Each store is read in one snapshot, at the sequence where it stands. The replay walks the journal and stops at
each of these sequences to compare, so it is exact while the pipeline runs, too.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from config.catalog import Catalog
from consumers.balances import store as balances
from consumers.funds import FEES
from consumers.journal.format import JournalRemoved
from consumers.journal.reader import JournalReader
from consumers.journal.verify import verify
from consumers.orders import store as orders
from consumers.orders.fold import Status
from consumers.replication.term import MIRROR, read_term
from consumers.settlement import store as settlement
from consumers.store import StoreError, StoreView
from consumers.stored import read_catalog, store_path
from engine.core import Engine
from engine.fold import HistoryError
from engine.mixing import secret_seed
from engine.snapshots import newest_good
from engine.state import Limits
from ops.evidence import TABLES, NotFound, open_store, questions_of
from ringbuf.codes import NO_ID, EventType

STEP = 16_384  # events replayed in one go
Held = dict[int, dict[int, Any]]  # {account: {asset: amounts}}


@dataclass
class Check:
    """One comparison; `detail` says what was compared, or the first difference."""

    name: str
    ok: bool
    detail: str


class Stop(NamedTuple):
    """A sequence at which the replay pauses, and what is compared there."""

    at: int
    name: str
    check: Callable[["History"], list[Check]]


class OpenOrder(NamedTuple):
    """An order's terms as both the engine and the store know them; 0 where it has no such term."""

    account: int
    client_id: int
    symbol: int
    side: int
    price_ticks: int
    leaves_lots: int
    display_lots: int
    expire_ts_ns: int
    stop_price_ticks: int  # while it waits, as the one below
    trail_ticks: int
    pair: int  # order id of the other one


@dataclass
class History:
    """What the replay itself knows at the sequence it has reached, beside the engine's state.

    Begun from a snapshot (`begun` > 0) it takes what was held there as paid in, and knows no client id of before.
    """

    engine: Engine
    catalog: Catalog = field(default_factory=Catalog)
    paid_in: dict[int, int] = field(default_factory=dict)  # deposits - withdrawals by asset
    clients: list[NDArray[np.int64]] = field(default_factory=list)  # [n, 3]: account, client id, order id
    begun: int = 0

    @classmethod
    def before(cls, data: Path, reader: JournalReader, seq: int, limits: Limits) -> "History":
        """From the beginning, or where that is no longer here from the newest snapshot up to `seq`; JournalError."""
        engine = engine_before(data, reader, seq, limits)
        history = cls(engine, begun=engine.seq)
        if history.begun:
            history.catalog.fold_all(reader.listed(history.begun))
            for row in history.balances().values():
                for asset, amounts in row.items():
                    history.paid_in[asset] = history.paid_in.get(asset, 0) + sum(amounts)
        return history

    def take(self, events: NDArray[np.void]) -> None:
        """Go on by some events; raises HistoryError."""
        self.engine.apply(events)
        self.catalog.fold_all(events)
        for kind, sign in ((EventType.DEPOSITED, 1), (EventType.WITHDRAWN, -1)):
            for event in events[events["type"] == kind]:
                asset = int(event["symbol"])
                self.paid_in[asset] = self.paid_in.get(asset, 0) + sign * int(event["qty_lots"])
        named = events[(events["type"] == EventType.ACCEPTED) & (events["client_id"] != NO_ID)]
        columns = ("account", "client_id", "order_id")
        self.clients.append(np.stack([named[name].astype(np.int64) for name in columns], axis=-1))

    def balances(self) -> Held:
        """{account: {asset: (available, frozen)}} of the engine, nothing left out but nothings; FEES included."""
        rows, fees = self.engine.balances()
        found: Held = {}
        for account, asset, available, frozen in rows.tolist():
            if available or frozen:
                found.setdefault(account, {})[asset] = (available, frozen)
        for asset, amount in enumerate(fees.tolist()):
            if amount:
                found.setdefault(FEES, {})[asset] = (amount, 0)
        return found

    def open_orders(self) -> dict[int, OpenOrder]:
        """Those in the books and those that wait, by order id."""
        found: dict[int, OpenOrder] = {}
        for instrument in self.catalog.instruments:
            rows = np.concatenate([self.engine.orders(instrument.id), self.engine.waiting(instrument.id)])
            for row in rows:
                terms = (instrument.id if name == "symbol" else int(row[name]) for name in OpenOrder._fields)
                found[int(row["order_id"])] = OpenOrder(*terms)
        return found


def first_difference(found: dict[Any, Any], expected: dict[Any, Any], what: str) -> str:
    """ "" where both are equal, else the first key in which they differ."""
    if found == expected:
        return ""
    for key in sorted(set(found) | set(expected)):
        if found.get(key) != expected.get(key):
            return f"{what} {key}: the store has {found.get(key)}, the history says {expected.get(key)}"
    return f"{what}: differ"


def check_balances(txn: Any, view: StoreView, history: History) -> list[Check]:
    """Balances, and the ledger's sums, against the engine's accounts."""
    tables = balances.BalanceTables(view)
    found, expected = balances.all_balances(txn, tables), history.balances()
    wrong = first_difference(found, expected, "account")
    held = sum(len(row) for row in found.values())
    checks = [Check("balances", not wrong, wrong or f"{held} balances as in the engine")]
    wrong = first_difference(balances.ledger_sums(txn, tables), found, "account")
    lines = tables.ledger.length(txn)
    checks.append(Check("ledger", not wrong, wrong or f"{lines} lines add up to the balances"))
    faults, wanted = balances.faults(txn, tables), balances.wanted_busts(txn, tables)
    said = f"{len(faults)} changes below zero, {len(wanted)} trades wait for their bust"
    checks.append(Check("bookable", not len(faults) and not len(wanted), said))
    return checks


def check_orders(txn: Any, view: StoreView, history: History) -> list[Check]:
    """Open orders against the book, and every client id against the accepted events."""
    tables = orders.OrderTables(view)
    rows = orders.open_orders(txn, tables)
    waits = rows["status"] == Status.WAITING
    for name in ("stop_price_ticks", "trail_ticks"):  # the store remembers what an order once waited for
        rows[name][~waits] = 0
    rows["pair_order_id"][~np.isin(rows["pair_order_id"], rows["order_id"])] = 0
    columns = ("order_id", *("pair_order_id" if name == "pair" else name for name in OpenOrder._fields))
    terms = zip(*(rows[name].tolist() for name in columns), strict=True)
    found = {order_id: OpenOrder(*row) for order_id, *row in terms}
    wrong = first_difference(found, history.open_orders(), "order")
    said = f"{len(found)} open orders as in the engine, {np.count_nonzero(waits)} of them waiting"
    checks = [Check("orders", not wrong, wrong or said)]
    checks.append(check_client_ids(txn, tables, history))
    checks.append(check_suspended(txn, tables, history))
    return checks


def check_suspended(txn: Any, tables: orders.OrderTables, history: History) -> Check:
    """Who may place no orders."""
    found, expected = orders.suspended_accounts(txn, tables), history.engine.suspended_accounts()
    wrong = first_difference(dict.fromkeys(found, "suspended"), dict.fromkeys(expected, "suspended"), "account")
    return Check("suspended", not wrong, wrong or f"{len(found)} suspended accounts as in the engine")


def check_client_ids(txn: Any, tables: orders.OrderTables, history: History) -> Check:
    """No account's client id was accepted twice, and each leads to its order."""
    named = np.concatenate(history.clients) if history.clients else np.zeros((0, 3), np.int64)
    order = np.lexsort((named[:, 1], named[:, 0]))
    named = named[order]
    twice = np.flatnonzero((np.diff(named[:, 0]) == 0) & (np.diff(named[:, 1]) == 0))
    if len(twice):
        account, client_id, _ = named[twice[0]].tolist()
        return Check("client_ids", False, f"account {account} had client id {client_id} accepted twice")
    for account, client_id, order_id in named.tolist():
        ref = orders.client_ref(txn, tables, account, client_id)
        if ref != order_id:
            said = f"account {account} client id {client_id}: the store has {ref}, the history order {order_id}"
            return Check("client_ids", False, said)
    since = f" since {history.begun}" if history.begun else ""
    return Check("client_ids", True, f"{len(named)} client ids{since}, none used twice, each leads to its order")


def check_settlement(txn: Any, view: StoreView, history: History) -> list[Check]:
    """Whole balances against the engine's accounts, and every day's trial balance."""
    tables = settlement.SettlementTables(view)
    whole: Held = {}
    for account, row in history.balances().items():
        kept = {asset: sum(amounts) for asset, amounts in row.items() if sum(amounts)}
        if kept:
            whole[account] = kept
    wrong = first_difference(settlement.closings(txn, tables), whole, "account")
    checks = [Check("settlement", not wrong, wrong or f"closing balances of {len(whole)} accounts as in the engine")]
    days = settlement.day_starts(txn, tables)[:, 0].tolist()
    out = []
    for day in days:
        trial = settlement.trial_balance(settlement.statements_of_day(txn, tables, day))
        out += [f"day {day} asset {asset}: {units}" for asset, units in trial.items() if units]
    checks.append(Check("trial_balance", not out, "; ".join(out[:3]) or f"{len(days)} days balance to 0"))
    return checks


def check_money(history: History) -> Check:
    """Money in = money out: all that anybody holds is what was paid in and not withdrawn."""
    held: dict[int, int] = {}
    for row in history.balances().values():
        for asset_id, (available, frozen) in row.items():
            held[asset_id] = held.get(asset_id, 0) + available + frozen
    parts, ok = [], True
    for asset in history.catalog.assets:
        here, paid = held.get(asset.id, 0), history.paid_in.get(asset.id, 0)
        ok &= here == paid
        parts.append(
            f"{asset.name} {asset.scale.text(here)}" + ("" if here == paid else f" of {asset.scale.text(paid)}")
        )
    return Check("money", ok, ", ".join(parts))


def needed_alone(order: OpenOrder, catalog: Catalog) -> int:
    """What an order freezes where it is in no pair: a sell its quantity, a buy its cost at its price, or stop price."""
    instrument = catalog.instruments[order.symbol]
    if order.side:
        return order.leaves_lots * instrument.lot_base_units
    return order.leaves_lots * (order.price_ticks or order.stop_price_ticks) * instrument.tick_lot_quote_units


def check_frozen(history: History) -> Check:
    """Frozen amounts of every account are what its open orders need, a pair only the larger of the two."""
    need: dict[tuple[int, int], int] = {}
    opened = history.open_orders()
    for order_id, order in opened.items():
        amount = needed_alone(order, history.catalog)
        if order.pair:
            other = needed_alone(opened[order.pair], history.catalog)
            amount = amount if (amount, order_id) > (other, order.pair) else 0
        if amount:
            instrument = history.catalog.instruments[order.symbol]
            held = order.account, instrument.base if order.side else instrument.quote
            need[held] = need.get(held, 0) + amount
    has = {
        (account, asset): frozen
        for account, row in history.balances().items()
        for asset, (_, frozen) in row.items()
        if frozen
    }
    wrong = first_difference(has, need, "account and asset")
    return Check("frozen", not wrong, wrong or f"{len(need)} frozen amounts are the sums over open orders")


STORE_CHECKS: dict[str, Callable[[Any, StoreView, History], list[Check]]] = {
    balances.NAME: check_balances,
    orders.NAME: check_orders,
    settlement.NAME: check_settlement,
}


def reconcile(data: Path, limits: Limits | None = None, patience_s: float = 0.0) -> tuple[int, list[Check]]:
    """(sequence, checks) of all that lies in `data`; what differs is a check that fails.

    `limits`: of the engine that made the history. `patience_s`: how long the journal may take to reach the
    stores (in durability `memory` they may be ahead of it). Raises JournalError where the journal is damaged.
    """
    verdict = verify(data)
    events = verdict.last - verdict.first + 1 if verdict.last else 0
    said = f"{events} events in {verdict.segments} segments, contiguous, {verdict.blocks_sealed} blocks chained"
    checks = [Check("journal", verdict.ok and verdict.last > 0, "; ".join(verdict.problems[:3]) or said)]
    if not checks[0].ok:
        return verdict.last, checks
    is_mirror = read_term(data).role == MIRROR
    with ExitStack() as stack:
        stops: list[Stop] = []
        for name in TABLES:
            if is_mirror and not store_path(data, name).exists():
                continue  # not all of them run there
            try:
                view = stack.enter_context(open_store(data, name))
            except StoreError as error:
                checks.append(Check(name, False, str(error)))
                continue
            txn = stack.enter_context(view.snapshot())
            epoch, at = view.cursor(txn)
            stops.append(Stop(at, name, partial(STORE_CHECKS[name], txn, view)))
            if epoch != verdict.epoch:
                checks.append(Check(name, False, f"is of epoch {epoch}, the journal of {verdict.epoch}"))
            if name == settlement.NAME:
                stops += market_stops(data, read_catalog(txn, view))
        reader = stack.enter_context(JournalReader(data))
        stops.sort(key=lambda stop: stop.at)
        wait_for_journal(reader, max([stop.at for stop in stops], default=0), patience_s)
        checks.append(check_cursors({stop.name: stop.at for stop in stops}, reader.last))
        target = max([stop.at for stop in stops], default=0) or reader.last
        try:
            history = History.before(
                data, reader, min([stop.at for stop in stops], default=reader.last), limits or Limits()
            )
        except JournalRemoved as error:
            checks.append(Check("replay", False, f"can't compare: {error}"))
            return verdict.last, checks
        if history.begun:
            said = f"from the snapshot at {history.begun} on: the journal begins at {reader.first}"
            checks.append(Check("replay", True, said))
        try:
            for stop in stops:
                replay(reader, history, min(stop.at, reader.last))
                checks += stop.check(history)
            replay(reader, history, min(target, reader.last))
        except HistoryError as error:
            checks.append(Check("replay", False, str(error)))
            return history.engine.seq, checks
        checks += [check_money(history), check_frozen(history)]
        return history.engine.seq, checks


def engine_before(data: Path, reader: JournalReader, seq: int, limits: Limits) -> Engine:
    """An engine at or before `seq`: at the beginning where the journal has it, else at the newest good snapshot.

    Raises JournalRemoved where there is neither.
    """
    if reader.first <= 1:
        return Engine(limits, secret_seed())
    passed_over: list[str] = []
    found = newest_good(data, None, reader.epoch, seq, passed_over.append)
    if found is None or found[1].seq < reader.first - 1:
        raise JournalRemoved(
            f"the journal begins at {reader.first} and no good snapshot is between there and {seq}"
            + "".join(f"; {line}" for line in passed_over)
        )
    state = found[0]
    engine = Engine(state.limits, secret_seed())
    engine.state = state
    return engine


def market_stops(data: Path, catalog: Catalog) -> list[Stop]:
    """The market data's book of each symbol, at the sequence that it is of; none where there is no market data."""
    try:
        queries = questions_of("marketdata")
        books = [queries.depth(data, instrument.symbol) for instrument in catalog.instruments]
    except (NotFound, StoreError):
        return []
    return [Stop(int(book["seq"]), f"depth {book['symbol']}", partial(check_depth, book)) for book in books]


def check_depth(book: dict[str, Any], history: History) -> list[Check]:
    """One symbol's levels against the engine's."""
    instrument = history.catalog.instrument(book["symbol"])
    expected = [
        [[instrument.price_text(price), instrument.qty_text(total)] for price, total in side]
        for side in history.engine.depth(instrument.id)
    ]
    found = [[list(level) for level in book[side]] for side in ("bids", "asks")]
    said = f"{len(found[0])} bids and {len(found[1])} asks as in the book"
    if found != expected:
        side = 0 if found[0] != expected[0] else 1
        said = f"{('bids', 'asks')[side]}: market data has {found[side][:3]}…, the history says {expected[side][:3]}…"
    return [Check(f"depth {book['symbol']}", found == expected, said)]


def wait_for_journal(reader: JournalReader, seq: int, seconds: float) -> None:
    """Until the journal holds `seq`, or the time is up."""
    deadline = time.monotonic() + seconds
    while reader.last < seq and time.monotonic() < deadline:
        time.sleep(0.02)


def check_cursors(cursors: dict[str, int], last: int) -> Check:
    """No store is ahead of the journal; where they stand."""
    ahead = [name for name, at in cursors.items() if at > last]
    said = ", ".join(f"{name} {at}" for name, at in sorted(cursors.items()))
    return Check("cursors", not ahead, f"journal {last}, {said}" + (f"; ahead: {', '.join(ahead)}" if ahead else ""))


def replay(reader: JournalReader, history: History, target: int) -> None:
    """Take the history on to `target`; raises HistoryError, JournalError."""
    while history.engine.seq < target:
        at = history.engine.seq
        events = reader.read(at + 1, min(STEP, target - at))
        if not len(events):
            raise HistoryError(f"the journal has nothing at sequence {at + 1}")
        history.take(events)
