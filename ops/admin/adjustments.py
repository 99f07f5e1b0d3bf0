"""Corrections of balances, by two persons: one proposes, another key approves; then the money is booked, once.

In DATA/admin/adjustments (LMDB, synced): an adjustment stands there with the number that its command has before that
is sent. So whatever dies when, it is known whether it was sent, and sent again it acts once.
"""

import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from consumers.gateway.errors import ApiError
from consumers.store import Store, StoreView, encode_key

FOLDER = ("admin", "adjustments")  # in DATA
TABLE = "adjustments"
PROPOSED, SENDING, BOOKED, REFUSED, REJECTED = "proposed", "sending", "booked", "refused", "rejected"
WRONG_STATE, SAME_PERSON, NOT_THERE = -2011, -2015, -2013
Adjustment = dict[str, Any]
# (adjustment with its number) -> the event that answers it, {"type": …}
Send = Callable[[Adjustment], Awaitable[dict[str, Any]]]


class Adjustments:
    """All of them, by number from 1 on."""

    def __init__(self, data: Path, epoch: int) -> None:
        folder = data.joinpath(*FOLDER)
        folder.parent.mkdir(exist_ok=True)
        self._store = Store(folder, epoch, (TABLE,), True)

    def all(self) -> list[Adjustment]:
        """Newest first."""
        with self._store.read() as txn, txn.cursor(db=self._store.db(TABLE)) as cursor:
            found = [json.loads(bytes(value)) for _, value in cursor]
        return found[::-1]

    def find(self, number: int) -> Adjustment:
        """One of them. Raises ApiError where there is none."""
        with self._store.read() as txn:
            row = txn.get(encode_key(number), db=self._store.db(TABLE))
        if row is None:
            raise ApiError(NOT_THERE, f"there is no adjustment {number}", 404)
        found: Adjustment = json.loads(bytes(row))
        return found

    def propose(self, key: str, account: int, asset: str, amount: str, why: str) -> Adjustment:
        """A new one; amount signed, as text."""
        with self._store.read() as txn, txn.cursor(db=self._store.db(TABLE)) as cursor:
            number = int.from_bytes(cursor.key(), "big") + 1 if cursor.last() else 1
        made = {
            "id": number,
            "account": account,
            "asset": asset,
            "amount": amount,
            "why": why,
            "state": PROPOSED,
            "proposed_by": key,
            "proposed_ns": time.time_ns(),
        }
        self._put(made)
        return made

    def reject(self, key: str, number: int) -> Adjustment:
        """Whoever proposed it, or anybody else, lets it fall. Raises ApiError where it is not open."""
        found = self._open(number)
        return self.note(found, state=REJECTED, decided_by=key, decided_ns=time.time_ns())

    def approve(self, key: str, number: int, client_id: int, after_seq: int) -> Adjustment:
        """Another key than the one that proposed it says yes. client_id: its command's; after_seq: sent after this."""
        found = self._open(number)
        if found["proposed_by"] == key:
            raise ApiError(SAME_PERSON, "whoever proposed an adjustment can't approve it: another key has to", 403)
        more = {"client_id": client_id, "after_seq": after_seq}
        return self.note(found, state=SENDING, decided_by=key, decided_ns=time.time_ns(), **more)

    def _open(self, number: int) -> Adjustment:
        found = self.find(number)
        if found["state"] != PROPOSED:
            raise ApiError(WRONG_STATE, f"adjustment {number} is {found['state']} already", 409)
        return found

    def note(self, found: Adjustment, **more: Any) -> Adjustment:
        """Put what has become of it on the disk."""
        changed = found | more
        self._put(changed)
        return changed

    def _put(self, row: Adjustment) -> None:
        text = json.dumps(row).encode()

        def write(txn: Any) -> None:
            txn.put(encode_key(row["id"]), text, db=self._store.db(TABLE))

        self._store.commit(0, write)

    def close(self) -> None:
        """Close the environment."""
        self._store.close()


def copy_adjustments(data: Path, target: Path) -> bool:
    """For a backup: all of them as of now, into the same place of another data directory; False = there are none.

    Copied before the history: one that is `booked` in the copy is booked in what follows; one that is `sending` is
    asked for there once more, and found, or booked then.
    """
    source, copy = data.joinpath(*FOLDER), target.joinpath(*FOLDER)
    if not (source / "data.mdb").exists():
        return False
    copy.mkdir(parents=True)
    with StoreView(source) as view:
        view.copy(copy)
    return True
