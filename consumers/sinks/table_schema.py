"""The tables of a SQL store: made from `columns.py`, and brought up to date where an older version made them.

`cursor` has one row: how far the store is, of which history, and of which version its tables are. A new version of
the columns is a new number here; what an older one lacks is added, a newer one is refused.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from consumers.sinks.columns import ALL_COLUMNS, KEYS, Kind
from consumers.sinks.target import ORDERS, TargetRefused

CURSOR = "cursor"
CURSOR_COLUMNS = {"id": Kind.INTEGER, "epoch": Kind.INTEGER, "seq": Kind.INTEGER, "version": Kind.INTEGER,
                  "tables": Kind.WORD}  # fmt: skip
VERSION = 1  # of all columns; a test holds the hash of each


class Cursor(NamedTuple):
    """The row of `cursor`. tables: those that are kept since the beginning."""

    epoch: int
    seq: int
    version: int
    tables: tuple[str, ...]


class Database(Protocol):
    """A connection. Names are quoted as standard SQL has it; %s stands for an argument."""

    types: dict[Kind, str]
    table_options: str

    def execute(self, statement: str, arguments: tuple[Any, ...] = ()) -> int:
        """Carry out; how many rows it concerned."""

    def fetch(self, statement: str, arguments: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query."""

    def columns(self, table: str) -> set[str]:
        """Names of the columns that a table has; none where there is no such table."""

    def commit(self) -> None:
        """End the transaction."""


def read_cursor(database: Database, lock: bool = False) -> Cursor | None:
    """The cursor; None where there is no row. lock: it stays as it is until the end of the transaction."""
    query = f'SELECT epoch, seq, version, tables FROM "{CURSOR}" WHERE id = 1' + (" FOR UPDATE" if lock else "")
    for epoch, seq, version, tables in database.fetch(query):
        return Cursor(epoch, seq, version, tuple(tables.split(",")))
    return None


def checked(cursor: Cursor, epoch: int) -> Cursor:
    """The cursor, of this history and no newer version. Raises TargetRefused."""
    if cursor.epoch != epoch:
        raise TargetRefused(f"the tables are of epoch {cursor.epoch}, this history of {epoch}")
    if cursor.version > VERSION:
        raise TargetRefused(f"the tables are of version {cursor.version}, this program knows up to {VERSION}")
    return cursor


def prepare(database: Database, tables: tuple[str, ...], epoch: int) -> None:
    """Make what is missing, bring up to date what is older. Raises TargetRefused."""
    if not database.columns(CURSOR):
        database.execute(create(database, CURSOR, CURSOR_COLUMNS, ("id",)))
        database.commit()
    found = read_cursor(database)
    if found is not None:
        checked(found, epoch)
        if found.seq and not set(tables) <= set(found.tables):
            kept, wanted = ",".join(found.tables), ",".join(tables)
            raise TargetRefused(f"the database was begun with the tables {kept}; expected no others, not {wanted}")
    for table in tables:
        for statement in missing(database, table):
            database.execute(statement)
    if found is None:
        values = (epoch, VERSION, ",".join(tables))
        database.execute(f'INSERT INTO "{CURSOR}" (id, epoch, seq, version, tables) VALUES (1, %s, 0, %s, %s)', values)
    elif (found.version, found.tables) != (VERSION, tables):
        database.execute(f'UPDATE "{CURSOR}" SET version = %s, tables = %s WHERE id = 1', (VERSION, ",".join(tables)))
    database.commit()


def missing(database: Database, table: str) -> Iterator[str]:
    """The statements that make a table, or add the columns that it lacks."""
    there = database.columns(table)
    columns = ALL_COLUMNS[table]
    if not there:
        yield create(database, table, columns, KEYS[table])
        if table == ORDERS:  # as people ask for them, and as a pair names its other half
            yield f'CREATE INDEX orders_by_client ON "{table}" (account, client_id)'
    elif lacking := [name for name in columns if name not in there]:
        yield f'ALTER TABLE "{table}" ' + ", ".join(
            f'ADD COLUMN "{name}" {database.types[columns[name]]}' for name in lacking
        )


def create(database: Database, table: str, columns: dict[str, Kind], key: tuple[str, ...]) -> str:
    """CREATE TABLE: a key that is never absent, everything else may be."""
    lines = [
        f'"{name}" {database.types[kind]}' + (" NOT NULL" if name in key else "") for name, kind in columns.items()
    ]
    lines.append(f"PRIMARY KEY ({', '.join(key)})")
    return f'CREATE TABLE "{table}" ({", ".join(lines)}){database.table_options}'
