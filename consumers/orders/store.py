"""The orders store in LMDB: its tables, the fold written into them, and how to read them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consumers.funds import InstrumentTable
from consumers.orders.fold import (
    FILL,
    I64,
    ORDER,
    about_orders,
    bust_marks,
    fold,
    is_open,
    touched,
)
from consumers.packed import Log, Packing
from consumers.store import encode_key
from consumers.stored import Tables
from ringbuf.codes import NO_ACCOUNT, NO_ID, ORDER_PAIRED, EventType, Reason
from ringbuf.records import EVENT, EVENT_ORDER

NAME = "orders"
TABLES = ("orders", "open", "fills", "clients", "rejected", "suspended")

# Orders are named by sequences, every few of which are an order: a value holds the rows of so many sequences.
ORDER_SPAN = 32
# A client id's story: an order's id, or minus the sequence of its refusal; 0 = never seen.
CLIENT = np.dtype([("ref", "<i8")])
CLIENTS_PER_PAGE = 32


class OrderTables:
    """Where each thing stands. Same for the writer and for readers of a snapshot."""

    def __init__(self, store: Tables) -> None:
        self.orders = store.db("orders")  # span number -> ORDER rows of that span, ascending
        self.open = store.db("open")  # (account, order id) -> nothing
        self.fills = Log(store.db("fills"), FILL)
        self.clients = Packing(store.db("clients"), CLIENT, CLIENTS_PER_PAGE)  # under the account as prefix
        self.rejected = store.db("rejected")  # sequence -> the EVENT
        self.suspended = store.db("suspended")  # account -> nothing


class OrderSpans:
    """The rows of some orders, read with the spans around them, and put back."""

    def __init__(self, db: Any, txn: Any, ids: I64) -> None:
        """ids: sorted, each once."""
        self._db = db
        self.spans = np.unique(ids // ORDER_SPAN)
        values = (txn.get(int(span).to_bytes(8, "big"), db=db) for span in self.spans.tolist())
        found = np.frombuffer(b"".join(bytes(value) for value in values if value is not None), ORDER)
        new = np.setdiff1d(ids, found["order_id"], assume_unique=True)
        self._all = np.concatenate((found, np.zeros(len(new), ORDER)))
        self._all["order_id"][len(found) :] = new
        self._all = self._all[np.argsort(self._all["order_id"], kind="stable")]
        self._at = np.searchsorted(self._all["order_id"], ids)
        self.rows = self._all[self._at]

    def put(self, txn: Any) -> None:
        """Write every span with the rows as they are now."""
        self._all[self._at] = self.rows
        bounds = np.searchsorted(self._all["order_id"], self.spans * ORDER_SPAN)
        ends = np.append(bounds[1:], len(self._all))
        for span, start, end in zip(self.spans.tolist(), bounds.tolist(), ends.tolist(), strict=True):
            txn.put(span.to_bytes(8, "big"), self._all[start:end].tobytes(), db=self._db)


class ClientPages:
    """What is known of some client ids of some accounts, read with the pages around them, and put back."""

    def __init__(self, packing: Packing, txn: Any, accounts: I64, client_ids: I64) -> None:
        self._packing = packing
        numbers = client_ids // CLIENTS_PER_PAGE
        order = np.lexsort((numbers, accounts))
        by_page = np.stack((accounts[order], numbers[order]), axis=-1)
        is_new = np.ones(len(order), np.bool_)
        is_new[1:] = (by_page[1:] != by_page[:-1]).any(axis=1)
        page_of = np.empty(len(order), np.int64)
        page_of[order] = np.cumsum(is_new) - 1
        self._keys = [encode_key(account, number) for account, number in by_page[is_new].tolist()]
        self._refs = np.zeros(len(self._keys) * CLIENTS_PER_PAGE, np.int64)
        self._at = page_of * CLIENTS_PER_PAGE + client_ids % CLIENTS_PER_PAGE
        for i, key in enumerate(self._keys):
            value = txn.get(key, db=packing.db)
            if value is not None:
                self._refs[i * CLIENTS_PER_PAGE : (i + 1) * CLIENTS_PER_PAGE] = np.frombuffer(value, np.int64)

    def refuse(self, which: NDArray[np.bool_], seqs: I64) -> None:
        """Note refusals, where no order has the id."""
        at = self._at[which]
        free = self._refs[at] <= 0
        self._refs[at[free]] = -seqs[which][free]

    def accept(self, which: NDArray[np.bool_], order_ids: I64) -> None:
        """Note accepted orders."""
        self._refs[self._at[which]] = order_ids[which]

    def put(self, txn: Any) -> None:
        """Write every page."""
        for i, key in enumerate(self._keys):
            page = self._refs[i * CLIENTS_PER_PAGE : (i + 1) * CLIENTS_PER_PAGE]
            txn.put(key, page.tobytes(), db=self._packing.db)


class OrderFold:
    """The consumer's part: `write` takes a batch in."""

    def __init__(self, store: Tables) -> None:
        self.tables = OrderTables(store)

    def write(self, txn: Any, events: NDArray[np.void], instruments: InstrumentTable) -> None:
        """Rows, fills, the index of open orders, client ids, refusals, suspensions, bust marks."""
        self._name_clients(txn, events)
        self._suspend(txn, events)
        changes = about_orders(events)
        if len(changes):
            self._change(txn, changes)
        self._mark_busts(txn, events)

    def _change(self, txn: Any, changes: NDArray[np.void]) -> None:
        ids = touched(changes)
        spans = OrderSpans(self.tables.orders, txn, ids)
        was_open = is_open(spans.rows)
        first_fill = self.tables.fills.length(txn)
        fills = fold(changes, ids, spans.rows, first_fill)
        spans.put(txn)
        self.tables.fills.append(txn, first_fill, fills)
        self._pair(txn, changes)
        self._index_open(txn, spans.rows, was_open)

    def _pair(self, txn: Any, changes: NDArray[np.void]) -> None:
        """Two orders of which one cancels the other: each names the other. Rare, so one by one."""
        accepted = changes[changes["type"] == EventType.ACCEPTED]
        for event in accepted[accepted.view(EVENT_ORDER)["order_flags"] & ORDER_PAIRED != 0]:
            other = client_ref(txn, self.tables, int(event["account"]), int(event["request_id"]))
            if other > 0:
                spans = OrderSpans(self.tables.orders, txn, np.sort([other, event["order_id"]]))
                spans.rows["pair_order_id"] = spans.rows["order_id"][::-1]
                spans.put(txn)

    def _index_open(self, txn: Any, rows: NDArray[np.void], was_open: NDArray[np.bool_]) -> None:
        now_open = is_open(rows)
        for row in rows[now_open & ~was_open]:
            txn.put(encode_key(int(row["account"]), int(row["order_id"])), b"", db=self.tables.open)
        for row in rows[was_open & ~now_open]:
            txn.delete(encode_key(int(row["account"]), int(row["order_id"])), db=self.tables.open)

    def _name_clients(self, txn: Any, events: NDArray[np.void]) -> None:
        """Client ids to orders and refusals; a refusal never takes an id away from an order."""
        kinds = events["type"]
        refused = (kinds == EventType.REJECTED) & (events["reason"] != Reason.DUPLICATE_CLIENT_ID)
        refused &= events["account"] != NO_ACCOUNT
        for event in events[refused]:
            txn.put(encode_key(int(event["seq"])), event.tobytes(), db=self.tables.rejected)
        named = events[((kinds == EventType.ACCEPTED) | refused) & (events["client_id"] != NO_ID)]
        pages = ClientPages(self.tables.clients, txn, named["account"].astype(np.int64), named["client_id"])
        accepted = named["type"] == EventType.ACCEPTED
        pages.refuse(~accepted, named["seq"])
        pages.accept(accepted, named["order_id"])
        pages.put(txn)

    def _suspend(self, txn: Any, events: NDArray[np.void]) -> None:
        kinds = events["type"]
        for event in events[(kinds == EventType.SUSPENDED) | (kinds == EventType.UNSUSPENDED)]:
            key = encode_key(int(event["account"]))
            if event["type"] == EventType.SUSPENDED:
                txn.put(key, b"", db=self.tables.suspended)
            else:
                txn.delete(key, db=self.tables.suspended)

    def _mark_busts(self, txn: Any, events: NDArray[np.void]) -> None:
        """Find both fills of each busted trade along their orders' chains and mark them. Rare, so one by one."""
        for mark in bust_marks(events):
            spans = OrderSpans(self.tables.orders, txn, np.array([mark["order_id"]], np.int64))
            found = self.tables.fills.find(txn, int(spans.rows["last_fill"][0]), int(mark["trade_seq"]))
            if found is None:
                continue
            first, rows, at = found
            if not rows["busted"][at]:
                rows["busted"][at] = 1
                self.tables.fills.replace(txn, first, rows)
                spans.rows["busted_lots"] += mark["qty_lots"]
                spans.put(txn)

    def idle(self, now_ns: int) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing is held back."""


def is_suspended(txn: Any, tables: OrderTables, account: int) -> bool:
    """Whether an account may place nothing."""
    return txn.get(encode_key(account), db=tables.suspended) is not None


def suspended_accounts(txn: Any, tables: OrderTables) -> list[int]:
    """All of them, ascending."""
    with txn.cursor(db=tables.suspended) as cursor:
        return [int.from_bytes(key, "big") for key in cursor.iternext(values=False)]


def order(txn: Any, tables: OrderTables, order_id: int) -> NDArray[np.void] | None:
    """The ORDER row (array of one), or None."""
    if order_id <= 0 or order_id >= 1 << 63:
        return None
    value = txn.get((order_id // ORDER_SPAN).to_bytes(8, "big"), db=tables.orders)
    if value is None:
        return None
    rows = np.frombuffer(value, ORDER)
    found = rows[rows["order_id"] == order_id]
    return found.copy() if len(found) else None


def fills_of(txn: Any, tables: OrderTables, row: NDArray[np.void]) -> NDArray[np.void]:
    """All fills (FILL) of one order, oldest first."""
    count = int(row["fills"][0])
    return tables.fills.chain(txn, int(row["last_fill"][0]) if count else -1, count)[::-1]


def client_ref(txn: Any, tables: OrderTables, account: int, client_id: int) -> int:
    """Order id of an accepted client id, minus the sequence of a refused one, 0 = never seen."""
    if not (0 <= account < NO_ACCOUNT and 0 <= client_id < 1 << 63):
        return 0
    return int(tables.clients.row(txn, client_id, encode_key(account))["ref"][0])


def last_client_id(txn: Any, tables: OrderTables, account: int) -> int:
    """The highest client id of an account's orders, accepted or refused; -1 = none."""
    with txn.cursor(db=tables.clients.db) as cursor:
        prefix = encode_key(account)
        found = cursor.prev() if cursor.set_range(encode_key(account + 1)) else cursor.last()
        if not found or not cursor.key().startswith(prefix):
            return -1
        refs = np.frombuffer(cursor.value(), np.int64)
        return int.from_bytes(cursor.key()[len(prefix) :], "big") * CLIENTS_PER_PAGE + int(np.flatnonzero(refs)[-1])


def orders_back(txn: Any, tables: OrderTables, account: int, client_id: int = (1 << 63) - 1) -> Iterator[int]:
    """Ids of an account's orders by the client id that placed them, from `client_id` downwards."""
    prefix = encode_key(account)
    with txn.cursor(db=tables.clients.db) as cursor:
        beyond = encode_key(account, client_id // CLIENTS_PER_PAGE + 1)
        found = cursor.prev() if cursor.set_range(beyond) else cursor.last()
        while found and cursor.key().startswith(prefix):
            first = int.from_bytes(cursor.key()[len(prefix) :], "big") * CLIENTS_PER_PAGE
            refs = np.frombuffer(cursor.value(), np.int64)
            yield from refs[(refs > 0) & (first + np.arange(len(refs)) <= client_id)][::-1].tolist()
            found = cursor.prev()


def by_client_id(
    txn: Any, tables: OrderTables, account: int, client_id: int
) -> tuple[NDArray[np.void] | None, NDArray[np.void] | None]:
    """(ORDER row, refusing EVENT): at most one of the two is there."""
    ref = client_ref(txn, tables, account, client_id)
    if ref > 0:
        return order(txn, tables, ref), None
    if ref < 0:
        return None, np.frombuffer(txn.get(encode_key(-ref), db=tables.rejected), EVENT).copy()
    return None, None


def open_orders(txn: Any, tables: OrderTables, account: int | None = None) -> NDArray[np.void]:
    """ORDER rows of an account's open orders (of all accounts: None), by account, then oldest first."""
    prefix = b"" if account is None else encode_key(account)
    ids = []
    with txn.cursor(db=tables.open) as cursor:
        found = cursor.set_range(prefix) if prefix else cursor.first()
        while found and cursor.key().startswith(prefix):
            ids.append(int.from_bytes(cursor.key()[8:], "big"))
            found = cursor.next()
    rows = [row for row in (order(txn, tables, order_id) for order_id in ids) if row is not None]
    return np.concatenate(rows) if rows else np.zeros(0, ORDER)
