"""Open-addressing tables from a 63-bit key to an order slot: order id → slot, (account, client id) → slot.

A cell is 8 bytes: slot in the low 32 bits (0 = empty), 32 hash bits above it. Sixty-four consecutive ids lie side by
side (they are used one after another, and the next cache line is fetched ahead); the groups are scattered by a
multiplicative hash, so nobody can make long runs by leaving consecutive ids open, and its multipliers are the state's
own (`engine.mixing`), so nobody can choose ids that meet. Deletion shifts back; there are no tombstones. The caller
compares the real key in the order record: equal hash bits only say "probably".
"""

from engine.memory import load_i64, low_u32, shift_right, store_i64
from engine.state import order_at
from ringbuf.atomics import prefetch_write
from ringbuf.jit import inline


@inline
def _cells(state, product, low_bits, low):
    """Hash bits of a group of 2**low_bits cells, and which of these: the product's best bits, which are its highest,
    come where the table's mask takes them, right above the low ones."""
    turn = state.id_bits - low_bits
    return low_u32((((product << turn) | shift_right(product, 64 - turn)) << low_bits) | low)


@inline
def key_hash(state, key):
    """32 hash bits of a key: six low bits kept, above them the rest scattered."""
    return _cells(state, (key >> 6) * state.key_mix, 6, key & 63)


@inline
def client_hash(state, account, client_id):
    """Hash bits of a client id of an account slot: sixteen of an account side by side, two cache lines.

    Most accounts use the same few ids, from 1 up: at which of the sixteen these begin is the account's own, or they
    would all stand in the same. Slots of accounts are evenly spread themselves: mixed once more, or their lines meet.
    """
    owner = account * state.owner_mix
    owner = (owner ^ shift_right(owner, 32)) * state.key_mix
    return _cells(state, (client_id >> 4) * state.key_mix + owner, 4, (client_id + account) & 15)


@inline
def map_insert(table, mask, hash_bits, slot):
    """Put a slot in; the table is never more than half full (the order pool is smaller)."""
    position = hash_bits & mask
    while load_i64(table + position * 8) != 0:
        position = (position + 1) & mask
    store_i64(table + position * 8, (hash_bits << 32) | slot)


@inline
def map_expect(table, mask, hash_bits):
    """Ask for the cache line in which a key will soon be put."""
    prefetch_write(table + (hash_bits & mask) * 8)


@inline
def map_remove(table, mask, hash_bits, slot):
    """Take a slot out and close the gap. Precondition: it is there."""
    wanted = (hash_bits << 32) | slot
    hole = hash_bits & mask
    while load_i64(table + hole * 8) != wanted:
        hole = (hole + 1) & mask
    probe = hole
    while True:
        probe = (probe + 1) & mask
        cell = load_i64(table + probe * 8)
        if cell == 0:
            break
        home = shift_right(cell, 32) & mask
        if ((probe - home) & mask) >= ((probe - hole) & mask):
            store_i64(table + hole * 8, cell)
            hole = probe
    store_i64(table + hole * 8, 0)


@inline
def find_order(state, order_id):
    """Slot of an open order by its id, 0 if there is none."""
    hash_bits = key_hash(state, order_id)
    position = hash_bits & state.id_mask
    while True:
        cell = load_i64(state.ids + position * 8)
        if cell == 0:
            return 0
        if shift_right(cell, 32) == hash_bits and order_at(state, low_u32(cell)).order_id == order_id:
            return low_u32(cell)
        position = (position + 1) & state.id_mask


@inline
def find_client(state, account, client_id):
    """Slot of an open order by account slot and the client id that placed it, 0 if there is none."""
    hash_bits = client_hash(state, account, client_id)
    position = hash_bits & state.client_mask
    while True:
        cell = load_i64(state.clients + position * 8)
        if cell == 0:
            return 0
        if shift_right(cell, 32) == hash_bits:
            order = order_at(state, low_u32(cell))
            if order.client_id == client_id and order.account == account:
                return low_u32(cell)
        position = (position + 1) & state.client_mask
