"""What every target has to keep, as tests: a server's own test class says how it is had, and inherits these.

Where a target is by its nature different (an append-only log has no row to take away), the class overrides the one
test with what it does promise.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from config.settings import SinkSettings
from consumers.sinks.kinds import check_sinks, open_target
from consumers.sinks.target import EVENTS, ReadableTarget, TargetAway, TargetRefused
from tests.consumers.journal_files import EPOCH
from tests.consumers.sinks.history import History, at_the_limits, make_history
from tests.servers.base import Server
from tests.servers.proxy import Link

SEED = 20261128
CUTS = 10  # at most: a server may take a second or two to be itself again after each


class TargetContract(ABC):
    """Tests of a target in this process."""

    # What a server's class says

    server: ClassVar[Server]  # running; set by its fixture, one a module

    @classmethod
    @abstractmethod
    def settings(cls, name: str, port: int) -> SinkSettings:
        """A sink of its own (database, prefix or topics named after `name`) by this port."""

    @classmethod
    def link(cls) -> Link:
        """A link to the server that can be cut."""
        return Link(cls.server.port)

    @abstractmethod
    def take_away(self, settings: SinkSettings, seq: int) -> None:
        """Delete event `seq` behind the target's back, wherever it stands."""

    # What they share

    @pytest.fixture(scope="class")
    @classmethod
    def history(cls, tmp_path_factory: pytest.TempPathFactory) -> History:
        return make_history(tmp_path_factory.mktemp("history"), SEED)

    @contextmanager
    def opened(self, settings: SinkSettings, folder: Path, epoch: int = EPOCH) -> Iterator[tuple[ReadableTarget, int]]:
        check_sinks((settings,))
        target = open_target(settings, folder)
        assert isinstance(target, ReadableTarget)
        try:
            yield target, target.open(epoch)
        finally:
            target.close()

    def fill(self, settings: SinkSettings, history: History, upto: int | None = None, size: int = 100) -> None:
        with self.opened(settings, history.data) as (target, at):
            for batch in history.batches(at, size, upto):
                target.write(batch)

    def test_a_whole_history_is_given_back_as_it_was(self, history: History, request: Any) -> None:
        settings = self.settings(request.node.name, self.server.port)
        rng = random.Random(SEED)
        with self.opened(settings, history.data) as (target, at):
            assert at == 0
            while at < history.last:
                batch = history.batch(at, min(at + rng.choice((1, 3, 20, 400)), history.last))
                target.write(batch)
                at = batch.upto
            history.expect_in(target)

    def test_the_least_and_the_most_of_every_field_come_back(self, tmp_path: Path, request: Any) -> None:
        history = at_the_limits(tmp_path)
        settings = self.settings(request.node.name, self.server.port)
        self.fill(settings, history)
        with self.opened(settings, history.data) as (target, _):
            history.expect_in(target)

    def test_it_goes_on_where_it_was_after_each_start(self, history: History, request: Any) -> None:
        settings = self.settings(request.node.name, self.server.port)
        at = 0
        while at < history.last:
            with self.opened(settings, history.data) as (target, found):
                assert found == at
                batch = history.batch(at, min(at + 300, history.last))
                target.write(batch)
                at = batch.upto
        with self.opened(settings, history.data) as (target, _):
            history.expect_in(target)

    def test_a_cut_link_in_the_middle_of_a_write_repeats_and_loses_nothing(
        self, history: History, request: Any
    ) -> None:
        rng = random.Random(SEED)
        with self.link() as link:
            settings = self.settings(request.node.name, link.port)
            done, cuts = 0, 0
            while done < history.last:
                link.heal()
                with self.opened(settings, history.data) as (target, at):
                    assert at >= done, f"seed {SEED}: what was written was lost"
                    done = at
                    if cuts < CUTS:
                        link.cut_after(rng.randrange(1, 15_000))
                    try:
                        for batch in history.batches(at, 200):
                            target.write(batch)
                            done = batch.upto
                    except TargetAway:
                        cuts += 1
            link.heal()
            assert cuts > 3
            with self.opened(settings, history.data) as (target, _):
                history.expect_in(target)

    def test_no_server_is_away_and_not_an_error_of_the_program(self, history: History, request: Any) -> None:
        with self.link() as link:
            settings = self.settings(request.node.name, link.port)
            link.cut()
            with pytest.raises(TargetAway), self.opened(settings, history.data):
                pass

    def test_another_history_is_refused(self, history: History, request: Any) -> None:
        settings = self.settings(request.node.name, self.server.port)
        self.fill(settings, history, 50)
        with pytest.raises(TargetRefused, match="epoch"), self.opened(settings, history.data, EPOCH + 1):
            pass

    def test_what_is_missing_is_sent_again_and_nothing_else(self, history: History, request: Any) -> None:
        settings = self.settings(request.node.name, self.server.port)
        self.fill(settings, history)
        for seq in (17, 200, 201):
            self.take_away(settings, seq)
        target = open_target(settings, history.data)
        at = target.look(EPOCH)
        missing = [target.resend(batch) for batch in history.batches(0, 150)]
        assert (at, sum(missing)) == (history.last, 3)
        assert sum(target.resend(batch) for batch in history.batches(0, 150)) == 0
        history.expect_in(target)
        target.close()

    def test_who_looks_does_not_disturb_who_writes(self, history: History, request: Any) -> None:
        settings = self.settings(request.node.name, self.server.port)
        with self.opened(settings, history.data) as (target, _):
            for batch in history.batches(0, 100):
                target.write(batch)
                other = open_target(settings, history.data)
                assert other.look(EPOCH) == batch.upto
                assert [row["seq"] for row in other.read(EVENTS, batch.upto, batch.upto)] == [batch.upto]
                other.close()
            history.expect_in(target)
