"""Who counts as gone, by a clock that the test turns; and what outlives entry."""

import json
from pathlib import Path

import pytest

from engine.entry.guards import STANDSTILL, Guards

SILENT_S = 5.0


def looked(guards: Guards, from_s: float, to_s: float) -> list[tuple[int, int]]:
    """What looking again and again finds, from one time to another."""
    found: list[tuple[int, int]] = []
    steps = round((to_s - from_s) / 0.25)
    for step in range(1, steps + 1):
        for each in guards.look(from_s + step * 0.25):
            if each not in found:
                found.append(each)
    return found


@pytest.fixture
def guards(tmp_path: Path) -> Guards:
    made = Guards(tmp_path / "guarded.json", SILENT_S)
    made.look(0.0)
    return made


def test_a_session_is_gone_when_it_is_not_heard_for_that_long(guards: Guards) -> None:
    guards.watch(4, 7)
    assert looked(guards, 0.0, 4.75) == []
    guards.heard(4)
    assert looked(guards, 4.75, 9.5) == []
    assert looked(guards, 9.5, 9.75) == [(4, 7)]
    assert looked(guards, 9.75, 10.0) == [(4, 7)], "until it is released"
    guards.release(4)
    assert looked(guards, 10.0, 30.0) == []


def test_only_who_asked_is_guarded(guards: Guards) -> None:
    guards.heard(6)
    guards.lost(6)
    assert guards.account_of(6) is None
    assert looked(guards, 0.0, 20.0) == []


def test_two_sessions_guard_each_their_own_account(guards: Guards) -> None:
    guards.watch(4, 7)
    guards.watch(6, 8)
    looked(guards, 0.0, 3.0)
    guards.heard(6)
    assert looked(guards, 3.0, 5.5) == [(4, 7)]


def test_a_session_that_is_known_to_be_gone_need_not_be_waited_for(guards: Guards) -> None:
    guards.watch(4, 7)
    guards.lost(4)
    assert looked(guards, 0.0, 0.25) == [(4, 7)]


def test_time_in_which_entry_stood_still_is_nobodys_silence(guards: Guards) -> None:
    guards.watch(4, 7)
    assert guards.look(3600.0) == []
    left_s = SILENT_S - SILENT_S / STANDSTILL
    assert looked(guards, 3600.0, 3600.0 + left_s - 0.25) == []
    assert looked(guards, 3600.0 + left_s - 0.25, 3600.0 + left_s) == [(4, 7)]


def test_a_session_guards_the_account_that_it_named_last(guards: Guards) -> None:
    guards.watch(4, 7)
    guards.watch(4, 8)
    assert guards.account_of(4) == 8
    assert looked(guards, 0.0, 6.0) == [(4, 8)]


def test_an_account_stays_guarded_when_entry_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "guarded.json"
    before = Guards(path, SILENT_S)
    before.watch(4, 7)
    before.watch(6, 8)
    before.watch(8, 0)
    before.store()
    after = Guards(path, SILENT_S)
    after.look(100.0)
    assert looked(after, 100.0, 104.5) == []
    after.watch(4, 8)  # another client, and it is heard from now on
    assert {account for _, account in looked(after, 104.5, 106.0)} == {7, 0}
    for number, _ in after.look(106.0):
        assert number < 0
        after.release(number)
    after.store()
    assert json.loads(path.read_text()) == {"accounts": [8]}


def test_the_file_is_written_only_where_the_accounts_change(tmp_path: Path) -> None:
    path = tmp_path / "guarded.json"
    guards = Guards(path, SILENT_S)
    guards.store()
    assert not path.exists()
    guards.watch(4, 7)
    guards.store()
    path.unlink()
    guards.watch(6, 7)
    guards.heard(4)
    guards.release(4)
    guards.store()
    assert not path.exists()
    guards.release(6)
    guards.store()
    assert json.loads(path.read_text()) == {"accounts": []}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"accounts": 7}', '{"accounts": ["x"]}'])
def test_a_file_that_is_something_else_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "guarded.json"
    path.write_text(text)
    with pytest.raises(OSError, match=r"guarded\.json"):
        Guards(path, SILENT_S)
