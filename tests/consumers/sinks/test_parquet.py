"""Parquet files: the contract's promises where there is no server, kills at any step, days, merging."""

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from config.errors import ConfigError
from config.settings import SinkSettings
from consumers.sinks.kinds import check_sinks, open_target
from consumers.sinks.parquet import FILES_A_DAY, range_of, read_file, write_file
from consumers.sinks.target import EVENTS, TargetAway, TargetRefused
from tests.consumers.journal_files import EPOCH
from tests.consumers.sinks.history import History, at_the_limits, make_history
from tests.consumers.sinks.matrix import Course, ProcessMatrix
from tests.disks import filled, small_disk
from tests.pipeline import ROOT

SEED = 3
# Writes batches until it is killed; says each cursor that it has moved to.
WRITER = """
import sys
from pathlib import Path
import numpy as np
from config.settings import SinkSettings
from consumers.sinks.kinds import open_target
from tests.consumers.journal_files import EPOCH
from tests.consumers.sinks.history import History
from consumers.journal.reader import JournalReader
url, data, size = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
with JournalReader(data) as journal:
    history = History(data, journal.read(1, journal.last))
target = open_target(SinkSettings("out", "parquet", url), data)
at = target.open(EPOCH)
for batch in history.batches(at, size):
    target.write(batch)
    print(batch.upto, flush=True)
"""


def settings(folder: Path) -> SinkSettings:
    made = SinkSettings("out", "parquet", f"file://{folder}/files")
    check_sinks((made,))
    return made


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return make_history(tmp_path_factory.mktemp("history"), SEED, 400)


def fill(folder: Path, history: History, size: int = 150) -> None:
    target = open_target(settings(folder), history.data)
    for batch in history.batches(target.open(EPOCH), size):
        target.write(batch)


def test_a_whole_history_is_given_back_as_it_was(tmp_path: Path, history: History) -> None:
    fill(tmp_path, history)
    history.expect_in(open_target(settings(tmp_path), history.data))


def test_the_least_and_the_most_of_every_field_come_back(tmp_path: Path) -> None:
    history = at_the_limits(tmp_path)
    fill(tmp_path, history)
    history.expect_in(open_target(settings(tmp_path), history.data))


def test_a_kill_at_any_moment_loses_and_repeats_nothing(tmp_path: Path, history: History) -> None:
    rng = random.Random(SEED)
    url = settings(tmp_path).url
    told = 0
    for kill in range(8):
        command = [sys.executable, "-c", WRITER, url, str(history.data), "60"]
        writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        for _ in range(rng.randrange(1, 4)):
            if line := writer.stdout.readline():
                told = max(told, int(line))
        writer.kill()
        told = max([told, *map(int, writer.stdout.read().split())])
        writer.wait()
        writer.stdout.close()
        at = open_target(settings(tmp_path), history.data).open(EPOCH)
        assert at >= told, f"seed {SEED}, kill {kill}: {told} was said to be written"
    fill(tmp_path, history)
    history.expect_in(open_target(settings(tmp_path), history.data))


def test_another_history_is_refused(tmp_path: Path, history: History) -> None:
    fill(tmp_path, history)
    with pytest.raises(TargetRefused, match="epoch"):
        open_target(settings(tmp_path), history.data).open(EPOCH + 1)


def test_rows_and_files_that_are_missing_are_written_again(tmp_path: Path, history: History) -> None:
    fill(tmp_path, history)
    folder = tmp_path / "files" / "matchline"
    paths = sorted((folder / EVENTS).glob("*/*.parquet"))
    gone = len(list(read_file(paths[1])))
    paths[1].unlink()
    rows = list(read_file(paths[0]))
    write_file(paths[0], EVENTS, rows[:4] + rows[5:])
    target = open_target(settings(tmp_path), history.data)
    assert target.look(EPOCH) == history.last
    assert sum(target.resend(batch) for batch in history.batches(0, 100)) == gone + 1
    assert sum(target.resend(batch) for batch in history.batches(0, 100)) == 0
    history.expect_in(target)


def test_many_files_of_a_day_become_one_when_it_is_over(tmp_path: Path, history: History) -> None:
    fill(tmp_path, history, size=5)
    folder = tmp_path / "files" / "matchline" / EVENTS
    days = sorted(path.name for path in folder.iterdir())
    target = open_target(settings(tmp_path), history.data)
    if len(days) == 1:  # the flow of this seed stays within a day: say that the next has come
        target.look(EPOCH)
        target._tidy("9999-12-31")  # type: ignore[attr-defined]
    for day in days[:-1] or days:
        assert len(list((folder / day).glob("*.parquet"))) <= FILES_A_DAY
    history.expect_in(target)


def test_a_file_within_a_wider_one_is_passed_over(tmp_path: Path, history: History) -> None:
    fill(tmp_path, history)
    folder = tmp_path / "files" / "matchline"
    first, second = sorted((folder / EVENTS).glob("*/*.parquet"))[:2]
    assert first.parent == second.parent
    both = first.with_name(f"{range_of(first)[0]:020}-{range_of(second)[1]:020}.parquet")
    write_file(both, EVENTS, [*read_file(first), *read_file(second)])
    history.expect_in(open_target(settings(tmp_path), history.data))


def test_a_full_disk_is_away_and_goes_on_once_there_is_room(tmp_path: Path, history: History) -> None:
    with small_disk(tmp_path / "files", 4) as disk:
        target = open_target(settings(tmp_path), history.data)
        at = target.open(EPOCH)
        batches = list(history.batches(at, 100))
        target.write(batches[0])
        with filled(disk), pytest.raises(TargetAway, match="No space"):
            for batch in batches[1:]:
                target.write(batch)
        target = open_target(settings(tmp_path), history.data)
        for batch in history.batches(target.open(EPOCH), 100):
            target.write(batch)
        history.expect_in(target)


def test_a_url_that_is_no_folder_is_refused_by_name() -> None:
    for url in ("/tmp/x", "file://host/x", "http://x/y"):
        with pytest.raises(ConfigError, match=r"sink\[0\].url"):
            check_sinks((SinkSettings("out", "parquet", url),))


class TestProcess(ProcessMatrix):
    """Its process in a pipeline."""

    rows: ClassVar[Path]

    @classmethod
    def settings(cls, name: str, port: int) -> SinkSettings:
        return settings(cls.rows / name)

    @pytest.fixture(scope="class")
    @classmethod
    def course(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
        cls.rows = tmp_path_factory.mktemp("rows")
        yield from cls.courses(tmp_path_factory.mktemp("course"), None, cls.settings("course", 0))
