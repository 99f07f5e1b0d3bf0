"""PostgreSQL as Debian has it."""

import os
import pwd
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.servers.base import HOST, Server
from tests.servers.found import lacking, program

UNPRIVILEGED = "nobody"


def missing() -> str:
    """What is not here of PostgreSQL."""
    lacks = [] if tool("postgres") else ["postgres is not installed (Debian's postgresql)"]
    return "; ".join([*lacks, *filter(None, [lacking({}, "psycopg")])])


def start(folder: Path, options: Sequence[str] = ()) -> "PostgreSQL":
    """A server with an empty database `matchline`; options as postgres takes them: "-c", "fsync=off"."""
    return PostgreSQL(folder, options).start()


def tool(name: str) -> str:
    """Path of one of its programs, of the newest version here: Debian keeps them out of PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    return program(name, *map(str, versions))


class PostgreSQL(Server):
    """One postgres with its children."""

    name = "postgresql"
    stop_signal = signal.SIGINT  # SIGTERM waits until the last client has gone by itself

    @property
    def url(self) -> str:
        return f"postgresql://matchline:matchline@{HOST}:{self.port}/matchline"

    def privileges(self) -> list[str]:
        if os.geteuid() != 0:
            return []
        # It refuses root. Another user may not enter a test's folder, but for this one capability.
        user = pwd.getpwnam(UNPRIVILEGED)
        capability = "+dac_override"
        return [
            *(f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"),
            *(f"--inh-caps={capability}", f"--ambient-caps={capability}"),
        ]

    def prepare(self) -> None:
        password = self.folder / "password"
        password.write_text("matchline")
        if os.geteuid() == 0:
            user = pwd.getpwnam(UNPRIVILEGED)
            os.chown(self.data, user.pw_uid, user.pw_gid)
        self.run_tool(
            *(tool("initdb"), "--pgdata", str(self.data), "--username", "matchline", "--pwfile", str(password)),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
        )
        create = "CREATE DATABASE matchline\n"
        self.run_tool(tool("postgres"), "--single", "-D", str(self.data), "postgres", stdin=create)

    def command(self) -> list[str]:
        return [
            *(tool("postgres"), "-D", str(self.data), "-p", str(self.port), "-h", HOST),
            *("-k", ""),  # no Unix socket: it would need a short path
            *self.options,
        ]

    def connect(self) -> Any:
        import psycopg

        return psycopg.connect(self.url, connect_timeout=5)

    def answers(self) -> bool:
        import psycopg

        try:
            with self.connect() as connection:
                return bool(connection.execute("SELECT 1").fetchone())
        except psycopg.OperationalError:
            return False
