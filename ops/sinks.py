"""The outside stores, as verbs ask them: compared with the journal, sent to once more, traced into."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import blake3
import numpy as np

from config.catalog import Catalog
from config.errors import ConfigError
from config.json_events import encode_all
from config.settings import SINK_PREFIX, SinkSettings
from consumers.journal.reader import CHUNK, JournalReader
from consumers.sinks.columns import BUSTED_SEQ, rows
from consumers.sinks.configured import configured
from consumers.sinks.kinds import open_target
from consumers.sinks.status import read_status
from consumers.sinks.target import EVENTS, TRADES, Batch, Row, Target, TargetAway
from ops.reconciliation import Check
from ringbuf.codes import EventType


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
    if not target.readable:
        return True, f"stands at {at}; what it was sent can't be asked for again"
    if at > journal.last:
        return False, f"stands at {at}, the journal ends at {journal.last}"
    first = max(journal.first, target.held_from())
    busts = _busts(journal, first, at)
    tables = [table for table in (EVENTS, TRADES) if table in target.tables]
    counts, hashes = dict.fromkeys(tables, 0), {table: blake3.blake3() for table in tables}
    catalog = Catalog.from_events(journal.listed(at))
    for begin in range(first, at + 1, CHUNK):
        end = min(begin + CHUNK - 1, at)
        fields = encode_all(_read(journal, begin, end), catalog)
        for table in tables:
            expected = _expected(table, fields, busts if target.marks_busts else {})
            found = list(target.read(table, begin, end))
            if wrong := first_difference(expected, found):
                return False, f"{table}: {wrong}"
            counts[table] += len(found)
            hashes[table].update(repr([sorted(row.items()) for row in found]).encode())
    extra = next((row for table in tables for row in target.read(table, at + 1, (1 << 63) - 1)), None)
    if extra is not None:
        return False, f"stands at {at}, but holds event {extra['seq']}"
    since = f" from {first}" if first > 1 else ""
    said = ", ".join(f"{counts[table]} {table} (blake3 {hashes[table].hexdigest(8)})" for table in tables)
    return True, f"{said}{since} to {at}, as in the journal"


def _read(journal: JournalReader, first: int, last: int) -> np.ndarray:
    parts = []
    while first <= last:
        parts.append(journal.read(first, last - first + 1))
        first += len(parts[-1])
    return parts[0] if len(parts) == 1 else np.frombuffer(b"".join(map(bytes, parts)), parts[0].dtype)


def _busts(journal: JournalReader, first: int, last: int) -> dict[int, int]:
    """Which trades were taken back up to `last`, and by which event."""
    found: dict[int, int] = {}
    for begin in range(first, last + 1, CHUNK):
        events = _read(journal, begin, min(begin + CHUNK - 1, last))
        taken = events[events["type"] == EventType.BUSTED]
        found.update(zip(taken["request_id"].tolist(), taken["seq"].tolist(), strict=True))
    return found


def _expected(table: str, fields: list[dict[str, Any]], busts: dict[int, int]) -> list[Row]:
    if table == EVENTS:
        return rows(EVENTS, fields)
    found = rows(TRADES, (event for event in fields if event["type"] == "trade"))
    for row in found:
        if row["seq"] in busts:
            row[BUSTED_SEQ] = busts[int(row["seq"])]
    return found


def first_difference(expected: list[Row], found: list[Row]) -> str:
    """ "" where both are equal, else the first sequence and field in which they are not."""
    if expected == found:
        return ""
    for wanted, has in zip(expected, found, strict=False):
        if wanted == has:
            continue
        if wanted["seq"] != has["seq"]:
            seq = min(wanted["seq"], has["seq"])
            return f"event {seq} " + ("is missing" if seq == wanted["seq"] else "should not be there")
        name = next(name for name in {**wanted, **has} if wanted.get(name) != has.get(name))
        return f"event {wanted['seq']}: {name} is {has.get(name)}, the journal says {wanted.get(name)}"
    more = len(expected) > len(found)
    row = (expected if more else found)[min(len(expected), len(found))]
    return f"event {row['seq']} " + ("is missing" if more else "should not be there")


def resend(data: Path, name: str, first: int) -> dict[str, Any]:
    """Put into a sink what it lacks from `first` to its cursor: {consumer, from, to, missing}. Raises TargetAway."""
    sink = next((sink for sink in configured(data) if SINK_PREFIX + sink.name == name), None)
    if sink is None:
        known = ", ".join(SINK_PREFIX + sink.name for sink in configured(data)) or "none is configured"
        raise ConfigError("--consumer", f"expected a sink that is configured ({known}), not {name!r}")
    with JournalReader(data) as journal, looking(sink, data, journal.epoch) as (target, at):
        if not target.readable:
            raise ConfigError("--consumer", f"{name} is a {sink.kind}: what it was sent can't be sent again")
        last = min(at, journal.last)
        catalog = Catalog.from_events(journal.listed(last))
        missing = 0
        begin = max(first, target.held_from(), journal.first)
        while begin <= last:
            events = journal.read(begin, min(target.batch_events, last - begin + 1))
            end = begin + len(events) - 1
            missing += target.resend(Batch(events, begin - 1, end, catalog))
            begin = end + 1
    return {"consumer": name, "from": first, "to": last, "missing": missing}


def rows_of(data: Path, epoch: int, seqs: list[int]) -> list[dict[str, Any]]:
    """What each sink holds of some events: for `trace`."""
    found = []
    for sink in configured(data):
        answer: dict[str, Any] = {"sink": SINK_PREFIX + sink.name, "kind": sink.kind}
        try:
            with looking(sink, data, epoch) as (target, at):
                answer["seq"] = at
                if target.readable:
                    table = EVENTS if EVENTS in target.tables else TRADES
                    held = (row for seq in seqs for row in target.read(table, seq, seq))
                    answer["rows"] = [{name: _plain(value) for name, value in row.items()} for row in held]
        except TargetAway as why:
            answer["why"] = str(why)
        found.append(answer)
    return found


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, str)) else str(value)
