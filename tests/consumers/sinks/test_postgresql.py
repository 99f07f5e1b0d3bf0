"""PostgreSQL, on a real one: the contracts, the process under faults, and traps of its own."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from config.settings import SinkSettings
from tests.consumers.sinks.history import History
from tests.consumers.sinks.matrix import SinkMatrix, wanted
from tests.consumers.sinks.table_contract import ALL, TableContract, expect_full_disk_survived
from tests.servers import postgresql
from tests.servers.base import descendants
from tests.servers.postgresql import PostgreSQL


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    wanted(postgresql)
    started = postgresql.start(tmp_path_factory.mktemp("postgresql"))
    TestTables.server = TestProcess.server = started
    try:
        yield started
    finally:
        started.stop()


class TestTables(TableContract):
    kind = "postgresql"
    trigger = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this one'; END $$
CREATE TRIGGER refuses BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.seq = {seq}) EXECUTE FUNCTION refuse()
"""
    no_trigger = "DROP TRIGGER refuses ON events"

    def execute(self, settings: SinkSettings, *statements: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(settings.url) as connection:
            for statement in statements:
                done = connection.execute(statement)
            return list(done.fetchall()) if done.description else []

    @classmethod
    def create(cls, database: str) -> None:
        with psycopg.connect(cls.server.url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {database}")

    def allow_reading(self, settings: SinkSettings) -> None:
        self.execute(
            settings,
            "CREATE USER reader PASSWORD 'reads'",
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
            "GRANT UPDATE ON cursor TO reader",
        )

    @contextmanager
    def frozen(self) -> Iterator[None]:
        family = [self.server.pid, *descendants(self.server.pid)]
        for pid in family:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in family:
                os.kill(pid, signal.SIGCONT)

    @contextmanager
    def holding(self, settings: SinkSettings) -> Iterator[None]:
        with psycopg.connect(settings.url) as connection:
            connection.execute("SELECT * FROM cursor FOR UPDATE")
            yield

    def test_a_full_disk_is_away_and_goes_on_once_there_is_room(self, history: History, tmp_path: Path) -> None:
        options = ("-c", "max_wal_size=32MB", "-c", "min_wal_size=32MB")
        expect_full_disk_survived(postgresql, tmp_path, 120, options, history, self.kind)


class TestProcess(SinkMatrix):
    @classmethod
    def settings(cls, name: str, port: int) -> SinkSettings:
        return replace(TestTables.settings(name, port), tables=ALL)
