"""PostgreSQL: `Tables` by way of psycopg, rows by COPY."""

import os
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from config.settings import SinkSettings
from consumers.sinks.columns import KEYS, Kind
from consumers.sinks.row_text import Rows, Style, quoted
from consumers.sinks.tables import ANSWER_S, CONNECT_S, GONE_S, LOCK_S, Tables, check_url, login
from consumers.sinks.target import BadRow, Target, TargetAway, TargetRefused

PORT = 5432
PLACES = 16_383  # decimals that NUMERIC has at most
STATEMENT_ROWS = 1_000
SESSION = (
    f"SET statement_timeout = '{ANSWER_S - 1}s'; SET lock_timeout = '{LOCK_S}s';"
    f" SET idle_in_transaction_session_timeout = '{GONE_S}s'; SET client_encoding = 'UTF8';"
    " SET standard_conforming_strings = on"
)
# Classes of SQLSTATE.
BAD_ROW = ("22", "23", "44", "P0001")  # values, constraints, views with check, RAISE in somebody's own trigger
REFUSED = ("28", "3D", "3F", "42", "0A")  # not let in, no such database, no such table or column, not allowed to
# A refused connection has no SQLSTATE: its reason is the server's own words.
REFUSED_WORDS = ("authentication failed", "does not exist", "no pg_hba.conf entry", "permission denied")
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"})


def check(settings: SinkSettings) -> None:
    """ConfigError where the URL names no database, or an option is of no use here."""
    check_url(settings, "postgresql")


def target(settings: SinkSettings, data: Path) -> Target:
    """The sink of these settings."""
    return Tables(settings, PostgreSql(settings.url))


def escaped(text: str) -> str:
    """A text as COPY reads it."""
    if "\0" in text:
        raise BadRow(f"{text!r} has a zero byte")
    return text.translate(ESCAPES)


class PostgreSql:
    """One connection of psycopg."""

    types = {
        Kind.INTEGER: "BIGINT",
        Kind.DECIMAL: "NUMERIC",  # of no scale: exactly the decimals that it is given
        Kind.WORD: 'VARCHAR(64) COLLATE "C"',
        Kind.NAME: 'VARCHAR(16) COLLATE "C"',
    }
    table_options = ""
    style = Style("", "\t", "\n", "\\N", escaped, PLACES)
    values = Style("(", ",", ")", "NULL", quoted, PLACES)

    def __init__(self, url: str) -> None:
        self._login = login(url, PORT)
        self._connection: Any = None

    def connect(self) -> None:
        """Open the session."""
        import psycopg

        parts = {("dbname" if name == "database" else name): value for name, value in self._login.items()}
        self._connection = psycopg.connect(
            **parts,
            autocommit=True,  # BEGIN is said here, and of which kind
            connect_timeout=CONNECT_S,
            tcp_user_timeout=ANSWER_S * 1000,
            application_name="matchline",
        )
        self._connection.prepare_threshold = None  # poolers between do not keep what is prepared
        with self._within():
            self._connection.execute(SESSION)

    @contextmanager
    def _within(self) -> Iterator[None]:
        """A server that says nothing for so long is cut off: libpq itself would wait for ever."""
        watch = threading.Timer(ANSWER_S, cut_off, (self._connection.fileno(),))
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def execute(self, statement: str, arguments: tuple[Any, ...] = ()) -> int:
        """Carry out; how many rows it concerned."""
        with self._within():
            return int(self._connection.execute(statement, arguments or None).rowcount)

    def fetch(self, statement: str, arguments: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self._within():
            found: list[tuple[Any, ...]] = self._connection.execute(statement, arguments or None).fetchall()
        return found

    def columns(self, table: str) -> set[str]:
        """Names of the columns that a table has."""
        query = (
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND table_name = %s"
        )
        return {name for (name,) in self.fetch(query, (table,))}

    def begin(self, snapshot: bool = False) -> None:
        """A transaction."""
        self.execute("BEGIN" + (" ISOLATION LEVEL REPEATABLE READ, READ ONLY" if snapshot else ""))

    def insert(self, table: str, pieces: Iterable[Rows]) -> None:
        """One COPY for rows of the same columns, one after another; the server reads while the next ones are made."""
        alike = groupby((item for rows in pieces for item in rows.items()), key=itemgetter(0))
        for names, found in alike:
            columns = ", ".join(f'"{name}"' for name in names)
            statement = f'COPY "{table}" ({columns}) FROM STDIN'
            with self._within(), self._connection.cursor() as cursor, cursor.copy(statement) as copy:
                for _, rows in found:
                    copy.write("".join(rows))

    def upsert(self, table: str, rows: Rows) -> None:
        """INSERT, each row in the place of the one with its key."""
        key = KEYS[table]
        for names, found in rows.items():
            columns = ", ".join(f'"{name}"' for name in names)
            changes = ", ".join(f'"{name}" = EXCLUDED."{name}"' for name in names if name not in key)
            ending = f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
            for low in range(0, len(found), STATEMENT_ROWS):
                values = ",".join(found[low : low + STATEMENT_ROWS])
                self.execute(f'INSERT INTO "{table}" ({columns}) VALUES {values}{ending}')

    def commit(self) -> None:
        """End the transaction."""
        with self._within():
            self._connection.commit()

    def rollback(self) -> None:
        """Give the transaction up."""
        with self._within():
            self._connection.rollback()

    @contextmanager
    def judging(self) -> Iterator[None]:
        """Errors within become what they mean to a sink."""
        import psycopg

        try:
            yield
        except (psycopg.Error, OSError) as error:
            raise self._judged(error) from error
        except BadRow:
            self._rollback_quietly()
            raise

    def _judged(self, error: Exception) -> Exception:
        state = getattr(error, "sqlstate", None) or ""
        text = " ".join(str(error).split()) or type(error).__name__
        if state:
            text = f"{text} ({state})"
        if state.startswith(BAD_ROW):
            self._rollback_quietly()
            return BadRow(text)
        if state.startswith(REFUSED) or (not state and any(words in text for words in REFUSED_WORDS)):
            return TargetRefused(text)
        return TargetAway(text)

    def _rollback_quietly(self) -> None:
        """Where the connection has failed meanwhile, the next statement will say so."""
        import psycopg

        with suppress(psycopg.Error, OSError):
            self.rollback()

    def close(self) -> None:
        """Whatever state it is in."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def cut_off(handle: int) -> None:
    """Shut a socket that somebody waits at: whoever does is told that it is over."""
    with suppress(OSError), socket.socket(fileno=os.dup(handle)) as waited_at:
        waited_at.shutdown(socket.SHUT_RDWR)
