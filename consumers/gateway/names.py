"""The names that clients give their orders and lists, and the engine's numbers for them; in the gateway's own store.

The engine knows whole numbers that grow per account, clients send texts (`newClientOrderId`). A name is on disk before
the order that it names is sent: so after a crash the name still means that order, and a number that a name has is
never given to another. Nothing is taken out: an order that has ended is still shown under its name. One that was
given no name, or came in by another door, is shown under its number.

Several gateways may share the store: numbers are given out inside LMDB's write lock.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lmdb

from consumers.store import Store, StoreError, encode_key

ORDERS, LISTS = "orders", "lists"  # kinds of names
TABLES = tuple(f"{kind}_by_{what}" for kind in (ORDERS, LISTS) for what in ("name", "number"))
_NUMBER_BYTES = 8


@dataclass
class _Wish:
    """A name to be remembered: with a number above `floor`, or with this very `number`."""

    kind: str
    account: int
    name: str
    number: int
    floor: int
    done: "asyncio.Future[int]"


class Names:
    """One process's view of all names. `sync`: a name has to survive the host, not only this process."""

    def __init__(self, store: Store, sync: bool) -> None:
        self._store = store
        self._sync = sync
        self._wishes: list[_Wish] = []
        self._busy = False

    def number(self, account: int, name: str, kind: str = ORDERS) -> int | None:
        """The number that a name means; None where it was never given."""
        with self._store.read() as txn:
            found = txn.get(encode_key(account) + name.encode(), db=self._store.db(f"{kind}_by_name"))
        return None if found is None else int.from_bytes(found, "big")

    def name(self, account: int, number: int, kind: str = ORDERS) -> str:
        """The name of a number; the number itself where it has none."""
        with self._store.read() as txn:
            found = txn.get(encode_key(account, max(number, 0)), db=self._store.db(f"{kind}_by_number"))
        return str(number) if found is None else bytes(found).decode()

    def last_number(self, account: int) -> int:
        """The highest number of the account that has a name, 0 where none has."""
        with self._store.read() as txn:
            return self._last(txn, ORDERS, account)

    async def give(self, account: int, name: str, floor: int, kind: str = ORDERS) -> int:
        """Give a name a number above `floor` and above all that have names, for good; the number."""
        return await self._wish(_Wish(kind, account, name, 0, floor, asyncio.get_running_loop().create_future()))

    async def put(self, account: int, name: str, number: int, kind: str) -> None:
        """Give a name to a number that somebody else has chosen."""
        await self._wish(_Wish(kind, account, name, number, 0, asyncio.get_running_loop().create_future()))

    async def _wish(self, wish: _Wish) -> int:
        """What comes together in one turn of the loop is one commit."""
        self._wishes.append(wish)
        if not self._busy:
            self._busy = True
            asyncio.get_running_loop().call_soon(self._commit)
        return await wish.done

    def _commit(self) -> None:
        wishes, self._wishes = self._wishes, []
        self._busy = bool(wishes)
        if not wishes:
            return
        loop = asyncio.get_running_loop()
        if self._sync:  # takes milliseconds: not in the loop
            loop.run_in_executor(None, _outcome, self._write, wishes).add_done_callback(
                lambda done: self._tell(wishes, done.result())
            )
        else:
            self._tell(wishes, _outcome(self._write, wishes))

    def _tell(self, wishes: list[_Wish], outcome: "list[int] | Exception") -> None:
        for at, wish in enumerate(wishes):
            if wish.done.cancelled():
                continue
            if isinstance(outcome, Exception):
                wish.done.set_exception(outcome)
            else:
                wish.done.set_result(outcome[at])
        asyncio.get_running_loop().call_soon(self._commit)

    def _write(self, wishes: list[_Wish]) -> list[int]:
        numbers: list[int] = []

        def write(txn: Any) -> None:
            numbers.clear()
            for wish in wishes:
                number = wish.number or max(self._last(txn, wish.kind, wish.account), wish.floor) + 1
                key = encode_key(wish.account)
                value = number.to_bytes(_NUMBER_BYTES, "big")
                txn.put(key + wish.name.encode(), value, db=self._store.db(f"{wish.kind}_by_name"))
                txn.put(key + value, wish.name.encode(), db=self._store.db(f"{wish.kind}_by_number"))
                numbers.append(number)

        self._store.commit(0, write)
        return numbers

    def _last(self, txn: Any, kind: str, account: int) -> int:
        with txn.cursor(db=self._store.db(f"{kind}_by_number")) as cursor:
            found = cursor.prev() if cursor.set_range(encode_key(account + 1)) else cursor.last()
            if not found or not cursor.key().startswith(encode_key(account)):
                return 0
            return int.from_bytes(cursor.key()[_NUMBER_BYTES:], "big")


def _outcome(write: Callable[[list[_Wish]], list[int]], wishes: list[_Wish]) -> "list[int] | Exception":
    """What a write gave, or why it could not be made: for whoever waits for it."""
    try:
        return write(wishes)
    except (lmdb.Error, StoreError, OSError) as error:  # raised again where it is awaited
        return error
