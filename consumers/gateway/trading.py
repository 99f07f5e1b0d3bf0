"""Requests of accounts to the engine: the numbers that it knows them by, the names that clients know them by."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from config.catalog import Catalog
from config.json_commands import decode_all
from consumers.gateway.accounts import Account
from consumers.gateway.claims import Claims
from consumers.gateway.desk import Desk
from consumers.gateway.errors import NEW_ORDER_REJECTED, SERVER_BUSY, ApiError, unavailable
from consumers.gateway.history import History
from consumers.gateway.names import LISTS, Names
from consumers.gateway.order import EventRow
from consumers.gateway.refusals import refusal
from consumers.gateway.terms import Terms
from ringbuf.codes import EventType, Reason
from ringbuf.records import COMMAND

TRIES = 64  # each doubles the step: every number there is is reached
_REJECTED, _DUPLICATE = int(EventType.REJECTED), int(Reason.DUPLICATE_CLIENT_ID)
_ACCEPTED = int(EventType.ACCEPTED)


@dataclass(frozen=True)
class Placed:
    """The engine's answer to one new order. order_id: 0 where it was refused."""

    number: int
    events: list[Any]  # EventRows of the request, in sequence

    @property
    def order_id(self) -> int:
        """Of its `accepted`."""
        return next((row.order_id for row in self.events if self._is(row, _ACCEPTED)), 0)

    @property
    def refused(self) -> Any:
        """Its `rejected` event, None where it was taken."""
        return next((row for row in self.events if self._is(row, _REJECTED)), None)

    def _is(self, row: Any, kind: int) -> bool:
        return bool(row.type == kind and row.client_id == self.number)


class Trading:
    """Everything that goes to the engine for an account."""

    def __init__(self, desk: Desk, names: Names, claims: Claims, history: History, catalog: Catalog) -> None:
        self._desk = desk
        self._names = names
        self._claims = claims
        self._history = history
        self._catalog = catalog

    async def ask(self, account: Account, make: Callable[[int], np.ndarray]) -> list[Any]:
        """One command without a name; `make` gives its record for a number. Its events (EventRow)."""
        step = 1
        for _ in range(TRIES):
            account.highest = number = account.highest + step
            rows = rows_of(await self._desk.submit(make(number)))
            if not _is_duplicate(rows, number):
                return rows
            step *= 2  # another door has used higher ones that this process has not seen
        raise unavailable(SERVER_BUSY, "No free client id was found.")

    async def place(self, account: Account, terms: Terms) -> Placed:
        """A new order. Raises ApiError where its name stands for one that is open; the engine's refusal is returned."""
        placed = await self.place_all(account, [terms])
        return placed[0]

    async def place_all(self, account: Account, orders: list[Terms], list_name: str | None = None) -> list[Placed]:
        """One order, or two that are a pair: the second waits, and one cancels the other."""
        names = [terms.name for terms in orders if terms.name is not None]
        if not self._claims.take(account.number, names):
            raise duplicate_order()
        try:
            return await self._place(account, orders, list_name)
        finally:
            self._claims.give_back(account.number, names)

    async def _place(self, account: Account, orders: list[Terms], list_name: str | None) -> list[Placed]:
        numbers, resent = [], []
        for terms in orders:
            number, again = await self._first_number(account, terms.name)
            numbers.append(number)
            resent.append(again)
        step, left = 1, list(range(len(orders)))
        rows: list[Any] = []
        for _ in range(TRIES):
            if list_name is not None:
                await self._names.put(account.number, list_name, numbers[0], LISTS)
            answer = rows_of(await self._desk.submit(self._commands(account.number, orders, numbers, left)))
            rows += answer
            taken = [at for at in left if _is_duplicate(answer, numbers[at])]
            if not taken:
                return [Placed(number, rows) for number in numbers]
            if 0 not in taken:
                left = taken  # the first of a pair has entered: the second is paired with it all the same
            for at in left:
                if resent[at] and await self._history.client_ref(account, numbers[at], answer[-1].seq):
                    raise duplicate_order()
                resent[at] = False
                numbers[at] = await self._new_number(account, orders[at].name, step)
            step *= 2
        raise unavailable(SERVER_BUSY, "No free client id was found.")

    async def _first_number(self, account: Account, name: str | None) -> tuple[int, bool]:
        """A number for a name, and whether it is one that may have been sent already, before a crash.

        The name of an order that is open is refused; of one that has ended, or was refused, it is given anew. One that
        nobody has heard of again was on its way when a gateway died: it is sent with the same number, so it acts once.
        """
        known = None if name is None else self._names.number(account.number, name)
        if known is None:
            return await self._new_number(account, name, 1), False
        order, ref = account.find_client(known), 0
        if order is None:  # where another gateway placed it, the store can know it sooner than this process does
            ref = await self._history.client_ref(account, known)
            order = await self._history.order(account, ref) if ref > 0 else None
        if order is not None and order.is_open:
            raise duplicate_order()
        if order is not None or ref:
            return await self._new_number(account, name, 1), False
        return known, True

    async def _new_number(self, account: Account, name: str | None, step: int) -> int:
        floor = account.highest + step - 1
        number = floor + 1 if name is None else await self._names.give(account.number, name, floor)
        account.highest = max(account.highest, number)
        return number

    def _commands(self, account: int, orders: list[Terms], numbers: list[int], left: list[int]) -> np.ndarray:
        commands = np.zeros(len(left), COMMAND)
        for place, at in enumerate(left):
            fields = orders[at].command | {"account": account, "client_id": numbers[at]}
            if at:
                fields["oco_client_id"] = numbers[0]
            commands[place] = decode_all(fields, self._catalog)[0][0]
        return commands


def rows_of(events: np.ndarray) -> list[Any]:
    """Events as EventRows."""
    return [EventRow._make(row) for row in events.tolist()]


def _is_duplicate(rows: list[Any], number: int) -> bool:
    return any(row.type == _REJECTED and row.reason == _DUPLICATE and row.client_id == number for row in rows)


def duplicate_order() -> ApiError:
    """The name of a new order stands for an order that is open."""
    return ApiError(NEW_ORDER_REJECTED, "Duplicate order sent.")


def refuse(row: Any, code: int = NEW_ORDER_REJECTED) -> ApiError:
    """The engine's refusal (EventRow), for a request that is refused with `code` where no other code fits."""
    return refusal(Reason(row.reason), code)
