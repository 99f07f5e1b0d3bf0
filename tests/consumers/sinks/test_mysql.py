"""MySQL and MariaDB, on a real MariaDB: the contracts, the process under faults, and traps of its own."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from config.settings import SinkSettings
from consumers.sinks.columns import Kind
from consumers.sinks.mysql import PLACES, MySql
from consumers.sinks.row_text import decimal
from consumers.sinks.target import BadRow, TargetRefused
from tests.consumers.sinks.history import History
from tests.consumers.sinks.matrix import SinkMatrix, wanted
from tests.consumers.sinks.table_contract import ALL, TableContract, expect_full_disk_survived
from tests.servers import mariadb
from tests.servers.mariadb import MariaDB


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    wanted(mariadb)
    started = mariadb.start(tmp_path_factory.mktemp("mariadb"))
    TestTables.server = TestProcess.server = started
    try:
        yield started
    finally:
        started.stop()


class TestTables(TableContract):
    kind = "mysql"
    cursor = "`cursor`"
    trigger = (
        "CREATE TRIGGER refuses BEFORE INSERT ON events FOR EACH ROW IF NEW.seq = {seq} THEN"
        " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF"
    )
    no_trigger = "DROP TRIGGER refuses"

    def execute(self, settings: SinkSettings, *statements: str) -> list[tuple[Any, ...]]:
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"USE {settings.url.rpartition('/')[2]}")
            for statement in statements:
                cursor.execute(statement)
            connection.commit()
            return list(cursor.fetchall())

    @classmethod
    def create(cls, database: str) -> None:
        with cls.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {database}")
            cursor.execute(f"CREATE DATABASE {database}")

    def allow_reading(self, settings: SinkSettings) -> None:
        database = settings.url.rpartition("/")[2]
        with self.server.connect_as_root() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE OR REPLACE USER reader@'127.0.0.1' IDENTIFIED BY 'reads'")
            cursor.execute(f"GRANT SELECT ON {database}.* TO reader@'127.0.0.1'")
            cursor.execute(f"GRANT UPDATE ON {database}.`cursor` TO reader@'127.0.0.1'")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        os.kill(self.server.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.server.pid, signal.SIGCONT)

    @contextmanager
    def holding(self, settings: SinkSettings) -> Iterator[None]:
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {settings.url.rpartition('/')[2]}.`cursor` FOR UPDATE")
            yield
            connection.rollback()

    def test_statements_are_split_where_a_packet_has_no_room(self, history: History, request: Any) -> None:
        with self.server.connect_as_root() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT @@max_allowed_packet")
            ((before,),) = cursor.fetchall()
            cursor.execute("SET GLOBAL max_allowed_packet = 8192")
            try:
                settings = self.with_tables(request, ALL)
                self.fill(settings, history, size=1_000)
            finally:
                cursor.execute(f"SET GLOBAL max_allowed_packet = {before}")
        with self.opened(settings, history.data) as (target, _):
            history.expect_in(target)

    def test_the_server_rounds_what_has_too_many_decimals_so_it_is_refused_here(self, request: Any) -> None:
        settings = self.settings(request.node.name, self.server.port)
        database = MySql(settings.url)
        database.connect()
        database.execute(f'CREATE TABLE "kept" (x {database.types[Kind.DECIMAL]})')
        text = "0." + "1" * (PLACES + 1)
        database.execute(f"INSERT INTO kept VALUES ({text})")
        assert database.fetch("SELECT x FROM kept") == [(Decimal(text[:-1]),)], "rounded without a word"
        with pytest.raises(BadRow, match="more than 30 decimals"):
            decimal(text, database.style.places)
        with pytest.raises(BadRow), database.judging():
            database.execute(f"INSERT INTO kept VALUES ({10**36})")
        database.close()

    def test_a_login_that_needs_another_package_is_refused_and_names_it(self, history: History, request: Any) -> None:
        settings = self.settings(request.node.name, self.server.port)
        with self.server.connect_as_root() as connection, connection.cursor() as cursor:
            cursor.execute("INSTALL SONAME 'auth_ed25519'")
            cursor.execute("CREATE USER signer@'127.0.0.1' IDENTIFIED VIA ed25519 USING PASSWORD('signs')")
        signer = replace(settings, url=settings.url.replace("matchline:matchline@", "signer:signs@"))
        with pytest.raises(TargetRefused, match="pynacl"), self.opened(signer, history.data):
            pass

    def test_a_full_disk_is_away_and_goes_on_once_there_is_room(self, history: History, tmp_path: Path) -> None:
        options = ("--innodb-log-file-size=8M", "--innodb-data-file-path=ibdata1:12M:autoextend:max:64M")
        expect_full_disk_survived(mariadb, tmp_path, 240, options, history, self.kind)


class TestProcess(SinkMatrix):
    @classmethod
    def settings(cls, name: str, port: int) -> SinkSettings:
        return replace(TestTables.settings(name, port), tables=ALL)
