"""The store: effect and cursor together, other epochs aside, full maps grown."""

import os
import signal
from pathlib import Path

import lmdb
import pytest

from consumers.store import UNSYNCED, Store, StoreError, StoreView, decode_key, encode_key


def test_effect_and_cursor_are_committed_together(tmp_path: Path) -> None:
    with Store(tmp_path / "s", 7, ("rows",)) as store:
        rows = store.db("rows")
        store.commit(5, lambda txn: txn.put(b"a", b"1", db=rows))
    with Store(tmp_path / "s", 7, ("rows",)) as store:
        assert store.sequence == 5
        with store.read() as txn:
            assert txn.get(b"a", db=store.db("rows")) == b"1"


def test_an_effect_that_fails_moves_neither(tmp_path: Path) -> None:
    def half_written(txn: lmdb.Transaction) -> None:
        txn.put(b"a", b"2", db=rows)
        raise ValueError("died in the middle")

    with Store(tmp_path / "s", 7, ("rows",)) as store:
        rows = store.db("rows")
        store.commit(5, lambda txn: txn.put(b"a", b"1", db=rows))
        with pytest.raises(ValueError, match="in the middle"):
            store.commit(9, half_written)
        assert store.sequence == 5
        with store.read() as txn:
            assert txn.get(b"a", db=rows) == b"1"


def test_a_kill_inside_a_commit_leaves_the_commit_before(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        store = Store(tmp_path / "s", 7, ("rows",))
        rows = store.db("rows")
        store.commit(5, lambda txn: txn.put(b"a", b"1", db=rows))

        def die(txn: lmdb.Transaction) -> None:
            txn.put(b"a", b"2", db=rows)
            os.kill(os.getpid(), signal.SIGKILL)

        store.commit(9, die)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    with StoreView(tmp_path / "s") as view:
        handle = view.db("rows")
        with view.snapshot() as txn:
            assert view.cursor(txn) == (7, 5)
            assert txn.get(b"a", db=handle) == b"1"


def test_a_store_of_another_epoch_is_moved_aside_not_deleted(tmp_path: Path) -> None:
    with Store(tmp_path / "s", 7) as store:
        store.commit(5)
    with Store(tmp_path / "s", 8) as store:
        assert store.sequence == 0
    aside = [p for p in tmp_path.iterdir() if p.name.startswith("s.aside-")]
    assert len(aside) == 1
    with StoreView(aside[0]) as view:
        assert view.cursor() == (7, 5)


def killed_while_open(path: Path, sync: bool) -> None:
    """A store with one commit, whose process was killed."""
    child = os.fork()
    if child == 0:
        Store(path, 7, sync=sync).commit(5)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


def test_a_store_that_was_open_when_the_host_went_down_is_made_again(tmp_path: Path) -> None:
    killed_while_open(tmp_path / "s", sync=False)
    (tmp_path / "s" / UNSYNCED).write_text("an earlier boot")
    with pytest.raises(StoreError, match="was open when the host went down"):
        StoreView(tmp_path / "s")
    with Store(tmp_path / "s", 7) as store:
        assert store.sequence == 0
    assert len(list(tmp_path.glob("s.aside-*"))) == 1


@pytest.mark.parametrize("damage", ["garbage", "torn"])
def test_a_damaged_store_is_moved_aside_and_made_again(tmp_path: Path, damage: str) -> None:
    with Store(tmp_path / "s", 7) as store:
        store.commit(5)
    file = tmp_path / "s" / "data.mdb"
    file.write_bytes(b"\xff" * 8192 if damage == "garbage" else file.read_bytes()[:100])
    with Store(tmp_path / "s", 7) as store:
        assert store.sequence == 0
        store.commit(1)
    assert [path.name[:8] for path in tmp_path.glob("s.aside-*")] == ["s.aside-"]


def test_a_killed_process_alone_spoils_no_store(tmp_path: Path) -> None:
    killed_while_open(tmp_path / "s", sync=False)
    assert (tmp_path / "s" / UNSYNCED).exists()
    with Store(tmp_path / "s", 7) as store:
        assert store.sequence == 5


@pytest.mark.parametrize("sync", [True, False])
def test_a_synced_or_closed_store_outlives_the_host(tmp_path: Path, sync: bool) -> None:
    if sync:
        killed_while_open(tmp_path / "s", sync)
    else:
        with Store(tmp_path / "s", 7) as store:
            store.commit(5)
    assert not (tmp_path / "s" / UNSYNCED).exists()
    with Store(tmp_path / "s", 7, sync=sync) as store:
        assert store.sequence == 5


def test_a_full_map_grows_and_the_batch_is_put_again(tmp_path: Path) -> None:
    with Store(tmp_path / "s", 1, ("rows",), map_size=1 << 16) as store:
        rows = store.db("rows")

        def write(txn: lmdb.Transaction) -> None:
            for i in range(1_000):
                txn.put(encode_key(i), bytes(500), db=rows)

        store.commit(3, write)
        with store.read() as txn:
            assert txn.stat(rows)["entries"] == 1_000
    with StoreView(tmp_path / "s") as view:
        assert view.sequence == 3


def test_a_commit_behind_the_cursor_is_refused(tmp_path: Path) -> None:
    with Store(tmp_path / "s", 1) as store:
        store.commit(3)
        with pytest.raises(StoreError, match="behind the cursor 3"):
            store.commit(2)


def test_a_view_of_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store there"):
        StoreView(tmp_path / "s")


def test_keys_sort_as_their_integers() -> None:
    pairs = [(0, 5), (1, 0), (1, 2**63), (256, 1)]
    keys = [encode_key(*pair) for pair in pairs]
    assert keys == sorted(keys)
    assert [decode_key(key) for key in keys] == pairs
