"""Parquet files by day, for those who analyse: `FOLDER/PREFIX/TABLE/YYYY-MM-DD/FIRST-LAST.parquet`.

A file is written beside its place, synced and renamed; then the cursor file moves. What a kill left beyond the cursor
is removed at the next start. Many small files of a day become one when the day is over; until then a wider file stands
beside those that it replaces, so a reader passes over files whose range is within another's.
"""

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from config.errors import ConfigError
from config.settings import SinkSettings
from consumers.sinks.columns import BUSTED_SEQ, COLUMNS, Kind, rows
from consumers.sinks.own_cursor import Cursor, CursorFile, moved, sync_folder
from consumers.sinks.target import EVENTS, TRADES, BadRow, Batch, ReadableTarget, Row, Target, TargetAway

ENDING = ".parquet"
DAY_NS = 86_400_000_000_000
SCALE, DIGITS = 18, 38  # of a decimal column: what every reader of Parquet knows
FILES_A_DAY = 16  # more of them are made one when the day is over


def check(settings: SinkSettings) -> None:
    """ConfigError where the URL names no folder, or tables that this kind does not have."""
    url = urlsplit(settings.url)
    if url.scheme != "file" or url.netloc or not url.path.startswith("/"):
        raise ConfigError("url", f"expected file:///FOLDER, not {settings.url!r}")
    for table in settings.tables.split(","):
        if table not in COLUMNS:
            raise ConfigError("tables", f"expected of events and trades, not {table!r}")


def target(settings: SinkSettings, data: Path) -> Target:
    """The sink of these settings."""
    return Parquet(settings)


class Parquet(ReadableTarget):
    """One folder of files."""

    batch_events = 65_536
    commit_ms = 5_000  # a file for each commit
    marks_busts = True

    def __init__(self, settings: SinkSettings) -> None:
        self._folder = Path(unquote(urlsplit(settings.url).path)) / settings.prefix
        self.tables = tuple(settings.tables.split(","))
        self._file = CursorFile(self._folder / "cursor.json")
        self._cursor = Cursor(0)

    def open(self, epoch: int) -> int:
        """Read the cursor, remove what lies beyond it."""
        seq = self.look(epoch)
        try:
            self._file.write(self._cursor)
            for table in self.tables:
                for path in self._paths(table):
                    if range_of(path)[1] > seq:
                        path.unlink()
                for unready in (self._folder / table).glob("*/*.next"):
                    unready.unlink()
        except OSError as error:
            raise away(error) from error
        return seq

    def look(self, epoch: int) -> int:
        """The cursor's sequence; makes nothing."""
        try:
            self._cursor = self._file.read(epoch)
        except OSError as error:
            raise away(error) from error
        return self._cursor.seq

    def write(self, batch: Batch) -> None:
        """A file for each day and table, then the cursor."""
        try:
            for table in self.tables:
                found = rows(table, batch.fields if table == EVENTS else batch.trades)
                for day, of_day in by_day(found).items():
                    self._put(table, day, of_day)
            if TRADES in self.tables:
                self._mark(dict(batch.busts))
            self._cursor = moved(self._cursor, batch.upto)
            self._file.write(self._cursor)
            if batch.fields:  # only now: what is beyond the cursor may be removed, and nothing older with it
                self._tidy(max(by_day(batch.fields)))
        except OSError as error:
            raise away(error) from error

    def resend(self, batch: Batch) -> int:
        """Rows that no file has go into a file with those around them."""
        missing: set[int] = set()
        for table in self.tables:
            found = rows(table, batch.fields if table == EVENTS else batch.trades)
            held = {row["seq"] for row in self.read(table, batch.after + 1, batch.upto)}
            lost = [row for row in found if row["seq"] not in held]
            missing.update(int(row["seq"]) for row in lost)
            for day, of_day in by_day(lost).items():
                self._merge(table, day, of_day, (batch.after + 1, batch.upto))
        return len(missing)

    def held_from(self) -> int:
        """Everything."""
        return 1

    def read(self, table: str, first: int, last: int) -> Iterator[Row]:
        """Rows of the files that overlap, in sequence."""
        found: list[Row] = []
        for path in self._paths(table):
            low, high = range_of(path)
            if high >= first and low <= last:
                found += [row for row in read_file(path) if first <= int(row["seq"]) <= last]
        return iter(sorted(found, key=lambda row: int(row["seq"])))

    def close(self) -> None:
        """Nothing is open."""

    def _paths(self, table: str) -> list[Path]:
        """Files in sequence, without those within another of their day."""
        found: list[Path] = []
        reached: dict[str, int] = {}
        for path in sorted((self._folder / table).glob(f"*/*{ENDING}"), key=widest_first):
            if range_of(path)[1] > reached.get(path.parent.name, 0):
                found.append(path)
                reached[path.parent.name] = range_of(path)[1]
        return found

    def _put(self, table: str, day: str, found: list[Row], span: tuple[int, int] | None = None) -> Path:
        first, last = span or (int(found[0]["seq"]), int(found[-1]["seq"]))
        path = self._folder / table / day / f"{first:020}-{last:020}{ENDING}"
        write_file(path, table, found)
        return path

    def _tidy(self, today: str) -> None:
        """Make one file of each day before this one that has many."""
        for folder in self._folder.glob("*/*/"):
            if folder.name < today and len(list(folder.glob(f"*{ENDING}"))) > FILES_A_DAY:
                self._merge(folder.parent.name, folder.name, [])

    def _merge(self, table: str, day: str, more: list[Row], only: tuple[int, int] | None = None) -> None:
        """One file of all (or of those that overlap a range) of a day's files, and of some more rows."""
        inside = [path for path in self._paths(table) if path.parent.name == day]
        if only:
            inside = [path for path in inside if range_of(path)[1] >= only[0] and range_of(path)[0] <= only[1]]
        found = {int(row["seq"]): row for path in inside for row in read_file(path)}
        found |= {int(row["seq"]): row for row in more}
        spans = [range_of(path) for path in inside] + [(seq, seq) for seq in found]
        span = min(low for low, _ in spans), max(high for _, high in spans)
        merged = self._put(table, day, [found[seq] for seq in sorted(found)], span)
        for path in (self._folder / table / day).glob(f"*{ENDING}"):
            low, high = range_of(path)
            if path != merged and span[0] <= low and high <= span[1]:
                path.unlink()

    def _mark(self, busts: dict[int, int]) -> None:
        """Write the files again that have trades which were taken back."""
        for path in self._paths(TRADES) if busts else ():
            low, high = range_of(path)
            if any(low <= seq <= high for seq in busts):
                found = list(read_file(path))
                for row in found:
                    if row["seq"] in busts:
                        row[BUSTED_SEQ] = busts[int(row["seq"])]
                write_file(path, TRADES, found)


def away(error: OSError) -> TargetAway:
    """A disk that fails or is full: tried again."""
    return TargetAway(f"{error.filename or 'files'}: {error.strerror or error}")


def by_day(found: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by the UTC day of their time."""
    days: dict[str, list[Row]] = {}
    for row in found:
        start_s = int(row["ts_ns"]) // DAY_NS * (DAY_NS // 1_000_000_000)
        days.setdefault(datetime.fromtimestamp(start_s, UTC).strftime("%Y-%m-%d"), []).append(row)
    return days


def range_of(path: Path) -> tuple[int, int]:
    """First and last sequence of a file, from its name."""
    first, _, last = path.name.removesuffix(ENDING).partition("-")
    return int(first), int(last)


def schema(table: str) -> Any:
    """The Arrow schema of a table."""
    import pyarrow as pa

    types = {Kind.INTEGER: pa.int64(), Kind.DECIMAL: pa.decimal128(DIGITS, SCALE)}
    return pa.schema([pa.field(name, types.get(kind, pa.string())) for name, kind in COLUMNS[table].items()])


def write_file(path: Path, table: str, found: list[Row]) -> None:
    """Rows as a file, whole or not at all. Raises OSError; BadRow for a value that its column can't hold."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = schema(table)
    try:
        made = pa.Table.from_pylist(found, schema=columns)
    except pa.ArrowInvalid as error:
        raise BadRow(str(error)) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    unready = path.with_name(path.name + ".next")
    pq.write_table(made, unready, compression="zstd")
    with unready.open("rb") as file:
        os.fsync(file.fileno())
    unready.replace(path)
    sync_folder(path.parent)


def read_file(path: Path) -> Iterator[Row]:
    """Rows of a file, absent fields left out."""
    import pyarrow.parquet as pq

    for row in pq.read_table(path, partitioning=None).to_pylist():
        yield {name: value for name, value in row.items() if value is not None}


def widest_first(path: Path) -> tuple[int, int]:
    """The order of files by where they begin, a wider one before those within it."""
    first, last = range_of(path)
    return first, -last
