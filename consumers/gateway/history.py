"""What an account did before: orders that have ended, and fills. From the stores and the journal.

Each question waits until the store has what this account was told already.
"""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from consumers.balances import store as balances
from consumers.gateway.accounts import Account, Accounts
from consumers.gateway.errors import TIMEOUT, unavailable
from consumers.gateway.order import EventRow, Order
from consumers.gateway.stores import Stores
from consumers.gateway.stream import EventStream
from consumers.orders import store as orders
from ringbuf.codes import EventType

PATIENCE_S = 3.0
LOOK_S = 0.002
TURN = 256  # of them, before other work of the loop gets its turn
WINDOW = 64  # so far may client ids, by which orders are found, be out of the order of acceptance
SCAN = 100_000  # orders, or ledger lines, of an account that one question looks through
_TRADE, _BUSTED = int(EventType.TRADE), int(EventType.BUSTED)


class History:
    """Questions about the past of one account."""

    def __init__(self, stream: EventStream, stores: Stores, accounts: Accounts) -> None:
        self._stream = stream
        self._stores = stores
        self._accounts = accounts

    async def _reached(self, consumer: str, seq: int) -> None:
        """Wait until a consumer has committed an event. Raises ApiError where it does not come to that."""
        deadline = time.monotonic() + PATIENCE_S
        while (self._stream.ring.sequence_of(consumer) or 0) < seq:
            if time.monotonic() > deadline:
                raise unavailable(TIMEOUT, f"Timeout waiting for response from backend server: {consumer} is behind.")
            await asyncio.sleep(LOOK_S)

    async def order(self, account: Account, order_id: int) -> Order | None:
        """An order of the account, open or ended; None where it has no such order."""
        found = account.find(order_id)
        if found is not None:
            return found
        await self._reached(orders.NAME, account.seq)
        view, tables = self._stores.orders()
        with view.snapshot() as txn:
            row = orders.order(txn, tables, order_id)
            if row is None or int(row["account"][0]) != account.number:
                return None
            return self._accounts.stored(txn, tables, row)

    async def order_of_client(self, account: Account, client_id: int) -> Order | None:
        """The same by the client id that placed it."""
        found = account.find_client(client_id)
        if found is not None:
            return found
        ref = await self.client_ref(account, client_id)
        return await self.order(account, ref) if ref > 0 else None

    async def client_ref(self, account: Account, client_id: int, seq: int = 0) -> int:
        """What became of a client id, as of event `seq` at least: order id, minus a refusal's sequence, 0 = nothing."""
        await self._reached(orders.NAME, max(account.seq, seq))
        view, tables = self._stores.orders()
        with view.snapshot() as txn:
            return orders.client_ref(txn, tables, account.number, client_id)

    async def orders_of(
        self, account: Account, symbol: int | None, from_id: int | None, first_ns: int, end_ns: int, most: int
    ) -> list[Order]:
        """Orders of a symbol, oldest first: from an id on, or the last ones accepted in a time.

        symbol: None = those that are one of a pair, whatever their symbol.
        """
        await self._reached(orders.NAME, account.seq)
        view, tables = self._stores.orders()
        with view.snapshot() as txn:
            found: list[Order] = []
            older = 0
            for count, row in enumerate(self._rows_back(txn, tables, account.number), 1):
                if count % TURN == 0:
                    await asyncio.sleep(0)
                order_id, accepted_ns = int(row["order_id"][0]), int(row["accepted_ts_ns"][0])
                if accepted_ns < first_ns or (from_id is not None and order_id < from_id):
                    older += 1
                    if older > WINDOW:
                        break
                elif accepted_ns < end_ns and (
                    row["pair_order_id"][0] if symbol is None else row["symbol"][0] == symbol
                ):
                    if from_id is None and len(found) == most + WINDOW:
                        break
                    found.append(account.find(order_id) or self._accounts.stored(txn, tables, row))
        found.sort(key=lambda order: order.order_id)
        return found[:most] if from_id is not None else found[-most:]

    @staticmethod
    def _rows_back(txn: Any, tables: orders.OrderTables, account: int) -> Iterator[np.ndarray]:
        """ORDER rows of an account, newest client id first."""
        for count, order_id in enumerate(orders.orders_back(txn, tables, account)):
            row = orders.order(txn, tables, order_id)
            if row is not None:
                yield row
            if count > SCAN:
                return

    async def trades(
        self,
        account: Account,
        symbol: int,
        order_id: int | None,
        from_id: int | None,
        first_ns: int,
        end_ns: int,
        most: int,
    ) -> list[Any]:
        """Its trades of a symbol (EventRow), oldest first: from an id on, or the last ones of a time."""
        await self._reached(balances.NAME, account.seq)
        view, tables = self._stores.balances()
        found: list[Any] = []
        with view.snapshot() as txn:
            busted: set[int] = set()
            for count, seq in enumerate(self._lines_back(txn, tables, account.number), 1):
                if count % TURN == 0:
                    await asyncio.sleep(0)
                if not seq:
                    continue
                if from_id is not None and seq < from_id:
                    break
                row = self._event(seq)
                if row.ts_ns < first_ns:
                    break
                if row.type == _BUSTED:
                    busted.add(row.request_id)  # EVENT_BUST has the trade's sequence there
                elif row.symbol == symbol and row.ts_ns < end_ns and seq not in busted:
                    if order_id is None or order_id in (row.order_id, row.maker_order_id):
                        found.append(row)
                if from_id is None and len(found) == most:
                    break
        found.reverse()
        return found[:most]

    @staticmethod
    def _lines_back(txn: Any, tables: balances.BalanceTables, account: int) -> Iterator[int]:
        """An account's ledger lines, newest first: of a trade or bust its sequence, once; 0 for all other lines."""
        at = int(tables.heads.row(txn, account)["next"][0]) - 1
        before, seen = 0, 0
        while at >= 0 and seen < SCAN:
            first, block = tables.ledger.block(txn, at)
            while first <= at < first + len(block) and seen < SCAN:
                line = block[at - first]
                seq = int(line["seq"])
                is_new_trade = line["type"] in (_TRADE, _BUSTED) and seq != before
                before = seq
                yield seq if is_new_trade else 0
                at, seen = int(line["prev"]), seen + 1

    def _event(self, seq: int) -> Any:
        """One event: from the ring, where it is still there, else from the journal."""
        return EventRow._make(self._stream.between(seq, seq)[0].item())
