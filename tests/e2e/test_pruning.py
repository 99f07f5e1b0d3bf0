"""Small segments behind many snapshots on a real pipeline: archived or removed, killed in between, restored."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from consumers.journal.format import archive_folder, first_seq_of, journal_folder, list_segments
from consumers.journal.reader import JournalReader
from consumers.settlement import store as settlement
from consumers.settlement.files import open_view, write_day
from consumers.store import StoreView
from engine.snapshots import list_snapshots
from tests.e2e.flow import commands, write_lines
from tests.pipeline import Pipeline, eventually, pipeline

CONFIG = """
[engine]
durability = "{durability}"
[journal]
blocks = 2
behind_snapshots = "{mode}"
[consumers]
batch = 512
[snapshots]
events = 1000
seconds = 3600
keep = 2
"""
COUNT = 6_000
# Cut by commit (their values joined are the same), or with a secret in it.
BY_COMMIT = {"trades", "feed_blocks", "ledger", "fills"}
NOT_EMPTY = ("orders/orders", "balances/ledger", "marketdata/candles", "settlement/statements", "risk/alerts")
OF_ONE_RUN = {"cursor", "checkpoint", "feed_index"}


def made(folder: Path, mode: str, durability: str = "journal") -> Any:
    return pipeline(folder, config=CONFIG.format(mode=mode, durability=durability))


def feed_and_kill(running: Pipeline, folder: Path, seed: int) -> None:
    """Feed a flow while replica, journal and market data are killed."""
    flow = write_lines(folder / f"{seed}.jsonl", commands(COUNT, seed))
    busy = running.popen("feed", str(flow), "--json")
    for process in ("replica", "marketdata", "replica", "journal", "risk", "replica"):
        start = running.published()
        eventually(lambda start=start: running.published() > start + 900 or busy.poll() is not None, "more")  # type: ignore[misc]
        pid = running.pid(process)
        if pid:
            os.kill(pid, signal.SIGKILL)
    assert busy.wait(240) == 0, busy.communicate()[1][-2000:]
    busy.communicate()
    running.settled()


def all_gone_that_may(running: Pipeline) -> None:
    """Until the first plain segment is one that reaches beyond the oldest snapshot."""

    def done() -> bool:
        second = list_segments(journal_folder(running.data))[1]
        return first_seq_of(second) - 1 > list_snapshots(running.data)[0][0]

    eventually(done, "segments behind the snapshots are moved away")


def rows(data: Path) -> dict[str, Any]:
    """Every store's tables, by value."""
    found: dict[str, Any] = {}
    for store in ("orders", "balances", "marketdata", "settlement", "risk"):
        with StoreView(data / "stores" / store) as view:
            with view.snapshot() as txn, txn.cursor() as cursor:
                tables = [bytes(key).decode() for key, _ in cursor]
            for table in sorted(set(tables) - OF_ONE_RUN):
                db = view.db(table)
                with view.snapshot() as txn, txn.cursor(db=db) as cursor:
                    pairs = [(bytes(key), bytes(value)) for key, value in cursor]
                found[f"{store}/{table}"] = b"".join(value for _, value in pairs) if table in BY_COMMIT else dict(pairs)
    return found


def reports(data: Path) -> dict[str, bytes]:
    """Every day's report files, made anew."""
    with open_view(data) as view:
        with view.snapshot() as txn:
            days = settlement.day_starts(txn, settlement.SettlementTables(view))[:, 0].tolist()
        for day in days:
            write_day(data, view, day)
    folder = data / "reports"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def same(found: dict[str, Any], expected: dict[str, Any]) -> str:
    return ", ".join(name for name in sorted({*found, *expected}) if found.get(name) != expected.get(name))


@pytest.mark.parametrize("mode", [pytest.param("keep", marks=pytest.mark.long), "archive"])
def test_what_is_rebuilt_from_nothing_equals_the_live_ones(mode: str, tmp_path: Path) -> None:
    with made(tmp_path, mode) as running:
        running.up()
        feed_and_kill(running, tmp_path, 31)
        if mode == "archive":
            all_gone_that_may(running)
            archived = len(list(archive_folder(journal_folder(running.data)).glob("*.journal.zst")))
            assert archived >= 3
            verified = running.report("journal", "verify")
            assert (verified["ok"], verified["first"], verified["archived"]) == (True, 1, archived)
            assert running.report("replay", "--to", "1500")["seq"] == 1500
            early = running.report("trace", "100")
            assert early["steps"][3]["journal"][0]["segment"].endswith(".zst")
        assert running.report("reconcile")["ok"]
        assert running.verb("down").returncode == 0
        before, reported = rows(running.data), reports(running.data)
        assert reported and all(before[table] for table in NOT_EMPTY)
        for folder in ("stores", "reports"):
            shutil.rmtree(running.data / folder)
        running.up()
        running.settled()
        assert running.report("reconcile")["ok"]
        assert running.verb("down").returncode == 0
        assert same(rows(running.data), before) == ""
        assert same(reports(running.data), reported) == ""


@pytest.mark.long
def test_with_its_beginning_removed_all_goes_on_and_what_needs_it_says_so(tmp_path: Path) -> None:
    with made(tmp_path / "one", "remove", "fsync") as running:
        running.up()
        feed_and_kill(running, tmp_path, 32)
        all_gone_that_may(running)
        first = begin(running.data)
        assert first > 2000
        checks = running.report("reconcile")
        assert checks["ok"]
        assert any("from the snapshot at" in check["detail"] for check in checks["checks"])
        early = running.verb("replay", "--to", "100")
        assert early.returncode == 1 and f"which has {first} to" in early.stderr
        gone = running.verb("trace", "100")
        assert gone.returncode == 2 and f"begins at {first}: what was before that was removed" in gone.stderr
        assert running.report("replay", "--to", str(running.published()))["whole"]
        for process in ("engine", "entry", "marketdata", "risk", "orders", "replica"):
            pid = eventually(lambda process=process: running.pid(process), f"{process} runs")  # type: ignore[misc]
            os.kill(pid, signal.SIGKILL)
            eventually(lambda process=process, pid=pid: running.pid(process) not in (0, pid), f"{process} runs again")  # type: ignore[misc]
        running.settled()
        feed_more(running, tmp_path, 33)
        assert running.report("reconcile")["ok"]
        copy = running.report("backup", str(tmp_path / "copy"))
        assert running.verb("down").returncode == 0
        lost = running.data / "stores" / "orders"
        shutil.move(lost, tmp_path / "orders")
        done = running.verb("up", "--detach", "--port-base", str(running.base), "--config", str(running.config))
        assert done.returncode == 1
        assert "orders does not start" in done.stderr and "sequence 1 asked for" in done.stderr, done.stderr
        shutil.rmtree(lost)
        shutil.move(tmp_path / "orders", lost)
        running.up()
        running.settled()
        assert running.report("reconcile")["ok"]
    with made(tmp_path / "two", "remove", "fsync") as other:
        assert other.report("restore", str(tmp_path / "copy"))["last"] == copy["last"]
        other.up()
        other.settled()
        feed_more(other, tmp_path, 34)
        assert other.report("reconcile")["ok"]


def feed_more(running: Pipeline, folder: Path, seed: int) -> None:
    running.report("feed", str(write_lines(folder / f"{seed}.jsonl", commands(1_500, seed))))
    running.settled()


def begin(data: Path) -> int:
    with JournalReader(data) as reader:
        return reader.first


def test_a_stopped_consumer_holds_segments_back_and_the_log_says_who(tmp_path: Path) -> None:
    with made(tmp_path, "archive") as running:
        running.up()
        running.settled()
        with running.stopped("settlement"):
            flow = write_lines(tmp_path / "flow.jsonl", commands(COUNT, 35))
            running.report("feed", str(flow))
            log = running.data / "logs" / "replica.log"
            eventually(lambda: "held back by settlement" in log.read_text(), "the log names it")
            assert not list(archive_folder(journal_folder(running.data)).glob("*.zst"))
        all_gone_that_may(running)
        running.settled()
        assert running.report("reconcile")["ok"]
