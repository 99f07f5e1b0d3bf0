"""DATA/gateway/own: the little that a gateway must not forget, in LMDB, shared by all gateways of a pipeline."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from consumers.gateway import listen_keys, names
from consumers.store import MAP_SIZE, Store, StoreView

FOLDER = ("gateway", "own")


@contextmanager
def own_store(data: Path, epoch: int, sync: bool, map_size: int = MAP_SIZE) -> Iterator[Store]:
    """The store, made where missing. sync: what is in it has to survive the host, too.

    Beside it lie two locks: `opening` is held by who opens it, `using` by all who have it open. The last one to leave
    takes away the mark that it is written without syncs (see consumers.store).
    """
    folder = Path(data, *FOLDER)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name("using").open("w") as using, folder.with_name("opening").open("w") as opening:
        fcntl.flock(opening, fcntl.LOCK_EX)
        fcntl.flock(using, fcntl.LOCK_SH)
        store = Store(folder, epoch, (*names.TABLES, *listen_keys.TABLES), sync, map_size)
        fcntl.flock(opening, fcntl.LOCK_UN)
        try:
            yield store
        finally:
            fcntl.flock(opening, fcntl.LOCK_EX)
            store.close(others_write=not _is_last(using.fileno()))


def _is_last(using: int) -> bool:
    try:
        fcntl.flock(using, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def copy_own_store(data: Path, target: Path) -> bool:
    """For a backup: the store as of one commit, into the same place of another data directory; False = there is none.

    Listen keys are left out: they let in.
    """
    source, copy = Path(data, *FOLDER), Path(target, *FOLDER)
    if not (source / "data.mdb").exists():
        return False
    copy.mkdir(parents=True)
    with StoreView(source) as view:
        epoch = view.cursor()[0]
        view.copy(copy)
    with Store(copy, epoch, listen_keys.TABLES, sync=True) as store:

        def forget(txn: Any) -> None:
            for table in listen_keys.TABLES:
                txn.drop(store.db(table), delete=False)

        store.commit(0, forget)
    return True
