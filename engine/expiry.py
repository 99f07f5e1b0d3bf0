"""Orders that end at a time: a heap by (expire_ts_ns, age), each order knowing its place in it. Those of a symbol that
is delisted are put in front of all.

Only `engine.apply` calls what changes it. Places count from 0; a cell holds the order's slot.
"""

from engine.memory import load_i64, store_i64
from engine.state import EXPIRES, order_at, terms_at
from ringbuf.jit import inline, outline

AT_ONCE_NS = 0  # before every time that an order may name


@inline
def age_of(state, slot):
    """Sequence at which an open order counts as accepted: its id, or a later amend that sent it to the back.

    Only then, and for orders with rarer terms, is the age stored: what another order left in the slot is older than
    the id of this one.
    """
    order_id = order_at(state, slot).order_id
    age = terms_at(state, slot).age
    return age if age > order_id else order_id


@inline
def _slot_in(state, place):
    return load_i64(state.expiring + place * 8)


@inline
def _put(state, place, slot):
    store_i64(state.expiring + place * 8, slot)
    terms_at(state, slot).heap_at = place


@inline
def _is_before(state, slot, other):
    terms = terms_at(state, slot)
    others = terms_at(state, other)
    if terms.expire_ts_ns != others.expire_ts_ns:
        return terms.expire_ts_ns < others.expire_ts_ns
    return terms.age < others.age


@outline
def _settle(state, place, slot):
    """Put a slot where it belongs, beginning at a free place: up while it is before its parent, else down."""
    while place > 0:
        parent = (place - 1) >> 1
        above = _slot_in(state, parent)
        if not _is_before(state, slot, above):
            break
        _put(state, place, above)
        place = parent
    while 2 * place + 1 < state.expiring_count:
        child = 2 * place + 1
        below = _slot_in(state, child)
        if child + 1 < state.expiring_count and _is_before(state, _slot_in(state, child + 1), below):
            child += 1
            below = _slot_in(state, child)
        if not _is_before(state, below, slot):
            break
        _put(state, place, below)
        place = child
    _put(state, place, slot)


@outline
def enter_expiry(state, slot):
    """Remember when an order ends; its terms (expire_ts_ns, age) are set."""
    state.expiring_count += 1
    _settle(state, state.expiring_count - 1, slot)


@outline
def leave_expiry(state, slot):
    """Forget an order's end."""
    place = terms_at(state, slot).heap_at * 1
    state.expiring_count -= 1
    if place != state.expiring_count:
        _settle(state, place, _slot_in(state, state.expiring_count))


@outline
def renew_age(state, slot, seq):
    """The order counts as accepted now, also among those that end at its time."""
    expires = order_at(state, slot).stp_flags & EXPIRES != 0
    if expires:
        leave_expiry(state, slot)
    terms_at(state, slot).age = seq
    if expires:
        enter_expiry(state, slot)


@outline
def end_at_once(state, slot):
    """The order ends before all that end at a time; of several such, the oldest first."""
    order = order_at(state, slot)
    if order.stp_flags & EXPIRES != 0:
        leave_expiry(state, slot)
    order.stp_flags = order.stp_flags | EXPIRES
    terms = terms_at(state, slot)
    terms.age = age_of(state, slot)
    terms.expire_ts_ns = AT_ONCE_NS
    enter_expiry(state, slot)


@inline
def first_to_expire(state):
    """Slot of the order that ends next, 0 if none does."""
    if state.expiring_count == 0:
        return 0
    return _slot_in(state, 0)


@inline
def is_expiry_due(state, now_ns):
    """Has an order's end come?"""
    return state.expiring_count != 0 and terms_at(state, _slot_in(state, 0)).expire_ts_ns <= now_ns
