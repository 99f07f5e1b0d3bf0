"""MariaDB as Debian has it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.servers.base import HOST, Server
from tests.servers.found import lacking, program

# Read at every start; a user of its own, since wrong credentials are to be tested, too. It may make databases
# whose names begin so.
INIT = """\
CREATE DATABASE IF NOT EXISTS matchline;
CREATE USER IF NOT EXISTS matchline@'127.0.0.1' IDENTIFIED BY 'matchline';
GRANT ALL ON `matchline%`.* TO matchline@'127.0.0.1';
"""


def missing() -> str:
    """What is not here of MariaDB."""
    return lacking(dict.fromkeys(("mariadbd", "mariadb-install-db"), "Debian's mariadb-server"), "pymysql")


def start(folder: Path, options: Sequence[str] = ()) -> "MariaDB":
    """A server with an empty database `matchline`; options as mariadbd takes them."""
    return MariaDB(folder, options).start()


class MariaDB(Server):
    """One mariadbd."""

    name = "mariadb"

    @property
    def url(self) -> str:
        return f"mysql://matchline:matchline@{HOST}:{self.port}/matchline"

    def prepare(self) -> None:
        (self.folder / "init.sql").write_text(INIT)
        self.run_tool(
            program("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={self.data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            *self._as_root(),
        )

    def command(self) -> list[str]:
        return [
            program("mariadbd"),
            "--no-defaults",
            f"--datadir={self.data}",
            # Relative, to the data: a path of more than 107 bytes is none for a socket.
            "--socket=socket",
            f"--port={self.port}",
            f"--bind-address={HOST}",
            f"--pid-file={self.folder / 'pid'}",
            f"--init-file={self.folder / 'init.sql'}",
            "--skip-name-resolve",
            *self._as_root(),
            *self.options,
        ]

    def connect(self) -> Any:
        import pymysql

        return pymysql.connect(
            host=HOST, port=self.port, user="matchline", password="matchline", database="matchline", connect_timeout=5
        )

    def connect_as_root(self) -> Any:
        """A connection that may do everything."""
        import pymysql

        return pymysql.connect(unix_socket=str(self.data / "socket"), user="root", connect_timeout=5)

    def answers(self) -> bool:
        import pymysql

        try:
            with self.connect() as connection, connection.cursor() as cursor:
                return bool(cursor.execute("SELECT 1"))
        except pymysql.err.MySQLError:
            return False

    @staticmethod
    def _as_root() -> list[str]:
        return ["--user=root"] if os.geteuid() == 0 else []
