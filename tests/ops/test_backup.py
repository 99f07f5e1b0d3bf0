"""`backup` of a pipeline that is trading, `restore` elsewhere, and trading on there."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.journal.format import journal_folder, list_history
from consumers.journal.tail import read_header
from consumers.journal.verify import diff
from engine.snapshots import list_snapshots
from ops.admin.adjustments import Adjustments
from tests.e2e.flow import commands, write_lines
from tests.pipeline import Pipeline, eventually, pipeline

CONFIG = "[snapshots]\nevents = 2000\nseconds = 3600\nkeep = 2\n"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Pipeline]:
    with pipeline(tmp_path / "first", config=CONFIG) as made:
        made.up()
        yield made


def feed(running: Pipeline, folder: Path, seed: int) -> None:
    running.report("feed", str(write_lines(folder / f"{seed}.jsonl", commands(3_000, seed))))


def test_a_copy_made_while_it_trades_trades_on_elsewhere(running: Pipeline, tmp_path: Path) -> None:
    flow = write_lines(tmp_path / "commands.jsonl", commands(60_000, 7))
    busy = running.popen("feed", str(flow), "--rate", "2000", "--json")
    eventually(lambda: running.published() > 4_000 or busy.poll() is not None, "4000 events")
    eventually(lambda: list_snapshots(running.data), "a snapshot of some of them")
    made = running.report("backup", str(tmp_path / "copy"))
    assert busy.poll() is None, "the flow went on meanwhile"
    busy.terminate()
    busy.communicate(timeout=120)
    running.settled()
    assert made["last"] < running.published()
    assert made["snapshot"] > 0
    with pipeline(tmp_path / "second", config=CONFIG) as other:
        assert other.report("restore", str(tmp_path / "copy"))["last"] == made["last"]
        other.up()
        other.settled()
        same = diff(running.data, other.data)
        assert (same.compared, same.seq) == (made["last"], made["last"] + 1), same.detail
        log = (other.data / "logs" / "engine.log").read_text()
        assert f"from the snapshot at {made['snapshot']}," in log
        feed(other, tmp_path, 8)
        other.settled()
        assert other.report("reconcile")["ok"]


def test_corrections_of_balances_come_along_with_who_made_them(running: Pipeline, tmp_path: Path) -> None:
    feed(running, tmp_path, 9)
    epoch = read_header(list_history(journal_folder(running.data))[0]).epoch
    before = Adjustments(running.data, epoch)
    before.approve("second", before.propose("first", 7, "USDT", "12.5", "refund")["id"], client_id=1, after_seq=1)
    running.report("backup", str(tmp_path / "copy"))
    before.propose("first", 8, "USDT", "-1", "after the copy")
    with pipeline(tmp_path / "second", config=CONFIG) as other:
        other.report("restore", str(tmp_path / "copy"))
        after = Adjustments(other.data, epoch)
        assert [(one["proposed_by"], one["decided_by"], one["state"]) for one in after.all()] == [
            ("first", "second", "sending")
        ]
        after.close()
    before.close()


def test_a_damaged_backup_is_named_and_brings_nothing(running: Pipeline, tmp_path: Path) -> None:
    feed(running, tmp_path, 9)
    running.report("backup", str(tmp_path / "copy"))
    segment = next((tmp_path / "copy" / "journal").glob("*.journal"))
    content = bytearray(segment.read_bytes())
    content[70_000] ^= 1
    segment.write_bytes(content)
    data = tmp_path / "second" / "data"
    other = Pipeline(tmp_path / "second")
    done = other.verb("restore", str(tmp_path / "copy"))
    assert done.returncode == 1
    assert f"{segment}: SHA-256 is" in done.stderr
    assert not (data / "journal").exists() and not (data / "snapshots").exists()


def test_neither_overwrites_what_is_there(running: Pipeline, tmp_path: Path) -> None:
    feed(running, tmp_path, 10)
    running.report("backup", str(tmp_path / "copy"))
    again = running.verb("backup", str(tmp_path / "copy"))
    assert again.returncode == 2 and "DIR: expected a directory that is new or empty" in again.stderr
    assert running.verb("down").returncode == 0
    onto = running.verb("restore", str(tmp_path / "copy"))
    assert onto.returncode == 2 and "a data directory without a history" in onto.stderr
    shutil.rmtree(tmp_path / "copy" / "journal")
    missing = Pipeline(tmp_path / "third").verb("restore", str(tmp_path / "copy"))
    assert missing.returncode == 1 and "is missing, expected a file with SHA-256" in missing.stderr
