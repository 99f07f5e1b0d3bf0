"""What is true of the engine's tables whenever a command and its steps are done, whatever came before.

Everything is read from the tables themselves and added up here; nothing that the engine counts is believed. Each check
raises AssertionError and says what it found.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from engine.core import Engine
from engine.levels import KEY_TOP
from engine.memory import LARGEST
from engine.state import (
    ACCOUNT,
    BALANCE,
    EXPIRES,
    HIT,
    ICEBERG,
    INSTRUMENT,
    LEVEL,
    NODE,
    ORDER,
    PAIRED,
    QUEUES,
    TERMS,
)
from engine.waiting import BUY_PROFITS, BUY_STOPS, SELL_PROFITS, SELL_STOPS
from ringbuf.codes import FIRST_WAITING, OrderType, Side, SymbolState
from tests.engine.fast import check_frozen, check_money

PROFITS = (OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)


class Tables:
    """The tables of one engine, as far as they were ever used."""

    def __init__(self, engine: Engine) -> None:
        state = engine.state
        self.head: dict[str, int] = engine.header()
        self.orders = state.view("orders", ORDER, self.head["order_next"])
        self.terms = state.view("terms", TERMS, self.head["order_next"])
        self.levels = state.view("levels", LEVEL, self.head["level_next"])
        self.nodes = state.view("nodes", NODE, self.head["node_next"])
        self.accounts = state.view("accounts", ACCOUNT, self.head["account_mask"] + 1)
        self.balances = state.view("balances", BALANCE, self.head["balance_mask"] + 1)
        self.instruments = state.view("instruments", INSTRUMENT, self.head["instrument_count"])
        self.ids = state.tables["ids"].view(np.int64)[: self.head["id_mask"] + 1]
        self.clients = state.tables["clients"].view(np.int64)[: self.head["client_mask"] + 1]
        self.busted = state.tables["busted"].view(np.int64)[: self.head["busted_mask"] + 1]
        self.expiring = state.tables["expiring"].view(np.int64)[: self.head["expiring_count"]].tolist()
        self.used: list[int] = (np.flatnonzero(self.orders["order_id"][1:]) + 1).tolist()

    def waits(self, slot: int) -> bool:
        """Is it an order that stands in no book yet?"""
        return bool(self.orders[slot]["order_type"] >= FIRST_WAITING)

    def queue_of(self, slot: int) -> int:
        """Index into QUEUES of where an order belongs."""
        order = self.orders[slot]
        side = int(order["side"])
        if not self.waits(slot):
            return side
        if order["order_type"] in PROFITS:
            return BUY_PROFITS if side == Side.BUY else SELL_PROFITS
        return BUY_STOPS if side == Side.BUY else SELL_STOPS


def check_everything(engine: Engine) -> None:
    """All of it, funds too. Precondition: no steps are due."""
    tables = Tables(engine)
    standing = check_queues(tables)
    check_orders(tables, standing)
    check_chains(tables)
    check_maps(tables)
    check_heap(tables)
    check_pairs(tables)
    check_accounts(tables)
    check_frozen(engine)
    check_money(engine)


def check_pool(name: str, used: list[int], free: list[int], after: int, count: int) -> None:
    """Used and free slots are all that were ever taken, each once, and as many are used as is said."""
    assert len(used) == count, f"{name}: {len(used)} in use, {count} counted"
    seen = Counter(used) + Counter(free)
    twice = [slot for slot, times in seen.items() if times > 1]
    assert not twice, f"{name}: slots {twice[:9]} twice, in use or free"
    missing = set(range(1, after)) ^ set(seen)
    assert not missing, f"{name}: slots {sorted(missing)[:9]} neither in use nor free, or beyond the pool"


def free_list(first: int, links: np.ndarray, limit: int) -> list[int]:
    """Slots of a free list; a circle in it fails."""
    found = []
    while first != 0:
        found.append(first)
        assert len(found) <= limit, "a free list goes round in a circle"
        first = int(links[first])
    return found


def check_queues(tables: Tables) -> dict[int, int]:
    """Trees, levels and their queues; the queue in which each order stands, -1 for that of hit orders."""
    nodes: list[int] = []
    levels: list[int] = []
    standing: dict[int, int] = {}
    waiting_levels = 0
    for symbol, instrument in enumerate(tables.instruments):
        for queue, name in enumerate(QUEUES):
            found = list(_levels_of(tables, queue, int(instrument[f"{name}_root"]), nodes))
            where = f"symbol {symbol}, {name}"
            assert len(found) == instrument[f"{name}_levels"], f"{where}: {len(found)} levels"
            assert instrument[f"{name}_best"] == (found[0] if found else 0), f"{where}: another level is the best one"
            last_leaf = int(instrument[f"{name}_last_leaf"])
            assert last_leaf == 0 or (last_leaf in nodes and tables.nodes[last_leaf]["height"] == 0), where
            for level in found:
                _check_level(tables, symbol, queue, level, standing)
            levels += found
            waiting_levels += len(found) if queue > Side.SELL else 0
        _check_hits(tables, symbol, standing)
        _check_watch(tables, symbol)
    head = tables.head
    check_pool("levels", levels, free_list(head["level_free"], tables.levels["leaf"], head["level_next"]),
               head["level_next"], head["level_count"])  # fmt: skip
    check_pool("nodes", nodes, free_list(head["node_free"], tables.nodes["parent"], head["node_next"]),
               head["node_next"], head["node_count"])  # fmt: skip
    waiting = sum(tables.waits(slot) for slot in tables.used)
    assert head["reserved_levels"] == waiting - waiting_levels, f"{head['reserved_levels']} levels reserved"
    return standing


def _levels_of(tables: Tables, queue: int, root: int, nodes: list[int]) -> Iterator[int]:
    """Levels below a page, lowest key first; all pages are added to `nodes`."""
    stack = [(root, 0, None)] if root else []
    while stack:
        slot, parent, expected = stack.pop()
        node: Any = tables.nodes[slot]
        height, bits, prefix = int(node["height"]), int(node["bits"]) & (2**64 - 1), int(node["prefix"])
        assert bits != 0, f"page {slot} has no children"
        assert node["parent"] == parent, f"page {slot} has another parent"
        assert expected is None or (prefix, height) == expected, f"page {slot} stands in the wrong place"
        nodes.append(slot)
        children = [(index, int(node["children"][index])) for index in range(64) if bits >> index & 1]
        if height > 0:
            below = [(child, slot, (prefix << 6 | index, height - 1)) for index, child in children]
            stack += reversed(below)  # type: ignore[arg-type]
            continue
        for index, child in children:
            price = int(tables.levels[child]["price_ticks"])
            key = KEY_TOP - price if queue % 2 == 0 else price
            assert key == prefix << 6 | index, f"level {child} of price {price} stands in the wrong cell"
            assert tables.levels[child]["leaf"] == slot, f"level {child} names another page"
            yield child


def _check_level(tables: Tables, symbol: int, queue: int, level: int, standing: dict[int, int]) -> None:
    record = tables.levels[level]
    slots = chain(tables, int(record["head"]), int(record["tail"]), tables.orders["prev"], tables.orders["next"])
    where = f"level {level} (symbol {symbol}, {QUEUES[queue]}, price {record['price_ticks']})"
    assert slots and len(slots) == record["count"], f"{where}: {len(slots)} orders, {record['count']} counted"
    total = 0
    for slot in slots:
        order, terms = tables.orders[slot], tables.terms[slot]
        assert slot not in standing, f"{where}: order slot {slot} stands elsewhere too"
        standing[slot] = queue
        assert (order["level"], order["symbol"], tables.queue_of(slot)) == (level, symbol, queue), f"{where}: {order}"
        price = terms["stop_price_ticks"] if tables.waits(slot) else order["price_ticks"]
        assert price == record["price_ticks"] and not order["stp_flags"] & HIT, f"{where}: {order} {terms}"
        if order["stp_flags"] & ICEBERG and not tables.waits(slot):
            shown = int(terms["slice_lots"])
            assert 0 < shown <= min(order["leaves_lots"], terms["display_lots"]), f"{where}: {order} {terms}"
            total += shown
        else:
            total += int(order["leaves_lots"])
    assert total == record["total_lots"], f"{where}: {total} lots, {record['total_lots']} counted"


def _check_hits(tables: Tables, symbol: int, standing: dict[int, int]) -> None:
    instrument = tables.instruments[symbol]
    head, tail = int(instrument["hits_head"]), int(instrument["hits_tail"])
    hits = chain(tables, head, tail, tables.orders["prev"], tables.orders["next"])
    assert not hits or instrument["symbol_state"] != SymbolState.OPEN, f"symbol {symbol}: hit orders do not enter"
    for slot in hits:
        order = tables.orders[slot]
        assert order["stp_flags"] & HIT and order["level"] == 0 and order["symbol"] == symbol, f"hit order {order}"
        assert slot not in standing, f"hit order slot {slot} stands elsewhere too"
        standing[slot] = -1


def _check_watch(tables: Tables, symbol: int) -> None:
    """Whatever a print would do here, the engine looks at it."""
    instrument = tables.instruments[symbol]

    def best(queue: int, none: int) -> int:
        level = int(instrument[f"{QUEUES[queue]}_best"])
        return int(tables.levels[level]["price_ticks"]) if level else none

    above = min(best(BUY_STOPS, LARGEST), best(SELL_PROFITS, LARGEST))
    below = max(best(SELL_STOPS, 0), best(BUY_PROFITS, 0))
    seen = int(instrument["print_above"]), int(instrument["print_below"])
    assert seen[0] == 0 or (seen[0] <= above and seen[1] >= below), (
        f"symbol {symbol}: only prints round {seen} are seen"
    )
    assert seen[0] == 0 or not instrument["trail_head"], f"symbol {symbol}: trailing stops do not see all prints"


def chain(tables: Tables, head: int, tail: int, before: np.ndarray, after: np.ndarray) -> list[int]:
    """Slots of a doubly linked list; links that do not agree, and a circle, fail."""
    found: list[int] = []
    slot, last = head, 0
    while slot != 0:
        assert before[slot] == last, f"slot {slot} comes after {before[slot]}, not after {last}"
        found.append(slot)
        assert len(found) <= len(before), "a list goes round in a circle"
        slot, last = int(after[slot]), slot
    assert tail == last, f"a list ends at {last}, its tail is {tail}"
    return found


def check_orders(tables: Tables, standing: dict[int, int]) -> None:
    """Every open order stands in one queue, and the pool has no others."""
    head = tables.head
    free = free_list(head["order_free"], tables.orders["next"], head["order_next"])
    check_pool("orders", tables.used, free, head["order_next"], head["order_count"])
    assert head["active"] == 0 and head["due_head"] == 0, "something is not finished"
    lost = set(tables.used) ^ set(standing)
    assert not lost, f"orders that are open and in no queue, or the other way round: slots {sorted(lost)[:9]}"
    for symbol, instrument in enumerate(tables.instruments):
        here = sum(int(tables.orders[slot]["symbol"]) == symbol for slot in tables.used)
        assert instrument["open_orders"] == here, f"symbol {symbol}: {here} orders, {instrument['open_orders']} counted"
        assert not instrument["is_due"], f"symbol {symbol} is due"
        if instrument["symbol_state"] in (SymbolState.OPEN, SymbolState.POST_ONLY):
            bid, ask = (int(instrument[f"{side}_best"]) for side in ("buy", "sell"))
            assert not bid or not ask or tables.levels[bid]["price_ticks"] < tables.levels[ask]["price_ticks"], (
                f"symbol {symbol}: the book is crossed"
            )


def check_chains(tables: Tables) -> None:
    """Each account's chain has its orders, each symbol's its trailing stops."""
    by_account: dict[int, set[int]] = {}
    trailing: dict[int, set[int]] = {}
    for slot in tables.used:
        order = tables.orders[slot]
        by_account.setdefault(int(order["account"]), set()).add(slot)
        if order["order_type"] == OrderType.TRAILING_STOP:
            trailing.setdefault(int(order["symbol"]), set()).add(slot)
    for at in np.flatnonzero(tables.accounts["key"]).tolist():
        account, expected = tables.accounts[at], by_account.pop(at, set())
        links = tables.orders["account_prev"], tables.orders["account_next"]
        found = chain(tables, int(account["orders_head"]), int(account["orders_tail"]), *links)
        assert set(found) == expected and len(found) == account["open_orders"], f"account {account['key'] - 1}: {found}"
    assert not by_account, f"orders of accounts that do not exist: {by_account}"
    for symbol, instrument in enumerate(tables.instruments):
        links = tables.terms["trail_prev"], tables.terms["trail_next"]
        found = chain(tables, int(instrument["trail_head"]), int(instrument["trail_tail"]), *links)
        assert set(found) == trailing.get(symbol, set()), f"symbol {symbol}: trailing {found}"
        assert len(found) == instrument["trail_count"], f"symbol {symbol}: {instrument['trail_count']} trailing"
        assert not instrument["print_high"] and not instrument["print_low"], f"symbol {symbol}: prints not followed"


def swapped(word: int) -> int:
    """The 8 bytes of a word the other way round."""
    return int.from_bytes((word & (2**64 - 1)).to_bytes(8, "little"), "big")


def check_maps(tables: Tables) -> None:
    """Both id maps find every open order and hold nothing else; accounts and balances are found where they lie."""
    key_mix, owner_mix = tables.head["key_mix"], tables.head["owner_mix"]
    id_bits = len(tables.ids).bit_length() - 1

    def turned(word: int, low_bits: int, low: int) -> int:
        """The highest bits of a word right above the low ones: what the table's mask takes."""
        word, turn = word & (2**64 - 1), id_bits - low_bits
        return ((word << turn | word >> 64 - turn) << low_bits | low) & 0xFFFFFFFF

    def id_hash(slot: int) -> int:
        order_id = int(tables.orders[slot]["order_id"])
        return turned((order_id >> 6) * key_mix, 6, order_id & 63)

    def client_hash(slot: int) -> int:
        order = tables.orders[slot]
        client_id, account = int(order["client_id"]), int(order["account"])
        owner = account * owner_mix & 2**64 - 1
        owner = (owner ^ owner >> 32) * key_mix
        return turned((client_id >> 4) * key_mix + owner, 4, (client_id + account) & 15)

    for name, cells, hash_of in (("ids", tables.ids, id_hash), ("clients", tables.clients, client_hash)):
        held = {int(at): int(cells[at]) for at in np.flatnonzero(cells)}
        slots = [cell & 0xFFFFFFFF for cell in held.values()]
        assert sorted(slots) == tables.used, f"{name}: holds slots {sorted(slots)}, open are {tables.used}"
        homes = {}
        for at, cell in held.items():
            hashed = hash_of(cell & 0xFFFFFFFF)
            assert cell >> 32 & 0xFFFFFFFF == hashed, f"{name}: cell {at} has another order's hash"
            homes[at] = hashed & (len(cells) - 1)
        check_reachable(name, homes, len(cells))
    keys = tables.accounts["key"]
    homes = {
        int(at): swapped((int(keys[at]) - 1) * key_mix) & (len(keys) - 1) for at in np.flatnonzero(keys)
    }  # fmt: skip
    check_reachable("accounts", homes, len(keys))
    assert len(homes) == tables.head["account_count"], "accounts are counted wrongly"
    keys = tables.balances["key"]
    homes = {}
    for at in np.flatnonzero(keys):
        account, asset = (int(keys[at]) - 1) >> 32, (int(keys[at]) - 1) & 0xFFFFFFFF
        assert tables.accounts[account]["key"] != 0 and asset < tables.head["asset_count"], f"balance {keys[at]}"
        group = account * owner_mix + (asset >> 2) * key_mix
        homes[int(at)] = (swapped(group) << 2 | asset & 3) & (len(keys) - 1)
    check_reachable("balances", homes, len(keys))
    assert len(homes) == tables.head["balance_count"] == len(set(keys[keys != 0].tolist())), "balances counted wrongly"
    found = tables.busted[tables.busted != 0].tolist()
    assert len(set(found)) == len(found) == tables.head["busted_count"], "busts are counted wrongly"


def check_reachable(name: str, homes: dict[int, int], cells: int) -> None:
    """A look-up that begins at a key's home comes to it before it comes to a free cell, and one is free."""
    assert len(homes) < cells, f"{name}: no cell is free, a look-up of what is not there never ends"
    for at, home in homes.items():
        while home != at:
            assert home in homes, f"{name}: cell {home} is free before cell {at} is reached"
            home = (home + 1) % cells


def check_heap(tables: Tables) -> None:
    """Expiring orders, each knowing its place, none before its parent."""
    heap = tables.expiring
    expected = [slot for slot in tables.used if tables.orders[slot]["stp_flags"] & EXPIRES]
    assert sorted(heap) == expected, f"the heap has slots {sorted(heap)}, expiring are {expected}"
    ends = [(int(tables.terms[slot]["expire_ts_ns"]), int(tables.terms[slot]["age"])) for slot in heap]
    for place, slot in enumerate(heap):
        assert tables.terms[slot]["heap_at"] == place, f"slot {slot} does not stand at {tables.terms[slot]['heap_at']}"
        assert place == 0 or ends[(place - 1) // 2] < ends[place], f"slot {slot} ends before the one above it"
        assert ends[place][0] > tables.head["ts_ns"], f"slot {slot} has expired"


def check_pairs(tables: Tables) -> None:
    """Pairs are pairs of open orders of one account, symbol and side, both ways."""
    for slot in tables.used:
        order = tables.orders[slot]
        if not order["stp_flags"] & PAIRED:
            continue
        other = int(tables.terms[slot]["pair"])
        assert other in tables.used and other != slot, f"slot {slot} is paired with {other}, which is not open"
        alike = [tables.orders[other][name] == order[name] for name in ("account", "symbol", "side")]
        assert all(alike) and tables.orders[other]["stp_flags"] & PAIRED, f"slots {slot} and {other} are no pair"
        assert tables.terms[other]["pair"] == slot, f"slots {slot} and {other} are paired one way"


def check_accounts(tables: Tables) -> None:
    """Only who is suspended owes; nothing frozen is below zero; debts are counted."""
    owing: Counter[int] = Counter()
    for balance in tables.balances[tables.balances["key"] != 0]:
        assert balance["frozen"] >= 0, f"frozen below zero: {balance}"
        if balance["available"] < 0:
            owing[(int(balance["key"]) - 1) >> 32] += 1
    for at in np.flatnonzero(tables.accounts["key"]).tolist():
        account = tables.accounts[at]
        debts = owing[at]
        assert account["debts"] == debts, f"account {account['key'] - 1}: {debts} debts, {account['debts']} counted"
        assert not owing[at] or account["suspended"], f"account {account['key'] - 1} owes and is not suspended"
        assert not account["suspended"] or not account["orders_head"], f"{account['key'] - 1} is suspended, with orders"
