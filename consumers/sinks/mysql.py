"""MySQL and MariaDB: `Tables` by way of PyMySQL."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from config.settings import SinkSettings
from consumers.sinks.columns import Kind
from consumers.sinks.row_text import Rows, Style, quoted
from consumers.sinks.tables import ANSWER_S, CONNECT_S, GONE_S, LOCK_S, Tables, check_url, login
from consumers.sinks.target import BadRow, Target, TargetAway, TargetRefused

PORT = 3306
PLACES = 30  # of DECIMAL(65,30), which takes more decimals and rounds them without a word
STATEMENT_ROWS = 5_000
# Standard SQL in what is read, and no value changed to fit.
MODES = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,ANSI_QUOTES,NO_BACKSLASH_ESCAPES"
SESSION = (
    f"SET SESSION sql_mode = '{MODES}', innodb_lock_wait_timeout = {LOCK_S}, lock_wait_timeout = {LOCK_S},"
    f" wait_timeout = {GONE_S}, unique_checks = 1, foreign_key_checks = 1",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
)
# About values of this row, as they are or as somebody's own trigger, constraint or index sees them.
BAD_ROW_STATES = ("22", "23", "44", "45")  # classes of SQLSTATE
BAD_ROW = frozenset({1265, 1366, 1644, 3819})  # those whose state says nothing, or that somebody signals as they like
# Not let in, not allowed to, or tables that are not these.
REFUSED_STATES = ("28", "3D", "42S")
REFUSED = frozenset({1044, 1049, 1130, 1142, 1143, 1227, 1364, 1370, 1410, 1820, 1862, 2059, 3118, 4151})


def check(settings: SinkSettings) -> None:
    """ConfigError where the URL names no database, or an option is of no use here."""
    check_url(settings, "mysql")


def target(settings: SinkSettings, data: Path) -> Target:
    """The sink of these settings."""
    return Tables(settings, MySql(settings.url))


class MySql:
    """One connection of PyMySQL."""

    types = {
        Kind.INTEGER: "BIGINT",
        Kind.DECIMAL: f"DECIMAL(65,{PLACES})",
        # Binary: symbols that differ in case are different ones.
        Kind.WORD: "VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin",
        Kind.NAME: "VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin",
    }
    table_options = " ENGINE=InnoDB"
    values = style = Style("(", ",", ")", "NULL", quoted, PLACES)

    def __init__(self, url: str) -> None:
        self._login = login(url, PORT)
        self._connection: Any = None
        self._packet = 0

    def connect(self) -> None:
        """Open the session."""
        import pymysql
        from pymysql.constants import CLIENT

        try:
            self._connection = pymysql.connect(
                **self._login,
                charset="utf8mb4",
                autocommit=False,
                client_flag=CLIENT.FOUND_ROWS,  # an UPDATE concerns the rows that it found, changed or not
                connect_timeout=CONNECT_S,
                read_timeout=ANSWER_S,
                write_timeout=ANSWER_S,
            )
        except RuntimeError as lacking:  # of a package that the server's way of asking for the password needs
            raise TargetRefused(str(lacking)) from lacking
        for statement in SESSION:
            self.execute(statement)
        self._packet = int(self.fetch("SELECT @@max_allowed_packet")[0][0])

    def execute(self, statement: str, arguments: tuple[Any, ...] = ()) -> int:
        """Carry out; how many rows it concerned."""
        with self._connection.cursor() as cursor:
            return int(cursor.execute(statement, arguments or None))

    def fetch(self, statement: str, arguments: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self._connection.cursor() as cursor:
            cursor.execute(statement, arguments or None)
            return list(cursor.fetchall())

    def columns(self, table: str) -> set[str]:
        """Names of the columns that a table has."""
        query = "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = %s"
        return {name for (name,) in self.fetch(query, (table,))}

    def begin(self, snapshot: bool = False) -> None:
        """A transaction."""
        self.execute("START TRANSACTION" + (" WITH CONSISTENT SNAPSHOT, READ ONLY" if snapshot else ""))

    def insert(self, table: str, pieces: Iterable[Rows]) -> None:
        """As few statements as there may be. While the server reads one, the text of the next is made."""
        under_way: Future[int] | None = None
        with ThreadPoolExecutor(1) as sender:
            for rows in pieces:
                for statement in self._statements(table, rows):
                    if under_way is not None:
                        under_way.result()
                    under_way = sender.submit(self.execute, statement)
            if under_way is not None:
                under_way.result()

    def upsert(self, table: str, rows: Rows) -> None:
        """The same, each row in the place of the one with its key."""
        changes = ", ".join(f'"{name}" = VALUES("{name}")' for names in rows for name in names)
        for statement in self._statements(table, rows, f" ON DUPLICATE KEY UPDATE {changes}"):
            self.execute(statement)

    def _statements(self, table: str, rows: Rows, ending: str = "") -> Iterator[str]:
        """INSERT of rows, as many in each as a packet has room for."""
        for names, found in rows.items():
            columns = ", ".join(f'"{name}"' for name in names)
            begin = f'INSERT INTO "{table}" ({columns}) VALUES '
            room = self._packet - len(begin) - len(ending) - 64
            size = max(min(room // (max(map(len, found)) + 1), STATEMENT_ROWS), 1)
            for low in range(0, len(found), size):
                yield begin + ",".join(found[low : low + size]) + ending

    def commit(self) -> None:
        """End the transaction."""
        self._connection.commit()

    def rollback(self) -> None:
        """Give the transaction up."""
        self._connection.rollback()

    @contextmanager
    def judging(self) -> Iterator[None]:
        """Errors within become what they mean to a sink."""
        import pymysql

        try:
            yield
        except (pymysql.MySQLError, OSError) as error:
            judged = judge(error)
            if isinstance(judged, BadRow):
                self._rollback_quietly()
            raise judged from error
        except BadRow:
            self._rollback_quietly()
            raise

    def _rollback_quietly(self) -> None:
        """Where the connection has failed meanwhile, the next statement will say so."""
        import pymysql

        with suppress(pymysql.MySQLError, OSError):
            self.rollback()

    def close(self) -> None:
        """Without a word to the server where it does not listen."""
        import pymysql

        connection, self._connection = self._connection, None
        if connection is not None and connection.open:
            with suppress(pymysql.MySQLError, OSError):
                connection.close()


def judge(error: Exception) -> Exception:
    """What an error of the library, or of the system below it, means to a sink."""
    if len(error.args) < 2 or not isinstance(error.args[0], int):
        return TargetAway(str(error) or type(error).__name__)
    number, text = error.args[0], f"{error.args[1]} ({error.args[0]})"
    state = getattr(error, "sqlstate", None) or ""
    if number in BAD_ROW or state.startswith(BAD_ROW_STATES):
        return BadRow(text)
    return (TargetRefused if number in REFUSED or state.startswith(REFUSED_STATES) else TargetAway)(text)
