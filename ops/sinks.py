"""The outside stores, as verbs ask them: compared with the journal, sent to once more, traced into."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import blake3
import numpy as np
from numpy.typing import NDArray

from config.catalog import Catalog
from config.errors import ConfigError
from config.json_events import encode_all
from config.settings import SINK_PREFIX, SinkSettings
from consumers.journal.reader import CHUNK, JournalReader
from consumers.sinks.columns import BUSTED_SEQ, KEYS, rows
from consumers.sinks.configured import configured
from consumers.sinks.kinds import open_target
from consumers.sinks.ledger_rows import ledger_fields
from consumers.sinks.order_rows import OrderSpan, order_fields
from consumers.sinks.status import read_status
from consumers.sinks.target import (
    EVENTS,
    LEDGER,
    ORDERS,
    TRADES,
    BadRow,
    Batch,
    ReadableTarget,
    Row,
    Target,
    TargetAway,
)
from ops.reconciliation import Check
from ringbuf.codes import ORDER_PAIRED, EventType
from ringbuf.records import EVENT_ORDER

ORDER_SPAN = 1 << 20  # ids of orders that are compared in one go: at most so many rows in memory


@contextmanager
def looking(sink: SinkSettings, data: Path, epoch: int) -> Iterator[tuple[Target, int]]:
    """A target for reading, beside the process that writes to it, and its cursor. Raises TargetAway."""
    target = open_target(sink, data)
    try:
        yield target, target.look(epoch)
    finally:
        target.close()


def check_sinks(data: Path) -> list[Check]:
    """Each sink against the journal, at the sequence where it stands."""
    checks = []
    for sink in configured(data):
        name = SINK_PREFIX + sink.name
        try:
            with JournalReader(data) as journal, looking(sink, data, journal.epoch) as (target, at):
                ok, said = compare(target, at, journal)
        except TargetAway as why:
            ok, said = False, f"can't be asked: {why}"
        dead = read_status(data, sink.name).dead_letters
        checks.append(Check(name, ok, said + (f"; {dead} events put aside" if dead else "")))
    return checks


def compare(target: Target, at: int, journal: JournalReader) -> tuple[bool, str]:
    """Whether a target holds what the journal has up to `at`, and no more; counts and hash, or the first difference."""
    if not isinstance(target, ReadableTarget):
        return True, f"stands at {at}; what it was sent can't be asked for again"
    if at > journal.last:
        return False, f"stands at {at}, the journal ends at {journal.last}"
    first = max(journal.first, target.held_from())
    counts, hashes = dict.fromkeys(target.tables, 0), {table: blake3.blake3() for table in target.tables}
    for table, begin, end, expected in _expected(target, journal, first, at):
        found = list(target.read(table, begin, end))
        if wrong := first_difference(expected, found, KEYS[table][0]):
            return False, f"{table}: {wrong}"
        counts[table] += len(found)
        hashes[table].update(repr([sorted(row.items()) for row in expected]).encode())  # alike, whatever the store
    for table in target.tables:
        if extra := next(target.read(table, at + 1, (1 << 63) - 1), None):
            return False, f"stands at {at}, but holds {_named(extra, KEYS[table][0])} in {table}"
    since = f" from {first}" if first > 1 else ""
    said = ", ".join(f"{counts[table]} {table} (blake3 {hashes[table].hexdigest(8)})" for table in target.tables)
    return True, f"{said}{since} to {at}, as in the journal"


def _expected(
    target: ReadableTarget, journal: JournalReader, first: int, at: int
) -> Iterator[tuple[str, int, int, list[Row]]]:
    """(table, first, last, the rows that it must have there) from `first` to `at`."""
    catalog = Catalog.from_events(journal.listed(at))
    busts = _busts(journal, first, at) if TRADES in target.tables and target.marks_busts else {}
    for begin, events in _chunks(journal, first, at):
        end = begin + len(events) - 1
        fields = encode_all(events, catalog)
        if EVENTS in target.tables:
            yield EVENTS, begin, end, rows(EVENTS, fields)
        if TRADES in target.tables:
            yield TRADES, begin, end, _trades(fields, busts)
        if LEDGER in target.tables:
            yield LEDGER, begin, end, rows(LEDGER, ledger_fields(events, catalog))
    if ORDERS in target.tables:
        for begin, end, orders in orders_anew(journal, first, at):
            for low in range(0, len(orders), CHUNK) or (0,):
                part = orders[low : low + CHUNK]
                till = end if low + CHUNK >= len(orders) else int(part["order_id"][-1])
                yield ORDERS, begin, till, rows(ORDERS, order_fields(part, catalog))
                begin = till + 1


def orders_anew(journal: JournalReader, first: int, at: int) -> Iterator[tuple[int, int, NDArray[np.void]]]:
    """(first id, last id, ORDER rows) of orders accepted from `first` on, as they are at `at`: span after span."""
    names = _paired(journal, first, at)
    for begin in range(first, at + 1, ORDER_SPAN):
        end = min(begin + ORDER_SPAN - 1, at)
        span = OrderSpan(begin, end, names)
        for _, events in _chunks(journal, begin, at):
            span.take(events)
        yield begin, end, span.all()


def _paired(journal: JournalReader, first: int, at: int) -> dict[tuple[int, int], int]:
    """Orders by account and client id, of those that a later order is paired with."""
    wanted: set[tuple[int, int]] = set()
    found: dict[tuple[int, int], int] = {}
    for _, events in _chunks(journal, first, at):
        accepted = events[events["type"] == EventType.ACCEPTED]
        paired = accepted[accepted.view(EVENT_ORDER)["order_flags"] & ORDER_PAIRED != 0]
        wanted.update(zip(paired["account"].tolist(), paired["request_id"].tolist(), strict=True))
    for _, events in _chunks(journal, first, at) if wanted else ():
        accepted = events[events["type"] == EventType.ACCEPTED]
        for account, client_id, order_id in accepted[["account", "client_id", "order_id"]].tolist():
            if (account, client_id) in wanted:
                found[account, client_id] = order_id
    return found


def _chunks(journal: JournalReader, first: int, last: int) -> Iterator[tuple[int, NDArray[np.void]]]:
    """(sequence of the first, events), piece by piece."""
    for begin in range(first, last + 1, CHUNK):
        yield begin, _read(journal, begin, min(begin + CHUNK - 1, last))


def _read(journal: JournalReader, first: int, last: int) -> np.ndarray:
    parts = []
    while first <= last:
        parts.append(journal.read(first, last - first + 1))
        first += len(parts[-1])
    return parts[0] if len(parts) == 1 else np.frombuffer(b"".join(map(bytes, parts)), parts[0].dtype)


def _busts(journal: JournalReader, first: int, last: int) -> dict[int, int]:
    """Which trades were taken back up to `last`, and by which event."""
    found: dict[int, int] = {}
    for _, events in _chunks(journal, first, last):
        taken = events[events["type"] == EventType.BUSTED]
        found.update(zip(taken["request_id"].tolist(), taken["seq"].tolist(), strict=True))
    return found


def _trades(fields: list[dict[str, Any]], busts: dict[int, int]) -> list[Row]:
    found = rows(TRADES, (event for event in fields if event["type"] == "trade"))
    for row in found:
        if row["seq"] in busts:
            row[BUSTED_SEQ] = busts[int(row["seq"])]
    return found


def first_difference(expected: list[Row], found: list[Row], key: str = "seq") -> str:
    """ "" where both are equal, else the first sequence and field in which they are not."""
    if expected == found:
        return ""
    for wanted, has in zip(expected, found, strict=False):
        if wanted == has:
            continue
        if wanted[key] != has[key]:
            missing = int(wanted[key]) < int(has[key])
            return f"{_named(wanted if missing else has, key)} " + ("is missing" if missing else "should not be there")
        name = next(name for name in {**wanted, **has} if wanted.get(name) != has.get(name))
        return f"{_named(wanted, key)}: {name} is {has.get(name)}, the journal says {wanted.get(name)}"
    more = len(expected) > len(found)
    row = (expected if more else found)[min(len(expected), len(found))]
    return f"{_named(row, key)} " + ("is missing" if more else "should not be there")


def _named(row: Row, key: str) -> str:
    """A row as people call it."""
    return f"{'order' if key == 'order_id' else 'event'} {row[key]}"


def resend(data: Path, name: str, first: int) -> dict[str, Any]:
    """Put into a sink what it lacks from `first` to its cursor: {consumer, from, to, missing, refused, lost}.

    refused: events that it will not take, as when they first came. lost: those that it can't be given any more.
    Raises TargetAway.
    """
    sink = next((sink for sink in configured(data) if SINK_PREFIX + sink.name == name), None)
    if sink is None:
        known = ", ".join(SINK_PREFIX + sink.name for sink in configured(data)) or "none is configured"
        raise ConfigError("--consumer", f"expected a sink that is configured ({known}), not {name!r}")
    with JournalReader(data) as journal, looking(sink, data, journal.epoch) as (target, at):
        if not isinstance(target, ReadableTarget):
            raise ConfigError("--consumer", f"{name} is a {sink.kind}: what it was sent can't be sent again")
        last = min(at, journal.last)
        catalog = Catalog.from_events(journal.listed(last))
        missing, refused = 0, 0
        begin = max(first, target.held_from(), journal.first)
        while begin <= last:
            events = journal.read(begin, min(target.batch_events, last - begin + 1))
            end = begin + len(events) - 1
            put, not_taken = _put_missing(target, Batch(events, begin - 1, end, catalog))
            missing, refused = missing + put, refused + not_taken
            begin = end + 1
        lost = target.lost
    return {"consumer": name, "from": first, "to": last, "missing": missing, "refused": refused, "lost": lost}


def _put_missing(target: ReadableTarget, batch: Batch) -> tuple[int, int]:
    """(events put, events that it will not take). Raises TargetAway."""
    try:
        return target.resend(batch), 0
    except BadRow:
        count = len(batch.events)
        if count == 1:
            return 0, 1
        middle = batch.after + count // 2
        one = _put_missing(target, Batch(batch.events[: count // 2], batch.after, middle, batch.catalog))
        other = _put_missing(target, Batch(batch.events[count // 2 :], middle, batch.upto, batch.catalog))
        return one[0] + other[0], one[1] + other[1]


def rows_of(data: Path, epoch: int, seqs: list[int]) -> list[dict[str, Any]]:
    """What each sink holds of some events: for `trace`."""
    found = []
    for sink in configured(data):
        answer: dict[str, Any] = {"sink": SINK_PREFIX + sink.name, "kind": sink.kind}
        try:
            with looking(sink, data, epoch) as (target, at):
                answer["seq"] = at
                if isinstance(target, ReadableTarget):
                    table = next(table for table in (EVENTS, TRADES, LEDGER, ORDERS) if table in target.tables)
                    held = (row for seq in seqs for row in target.read(table, seq, seq))
                    answer["rows"] = [{name: _plain(value) for name, value in row.items()} for row in held]
        except TargetAway as why:
            answer["why"] = str(why)
        found.append(answer)
    return found


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, str)) else str(value)
