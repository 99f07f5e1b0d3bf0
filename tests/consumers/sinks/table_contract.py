"""What the tables of every SQL server have to keep beside the contract: orders and balance changes, older and newer
schemas, two writers, values that somebody refuses, hostile names."""

import json
import threading
from abc import abstractmethod
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from config.catalog import Catalog
from config.errors import ConfigError
from config.settings import SinkSettings
from consumers.journal.reader import JournalReader
from consumers.sinks.configured import remember
from consumers.sinks.kinds import check_sinks, open_target
from consumers.sinks.process import Sink
from consumers.sinks.status import dead_path, status_path
from consumers.sinks.target import EVENTS, ORDERS, BadRow, TargetAway, TargetRefused
from ops.sinks import compare, resend
from ringbuf.codes import EventType
from tests.consumers.journal_files import EPOCH
from tests.consumers.sinks.contract import SEED, TargetContract
from tests.consumers.sinks.history import History, at_the_limits, hostile, make_history
from tests.disks import filled, small_disk, top_up
from tests.servers.base import HOST

ALL = "events,trades,orders,ledger"


class TableContract(TargetContract):
    """Tests of `Tables` on one server."""

    kind: str
    trigger: str  # statements, one a line, that make a trigger refuse the event {seq} in `events`
    no_trigger: str  # and the one that takes it away

    @pytest.fixture(scope="class")
    @classmethod
    def history(cls, tmp_path_factory: pytest.TempPathFactory) -> History:
        return make_history(tmp_path_factory.mktemp("history"), SEED, 1_500)

    @abstractmethod
    def execute(self, settings: SinkSettings, *statements: str) -> list[tuple[Any, ...]]:
        """Somebody else at work in the sink's database; the rows of the last statement."""

    @classmethod
    @abstractmethod
    def create(cls, database: str) -> None:
        """Make an empty database where there is none."""

    @classmethod
    def settings(cls, name: str, port: int) -> SinkSettings:
        database = "matchline_" + "".join(letter for letter in name if letter.isalnum())[-40:]
        cls.create(database)
        url = urlsplit(cls.server.url)
        netloc = url.netloc.replace(str(cls.server.port), str(port))
        return SinkSettings("out", cls.kind, urlunsplit((url.scheme, netloc, "/" + database, "", "")))

    def with_tables(self, request: Any, tables: str) -> SinkSettings:
        made = self.settings(request.node.name, self.server.port)
        return SinkSettings(made.name, made.kind, made.url, tables=tables)

    def take_away(self, settings: SinkSettings, seq: int) -> None:
        found = settings.tables.split(",")
        self.execute(settings, *(f"DELETE FROM {table} WHERE seq = {seq}" for table in found if table != ORDERS))

    # What follows from the events

    @pytest.mark.parametrize("tables", ["trades", "orders", "ledger", ALL])
    def test_any_choice_of_tables_holds_a_whole_history(self, history: History, request: Any, tables: str) -> None:
        settings = self.with_tables(request, tables)
        self.fill(settings, history, size=37)
        with self.opened(settings, history.data) as (target, _):
            history.expect_in(target)

    def test_the_limits_of_every_field_are_kept_in_orders_and_ledger_too(self, tmp_path: Path, request: Any) -> None:
        history = at_the_limits(tmp_path)
        settings = self.with_tables(request, ALL)
        self.fill(settings, history)
        with self.opened(settings, history.data) as (target, _):
            history.expect_in(target)

    def test_reconcile_names_the_order_and_the_balance_change_that_differ(self, history: History, request: Any) -> None:
        settings = self.with_tables(request, ALL)
        self.fill(settings, history)
        ((order,),) = self.execute(settings, "SELECT MAX(order_id) FROM orders")
        self.execute(settings, f"UPDATE orders SET leaves = leaves + 1 WHERE order_id = {order}")
        assert f"orders: order {order}: leaves is" in self.said(settings, history)
        self.execute(settings, f"UPDATE orders SET leaves = leaves - 1 WHERE order_id = {order}")
        ((seq,),) = self.execute(settings, "SELECT MAX(seq) FROM ledger")
        self.execute(settings, f"DELETE FROM ledger WHERE seq = {seq} AND line = 1")
        assert f"ledger: event {seq}" in self.said(settings, history)

    def test_orders_and_lines_that_are_missing_are_made_anew(self, history: History, request: Any) -> None:
        settings = self.with_tables(request, ALL)
        self.fill(settings, history)
        self.execute(settings, "DELETE FROM orders WHERE order_id > 150", "DELETE FROM ledger WHERE line = 2")
        ((gone,),) = self.execute(settings, "SELECT COUNT(*) FROM orders")
        assert gone > 0
        target = open_target(settings, history.data)
        target.look(EPOCH)
        assert sum(target.resend(batch) for batch in history.batches(0, 90)) > 0
        assert sum(target.resend(batch) for batch in history.batches(0, 90)) == 0
        history.expect_in(target)
        target.close()

    def said(self, settings: SinkSettings, history: History) -> str:
        """What the comparison with the journal says is wrong."""
        target = open_target(settings, history.data)
        at = target.look(EPOCH)
        with JournalReader(history.data) as journal:
            ok, said = compare(target, at, journal)
        target.close()
        assert not ok, said
        return said

    # Schemas

    def test_tables_of_an_older_version_are_brought_up_to_date_in_place(self, history: History, request: Any) -> None:
        settings = self.with_tables(request, ALL)
        self.fill(settings, history, upto=50)
        for table, column in {"events": "trail", "trades": "busted_seq", "orders": "oco_order_id"}.items():
            used = self.execute(settings, f"SELECT COUNT({column}) FROM {table}")
            assert used == [(0,)], f"seed {SEED}: {table}.{column} is used before event 50"
            self.execute(settings, f"ALTER TABLE {table} DROP COLUMN {column}")
        self.execute(settings, f"UPDATE {self.cursor} SET version = 0")
        target = open_target(settings, history.data)
        assert target.look(EPOCH) == 50, "who only looks changes nothing"
        target.close()
        self.fill(settings, history)
        with self.opened(settings, history.data) as (target, _):
            history.expect_in(target)
        assert self.execute(settings, f"SELECT version FROM {self.cursor}") == [(1,)]

    cursor = '"cursor"'  # as this server quotes it

    def test_tables_of_a_newer_version_are_refused(self, history: History, request: Any) -> None:
        settings = self.settings(request.node.name, self.server.port)
        self.fill(settings, history, upto=50)
        self.execute(settings, f"UPDATE {self.cursor} SET version = 99")
        with pytest.raises(TargetRefused, match="version 99"), self.opened(settings, history.data):
            pass
        target = open_target(settings, history.data)
        with pytest.raises(TargetRefused, match="version 99"):
            target.look(EPOCH)
        target.close()

    def test_tables_that_were_not_kept_from_the_beginning_are_refused(self, history: History, request: Any) -> None:
        some, more = self.with_tables(request, "trades"), self.with_tables(request, "trades,ledger")
        self.fill(some, history, upto=50)
        with pytest.raises(TargetRefused, match="begun with the tables trades"), self.opened(more, history.data):
            pass

    def test_rows_beyond_the_cursor_are_refused(self, history: History, request: Any) -> None:
        settings = self.settings(request.node.name, self.server.port)
        self.fill(settings, history, upto=100)
        self.execute(settings, f"UPDATE {self.cursor} SET seq = 40")
        with pytest.raises(TargetRefused, match=r"cursor stands at 40, but events has a row of 41"):
            self.fill(settings, history)

    # Who else is there

    def test_of_two_writers_one_finds_the_cursor_moved_and_nothing_is_mixed(
        self, history: History, request: Any
    ) -> None:
        settings = self.settings(request.node.name, self.server.port)
        with self.opened(settings, history.data) as (one, at), self.opened(settings, history.data) as (other, _):
            batches = list(history.batches(at, 100))
            one.write(batches[0])
            with pytest.raises(TargetAway, match="another writer"):
                other.write(batches[0])
            other.close()
            assert other.open(EPOCH) == batches[0].upto
            other.write(batches[1])
            with pytest.raises(TargetAway, match="another writer"):
                one.write(batches[1])
        self.fill(settings, history)
        with self.opened(settings, history.data) as (target, _):
            history.expect_in(target)

    def test_two_writers_at_once_write_everything_once(self, history: History, request: Any) -> None:
        settings = self.settings(request.node.name, self.server.port)
        with self.opened(settings, history.data):
            pass
        wrong: list[BaseException] = []

        def write() -> None:
            target = open_target(settings, history.data)
            try:
                at = target.open(EPOCH)
                while at < history.last:
                    try:
                        batch = history.batch(at, min(at + 25, history.last))
                        target.write(batch)
                        at = batch.upto
                    except TargetAway:
                        target.close()
                        at = target.open(EPOCH)
            except BaseException as error:  # noqa: BLE001
                wrong.append(error)
            finally:
                target.close()

        threads = [threading.Thread(target=write) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong, wrong
        with self.opened(settings, history.data) as (target, _):
            history.expect_in(target)

    # Values

    def test_an_event_that_a_trigger_refuses_is_put_aside_and_all_else_arrives(
        self, tmp_path: Path, request: Any
    ) -> None:
        history = make_history(tmp_path, SEED, 800)
        settings = self.with_tables(request, ALL)
        seq = int(history.events["seq"][history.events["type"] == EventType.TRADE][1])
        with self.opened(settings, history.data):
            pass
        self.execute(settings, *self.trigger.format(seq=seq).strip().splitlines())
        target = open_target(settings, history.data)
        sink = Sink(settings, target, history.data)
        at = target.open(EPOCH)
        sink._catalog, sink._seq = Catalog(), at
        for batch in history.batches(at, 300):
            sink.apply(batch.events)
            sink.commit(batch.upto)
        sink.close()
        letters = dead_path(status_path(history.data, settings.name)).read_text().splitlines()
        assert [json.loads(letter)["event"]["seq"] for letter in letters] == [seq]
        assert self.said(settings, history) == f"events: event {seq} is missing"
        remember(history.data, (settings,))
        sent = resend(history.data, "sink-out", 1)
        assert (sent["to"], sent["missing"], sent["refused"]) == (history.last, 0, 1)
        self.execute(settings, self.no_trigger)
        trade = history.events[seq - 1]
        self.execute(settings, f"DELETE FROM orders WHERE order_id IN ({trade['order_id']}, {trade['maker_order_id']})")
        sent = resend(history.data, "sink-out", 1)
        assert sent["refused"] == 0 and sent["missing"] > 0
        with self.opened(settings, history.data) as (target, _):
            history.expect_in(target)

    def test_no_name_or_word_can_be_anything_but_itself(self, tmp_path: Path, request: Any) -> None:
        names = ["'); DROP TABLE --", '\\"`%s%%d{}', "a\tb\nc\\n\\N", "''\\'' OR 1=1 --", "btc", "BTC", "\\N", "%(a)s"]
        history = hostile(tmp_path, names)
        settings = self.with_tables(request, ALL)
        self.fill(settings, history)
        with self.opened(settings, history.data) as (target, at):
            history.expect_in(target)
            symbols = {row["symbol"] for row in target.read(EVENTS, 1, at) if row["type"] == "trade"}
        assert symbols == {name[:16] for name in names}

    def test_a_name_that_no_column_can_hold_is_a_bad_row(self, tmp_path: Path, request: Any) -> None:
        history = hostile(tmp_path, ["fine", "ze\0ro"])
        settings = self.settings(request.node.name, self.server.port)
        with self.opened(settings, history.data) as (target, at):
            batch = history.batch(at, history.last)
            with pytest.raises(BadRow, match="zero byte"):
                target.write(batch)
            assert target.look(EPOCH) == at, "nothing of it is there"

    # Who may

    def test_wrong_credentials_are_refused_without_the_password_and_right_ones_go_on(
        self, history: History, request: Any
    ) -> None:
        right = self.settings(request.node.name, self.server.port)
        for wrong in (
            right.url.replace(":matchline@", ":open-sesame@"),
            right.url.replace("//matchline:", "//nobody:"),
            right.url.replace("/matchline_", "/matchline_no_such_"),
        ):
            with pytest.raises(TargetRefused) as told:
                self.fill(SinkSettings("out", self.kind, wrong), history)
            assert "sesame" not in str(told.value) and ":matchline@" not in str(told.value)
        self.fill(right, history, upto=50)

    def test_a_user_who_may_only_read_is_refused(self, history: History, request: Any) -> None:
        settings = self.settings(request.node.name, self.server.port)
        self.fill(settings, history, upto=50)
        reader = replace(settings, url=settings.url.replace("matchline:matchline@", "reader:reads@"))
        self.allow_reading(settings)
        with self.opened(reader, history.data) as (target, at):
            assert at == 50
            with pytest.raises(TargetRefused, match="denied"):
                target.write(history.batch(50, 100))
        self.fill(settings, history)

    @abstractmethod
    def allow_reading(self, settings: SinkSettings) -> None:
        """Make a user `reader`, password `reads`, who may read the sink's tables, and lock the cursor, no more."""

    def test_a_server_that_does_not_answer_is_away(self, history: History, request: Any) -> None:
        settings = self.settings(request.node.name, self.server.port)
        with self.opened(settings, history.data) as (target, at), self.frozen():
            with pytest.raises(TargetAway):
                target.write(history.batch(at, 100))
            target.close()
            with pytest.raises(TargetAway):
                target.open(EPOCH)
        self.fill(settings, history)
        with self.opened(settings, history.data) as (target, _):
            history.expect_in(target)

    @abstractmethod
    def frozen(self) -> AbstractContextManager[None]:
        """Meanwhile no process of the server runs."""

    def test_a_lock_that_somebody_holds_is_away_and_not_an_end(self, history: History, request: Any) -> None:
        settings = self.settings(request.node.name, self.server.port)
        with (
            self.opened(settings, history.data) as (target, at),
            self.holding(settings),
            pytest.raises(TargetAway),
        ):
            target.write(history.batch(at, 100))
        self.fill(settings, history)

    @abstractmethod
    def holding(self, settings: SinkSettings) -> AbstractContextManager[None]:
        """Meanwhile somebody has the row of `cursor` locked."""

    def test_a_url_or_option_of_no_use_is_refused_by_name_and_never_said(self) -> None:
        scheme = urlsplit(self.server.url).scheme
        for url in (
            f"{scheme}://{HOST}/x",
            f"{scheme}://u:secret@{HOST}",
            "http://u:secret@h/x",
            f"{scheme}://u:secret@h:x/d",
        ):
            with pytest.raises(ConfigError, match=r"sink\[0\]\.url") as told:
                check_sinks((SinkSettings("out", self.kind, url),))
            assert "secret" not in str(told.value)
        with pytest.raises(ConfigError, match=r"sink\[0\]\.prefix"):
            check_sinks((SinkSettings("out", self.kind, self.server.url, prefix="other"),))


def expect_full_disk_survived(
    module: Any, folder: Path, megabytes: int, options: tuple[str, ...], history: History, kind: str
) -> None:
    """A server whose disk is full: its sink is away; with room again nothing is lost or repeated."""
    with small_disk(folder, megabytes) as disk:
        server = module.start(disk / kind, options)
        try:
            settings = SinkSettings("out", kind, server.url)
            check_sinks((settings,))
            target = open_target(settings, history.data)
            at = target.open(EPOCH)
            with filled(disk) as ballast, pytest.raises(TargetAway):
                for batch in history.batches(at, 5):
                    top_up(ballast)  # what the server has freed meanwhile, too
                    target.write(batch)
                    at = batch.upto
                pytest.fail("the history had room on a full disk")
            target.close()
            if server.ended:
                server.restart()
            assert (found := target.open(EPOCH)) >= at, "what was written is there"
            for batch in history.batches(found, 100):
                target.write(batch)
            history.expect_in(target)
            target.close()
        finally:
            server.stop()
