"""journal and replay as a user types them: exit codes and the one JSON object."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from consumers.journal.format import list_segments, record_offset
from consumers.journal.writer import JournalWriter
from consumers.store import Store, StoreView
from engine.core import Engine
from ops.cli import main
from ringbuf.codes import NO_ID, Op
from ringbuf.records import COMMAND
from tests.consumers.journal_files import EPOCH, write_journal


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_whole_journal_verifies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_journal(tmp_path, 1_000)
    code, report = told(capsys, "journal", "verify", "--data", str(tmp_path))
    assert (code, report["ok"], report["last"], report["problems"]) == (0, True, 1_000, [])


def test_damage_is_named_and_repair_leaves_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_journal(tmp_path, 1_000)
    with list_segments(tmp_path / "journal")[0].open("r+b") as file:
        file.seek(record_offset(600) + 20)
        file.write(b"\xff\xff")
    for action in ("verify", "repair"):
        code, report = told(capsys, "journal", action, "--data", str(tmp_path))
        assert code == 1
        assert "sequence 601" in report["problems"][0]


def test_a_torn_tail_is_repaired(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_journal(tmp_path, 1_000, command=1)
    with list_segments(tmp_path / "journal")[0].open("r+b") as file:
        file.truncate(record_offset(999) + 5)
    code, report = told(capsys, "journal", "repair", "--data", str(tmp_path))
    assert (code, report["last"]) == (0, 999)
    assert "sequence 1000" in report["cut"]


def test_a_difference_is_an_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_journal(tmp_path / "a", 900)
    write_journal(tmp_path / "b", 903)
    code, report = told(capsys, "journal", "diff", str(tmp_path / "b"), "--data", str(tmp_path / "a"))
    assert (code, report["compared"], report["seq"]) == (1, 900, 901)


@pytest.mark.parametrize(
    "arguments",
    [["journal", "verify"], ["replay"], ["replay", "--to", "1", "--consumer", "orders"], ["replay", "--consumer", "x"]],
)
def test_wrong_usage_is_2(tmp_path: Path, arguments: list[str]) -> None:
    assert main([*arguments, "--data", str(tmp_path)]) == 2


def test_replay_rebuilds_the_state_at_every_sequence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = np.zeros(5, COMMAND)
    commands["op"] = Op.TIME
    commands["client_id"] = NO_ID
    commands["ts_ns"] = np.arange(1, 6) * 1_000
    engine = Engine()
    events = engine.run(commands)
    writer = JournalWriter(tmp_path, EPOCH, "journal", 1)
    writer.append(events)
    writer.close()
    code, report = told(capsys, "replay", "--to", str(len(events)), "--data", str(tmp_path))
    assert (code, report["open_orders"], report["state_hash"]) == (0, 0, engine.state_hash())
    code, report = told(capsys, "replay", "--to", str(len(events) + 1), "--data", str(tmp_path))
    assert code == 1


def test_resend_moves_the_store_aside_and_keeps_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(tmp_path / "stores" / "orders", EPOCH) as store:
        store.commit(50)
    code, report = told(capsys, "replay", "--consumer", "orders", "--from", "10", "--data", str(tmp_path))
    assert code == 0
    assert not (tmp_path / "stores" / "orders").exists()
    with StoreView(Path(report["kept"])) as view:
        assert view.sequence == 50
