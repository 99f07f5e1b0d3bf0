"""The fold's tables as bytes and back: what a checkpoint of the market data keeps.

    HEAD (every number of the record over the tables that lasts beyond a command), then of each array its used part:
    orders, levels, links, minutes, symbols, candles, prevs

Slots stay what they were, so links and free lists stay right; only the cells (orders by hash) are made anew.
Whatever lives for one command (active, touched, dirty, path) is empty between two and is not kept.
"""

import hashlib

import numpy as np

from consumers.marketdata.tables import CANDLES, HEIGHT, POOLS, TOPICS, Tables, fill_cells

HEAD = np.dtype(
    [
        (name, "<i8")
        for name in (
            "epoch", "mseq", "second", "command", "symbols_used", "orders_next", "orders_free", "orders_used",
            "levels_next", "levels_free", "levels_used", "minutes_next", "minutes_free", "minutes_used", "height_mix",
        )
    ]
)  # fmt: skip
# Which number of HEAD says how much of an array is used, and how many items of the array that is each.
USED = {
    "orders": ("orders_next", 1),
    "levels": ("levels_next", 1),
    "links": ("levels_next", 1),
    "minutes": ("minutes_next", 1),
    "symbols": ("symbols_used", 1),
    "candles": ("symbols_used", CANDLES),
    "prevs": ("symbols_used", 1),
}
_SHAPES = f"{HEAD.descr} {[(name, dtype.descr) for name, dtype in POOLS.items()]} {HEIGHT} {TOPICS} {CANDLES} {USED}"
LAYOUT = int.from_bytes(hashlib.sha256(_SHAPES.encode()).digest()[:8], "little") & (2**63 - 1)


def pack(tables: Tables) -> list[memoryview]:
    """The parts, in order; views of the tables but for the head. Precondition: between two commands."""
    assert not any(tables[f"{name}_used"] for name in ("active", "touched", "dirty")), "within a command"
    head = np.zeros(1, HEAD)
    for name in HEAD.names or ():
        head[name] = tables.record[name]
    parts = [head]
    for name, (used, each) in USED.items():
        parts.append(tables.array(name)[: tables[used] * each])
    return [memoryview(part.reshape(-1).view(np.uint8)) for part in parts]


def unpack(packed: bytes) -> Tables:
    """Tables that go on as the packed ones would have."""
    head = np.frombuffer(packed, HEAD, 1)
    tables = Tables(0)
    for pool in ("orders", "levels", "minutes", "symbols"):
        tables.grow(pool, int(head[USED[pool][0]][0]))
    at = HEAD.itemsize
    for name, (used, each) in USED.items():
        part = tables.array(name)[: int(head[used][0]) * each]
        part[...] = np.frombuffer(packed, part.dtype, part.size, at).reshape(part.shape)
        at += part.nbytes
    assert at == len(packed), f"{len(packed)} bytes, {at} of them used"
    for name in HEAD.names or ():
        tables.record[name] = head[name]
    fill_cells(tables.address)
    return tables
