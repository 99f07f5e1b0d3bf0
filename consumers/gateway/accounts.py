"""What the accounts that somebody asks for hold and have open: from the stores once, then by the event stream.

So a private answer is as new as what the account was told last, and nothing has to be asked of a store twice.
"""

from collections import OrderedDict
from typing import Any, Protocol

import numpy as np

from consumers.balances.store import balance
from consumers.gateway.errors import internal
from consumers.gateway.money import changes_of
from consumers.gateway.names import Names
from consumers.gateway.order import EventRow, Order, TermsRow, accepted_order, is_paired, stored_order
from consumers.gateway.stores import Stores
from consumers.gateway.stream import EventStream
from consumers.orders.store import OrderTables, fills_of, is_suspended, last_client_id, open_orders, order
from ringbuf.codes import FLAG_LAST, EventType
from ringbuf.records import EVENT_ORDER

RECENT = 1000  # orders of an account that have ended and are still at hand
BEHIND = 1 << 17  # events that a store may be behind when an account is taken from it
_ACCEPTED, _TRADE, _CANCELLED = int(EventType.ACCEPTED), int(EventType.TRADE), int(EventType.CANCELLED)
_AMENDED, _TRIGGERED = int(EventType.AMENDED), int(EventType.TRIGGERED)
_TRANSFERS = (int(EventType.DEPOSITED), int(EventType.WITHDRAWN))
_SUSPENDED, _UNSUSPENDED = int(EventType.SUSPENDED), int(EventType.UNSUSPENDED)
_ABOUT_ORDERS = frozenset((_ACCEPTED, _TRADE, _CANCELLED, _AMENDED, _TRIGGERED))
_TWO_SIDED = frozenset((_TRADE, int(EventType.BUSTED)))
_OTHER_REQUESTS = frozenset((_ACCEPTED, *_TWO_SIDED))  # `request_id` is no number of a request of its own there


class Listener(Protocol):
    """Who wants to hear what happens to an account, in sequence, after the account has taken it in."""

    def on_order(self, account: "Account", order: Order, row: Any, as_maker: bool) -> None:
        """An event (EventRow, by its `type`) about one of its orders; of a trade once a side."""

    def on_transfer(self, account: "Account", row: Any) -> None:
        """A deposit or a withdrawal."""

    def on_balances(self, account: "Account", assets: list[int], ts_ns: int, seq: int) -> None:
        """After a command: its balances of these assets may have changed."""


class Account:
    """One account. `orders`: its open ones by id; `balances`: [available, frozen] by asset id, in minor units.

    `seq`: of the last event about it that was taken in. `highest`: no client id above it was ever seen.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.orders: dict[int, Order] = {}
        self.recent: OrderedDict[int, Order] = OrderedDict()
        self._by_client: dict[int, int] = {}
        self.balances: dict[int, list[int]] = {}
        self.orders_from = self.balances_from = 0  # what the stores had already
        self.seq = 0
        self.updated_ts_ns = 0
        self.suspended = False
        self.highest = 0
        self.listeners: list[Listener] = []
        self._request_names: OrderedDict[int, str] = OrderedDict()

    def find(self, order_id: int) -> Order | None:
        """An open or lately ended order."""
        return self.orders.get(order_id) or self.recent.get(order_id)

    def find_client(self, client_id: int) -> Order | None:
        """The same by the client id that placed it."""
        order_id = self._by_client.get(client_id)
        return None if order_id is None else self.find(order_id)

    def call_request(self, number: int, name: str | None) -> None:
        """A cancel that is about to be sent has a name of its own; not kept for long."""
        if name is not None:
            self._request_names[number] = name
            if len(self._request_names) > RECENT:
                self._request_names.popitem(last=False)

    def request_name(self, number: int) -> str | None:
        """What a cancel was called, None where it had no name."""
        return self._request_names.get(number)

    def partner_of(self, order: Order) -> Order | None:
        """The other one of a pair."""
        return self.find(order.pair_order_id) if order.pair_order_id else None

    def put(self, order: Order) -> None:
        """Take an order in."""
        self.orders[order.order_id] = order
        self._by_client[order.client_id] = order.order_id

    def retire(self, order: Order) -> None:
        """An order has ended."""
        self.orders.pop(order.order_id, None)
        self.recent[order.order_id] = order
        while len(self.recent) > RECENT:
            _, oldest = self.recent.popitem(last=False)
            self._by_client.pop(oldest.client_id, None)

    def change(self, asset: int, d_available: int, d_frozen: int) -> None:
        """Book a change."""
        held = self.balances.setdefault(asset, [0, 0])
        held[0] += d_available
        held[1] += d_frozen

    def fold(self, row: Any, terms: Any, tick_lot_quote_units: int) -> list[tuple[Order, bool]]:
        """Take in an event (EventRow, TermsRow) about an order of its own; (order, whether as maker) of each."""
        kind = row.type
        if kind == _ACCEPTED:
            partner = self.find_client(terms.request_id) if is_paired(terms) else None
            order = accepted_order(terms, 0 if partner is None else partner.order_id)
            if partner is not None:
                partner.pair_order_id = order.order_id
            self.put(order)
            return [(order, False)]
        if kind == _TRADE:
            told = []
            for order_id, leaves, as_maker in (
                (row.order_id, row.leaves_lots, False),
                (row.maker_order_id, row.maker_leaves_lots, True),
            ):
                traded = self.orders.get(order_id)
                if traded is not None:
                    traded.traded(row, leaves, tick_lot_quote_units)
                    told.append((self._noted(traded, row), as_maker))
            return told
        found = self.orders.get(row.order_id)
        if found is None:
            return []
        if kind == _CANCELLED:
            found.ended(row)
        elif kind == _AMENDED:
            found.amended(terms)
        else:
            found.is_triggered()
        self._noted(found, row)
        if kind == _CANCELLED:
            found.ended_after(self.partner_of(found))
        return [(found, False)]

    def _noted(self, order: Order, row: Any) -> Order:
        order.seen(row)
        if not order.is_open:
            self.retire(order)
        return order


class Accounts:
    """The accounts that were asked for since the start."""

    def __init__(self, stream: EventStream, stores: Stores, names: Names) -> None:
        self._stream = stream
        self._stores = stores
        self._names = names
        self._all: dict[int, Account] = {}

    def of(self, number: int) -> Account:
        """An account as it is now, with all that any door has told by now. Raises what the stream may raise, ApiError
        where a store is too far behind, StoreError, lmdb.Error."""
        self._stream.catch_up()
        account = self._all.get(number)
        if account is None:
            account = self._take_up(number)
            self._all[number] = account
        return account

    def _take_up(self, number: int) -> Account:
        """From the stores, and what the stream has gone through beyond them."""
        account = Account(number)
        position = self._stream.position
        view, tables = self._stores.orders()
        with view.snapshot() as txn:
            account.orders_from = view.cursor(txn)[1]
            account.suspended = is_suspended(txn, tables, number)
            account.highest = max(last_client_id(txn, tables, number), self._names.last_number(number), 0)
            for row in open_orders(txn, tables, number).reshape(-1, 1):
                account.put(self._with_fills(txn, tables, row))
            for paired in list(account.orders.values()):
                self._find_partner(txn, tables, account, paired)
        self._take_balances(account)
        begin = min(account.orders_from, account.balances_from)
        if position - begin > BEHIND:
            raise internal()
        account.seq = max(begin, 1)
        if position > begin:
            events = self._stream.between(begin + 1, position)
            which = self._about(events, {number: account})
            self._fold(events[which], {number: account}, [0] * len(which))
        return account

    def _with_fills(self, txn: Any, tables: OrderTables, row: np.ndarray) -> Order:
        fills = fills_of(txn, tables, row)
        lots = int((fills["price_ticks"].astype(object) * fills["qty_lots"].astype(object)).sum()) if len(fills) else 0
        instrument = self._stream.catalog.instruments[int(row["symbol"][0])]
        return stored_order(row, lots * instrument.tick_lot_quote_units)

    def _find_partner(self, txn: Any, tables: OrderTables, account: Account, paired: Order) -> None:
        if paired.pair_order_id and account.partner_of(paired) is None:
            row = order(txn, tables, paired.pair_order_id)
            if row is not None:
                account.retire(self._with_fills(txn, tables, row))

    def _take_balances(self, account: Account) -> None:
        view, tables = self._stores.balances()
        with view.snapshot() as txn:
            account.balances_from = view.cursor(txn)[1]
            for asset in self._stream.catalog.assets:
                found = balance(txn, tables, account.number, asset.id)
                if found is not None:
                    account.balances[asset.id] = list(found)

    def stored(self, txn: Any, tables: OrderTables, row: np.ndarray) -> Order:
        """An order that has ended, from an ORDER row and its fills; its partner is asked why, where that matters."""
        found = self._with_fills(txn, tables, row)
        partner = order(txn, tables, found.pair_order_id) if found.pair_order_id else None
        if partner is not None:
            found.ended_after(stored_order(partner, 0))
        return found

    def on_events(self, events: np.ndarray) -> None:
        """A batch of the event stream."""
        which = self._about(events, self._all) if self._all else []
        if which:
            ends = np.cumsum(events["flags"] & FLAG_LAST) - (events["flags"] & FLAG_LAST)
            self._fold(events[which], self._all, ends[which].tolist())

    @staticmethod
    def _about(events: np.ndarray, accounts: dict[int, Account]) -> list[int]:
        """Which events are about one of these accounts."""
        columns = (events[name].tolist() for name in ("account", "maker_account", "type"))
        return [
            at
            for at, (account, maker, kind) in enumerate(zip(*columns, strict=True))
            if account in accounts or (maker in accounts and kind in _TWO_SIDED)
        ]

    def _fold(self, events: np.ndarray, accounts: dict[int, Account], commands: list[int]) -> None:
        """Events that are about some of these accounts. commands: to which command of a batch each belongs."""
        at_command, touched = -1, _Touched(accounts)
        instruments = self._stream.catalog.instruments
        rows = zip(events.tolist(), events.view(EVENT_ORDER).tolist(), commands, strict=True)
        for row, terms, command in rows:
            event = EventRow._make(row)
            if command != at_command:
                touched.tell()
                at_command = command
            for number in {event.account, event.maker_account if event.type in _TWO_SIDED else event.account}:
                account = accounts.get(number)
                if account is not None:
                    self._fold_one(account, event, terms)
            for number, asset, d_available, d_frozen in changes_of(event, instruments):
                account = accounts.get(number)
                if account is not None and event.seq > account.balances_from:
                    account.change(asset, d_available, d_frozen)
                    touched.add(account, asset, event)
        touched.tell()

    def _fold_one(self, account: Account, event: Any, terms: Any) -> None:
        """One event (EventRow, and the same bytes as terms) into one of its accounts."""
        if account.number == event.account:
            account.highest = max(account.highest, event.client_id)
            if event.type not in _OTHER_REQUESTS:
                account.highest = max(account.highest, event.request_id)
        if event.type in _ABOUT_ORDERS and event.seq > account.orders_from:
            unit = self._stream.catalog.instruments[event.symbol].tick_lot_quote_units
            for order, as_maker in account.fold(event, TermsRow._make(terms), unit):
                for listener in account.listeners:
                    listener.on_order(account, order, event, as_maker)
        _note(account, event)


class _Touched:
    """Balances that a command has changed, told when it is over."""

    def __init__(self, accounts: dict[int, Account]) -> None:
        self._accounts = accounts
        self._assets: dict[int, dict[int, Any]] = {}

    def add(self, account: Account, asset: int, event: Any) -> None:
        if account.listeners:
            self._assets.setdefault(account.number, {})[asset] = event

    def tell(self) -> None:
        for number, assets in self._assets.items():
            account = self._accounts[number]
            last = max(assets.values(), key=lambda event: event.seq)
            for listener in account.listeners:
                listener.on_balances(account, list(assets), last.ts_ns, last.seq)
        self._assets = {}


def _note(account: Account, event: Any) -> None:
    account.seq = max(account.seq, event.seq)
    account.updated_ts_ns = event.ts_ns
    if event.type in _TRANSFERS:
        for listener in account.listeners:
            listener.on_transfer(account, event)
    elif event.type in (_SUSPENDED, _UNSUSPENDED):
        account.suspended = event.type == _SUSPENDED
