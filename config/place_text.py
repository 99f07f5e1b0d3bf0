"""The text of `place` and of its kin, `replace` and the members of a `group`: which terms may stand together.

What only the engine can know is not asked here: whether a price is in the band, funds suffice, an order is there.
"""

from typing import Any

from config.catalog import Catalog, Instrument
from config.command_text import (
    Draft,
    Malformed,
    read_flag,
    read_identity,
    read_steps,
    read_symbol,
    read_target,
    read_whole,
    read_whole_steps,
    read_word,
)
from config.decimals import MAX_UNITS, split_decimal
from ringbuf.codes import (
    CMD_PAIRED,
    CMD_POST_ONLY,
    FIRST_WAITING,
    HAS_BUDGET,
    HAS_DISPLAY,
    HAS_EXPIRE,
    HAS_MIN,
    HAS_PRICE,
    HAS_QTY,
    HAS_STOP_PRICE,
    HAS_TRAIL,
    PRICED,
    Op,
    OrderType,
    Side,
    Stp,
    Tif,
)

SIDES = {side.name.lower(): int(side) for side in Side}
_TYPES = {t.name.lower(): int(t) for t in OrderType}
_TIFS = {t.name.lower(): int(t) for t in Tif}
_STPS = {s.name.lower(): int(s) for s in Stp}

_LIMIT, _MARKET, _TRAILING = int(OrderType.LIMIT), int(OrderType.MARKET), int(OrderType.TRAILING_STOP)
_WAITING = frozenset(kind for kind in _TYPES.values() if kind >= FIRST_WAITING)
_GTC, _IOC, _FOK, _GTD = (int(t) for t in Tif)
_TIFS_OF = {
    kind: (_GTC, _IOC, _GTD) if kind in PRICED else (_GTC, _GTD) for kind in _WAITING
} | {_LIMIT: (_GTC, _IOC, _FOK, _GTD), _MARKET: (_GTC, _IOC, _FOK)}  # fmt: skip


def read_place(draft: Draft, fields: dict[str, Any], catalog: Catalog) -> None:
    """Every term of a new order. Raises Malformed."""
    read_identity(draft, fields)
    draft.side = read_word(fields, "side", SIDES)
    draft.type = read_word(fields, "type", _TYPES)
    draft.tif = read_word(fields, "tif", _TIFS, _GTC)
    draft.stp = read_word(fields, "stp", _STPS, int(Stp.CANCEL_TAKER))
    draft.flags = CMD_POST_ONLY if read_flag(fields, "post_only") else 0
    instrument = read_symbol(draft, fields, catalog, required=True)
    draft.price = read_steps(draft, fields, "price", instrument, HAS_PRICE)
    draft.stop = read_steps(draft, fields, "stop_price", instrument, HAS_STOP_PRICE)
    draft.qty = read_steps(draft, fields, "qty", instrument, HAS_QTY)
    draft.display = read_whole_steps(draft, fields, "display_qty", instrument, HAS_DISPLAY)
    draft.min_qty = read_whole_steps(draft, fields, "min_qty", instrument, HAS_MIN)
    trail = read_whole_steps(draft, fields, "trail", instrument, HAS_TRAIL)
    if fields.get("expire_ts_ns") is not None:
        draft.expire = read_whole(fields, "expire_ts_ns", 0, MAX_UNITS)
        draft.mask |= HAS_EXPIRE
    if fields.get("quote_budget") is not None:
        draft.budget = _budget(fields, instrument)
        draft.mask |= HAS_BUDGET
    _check_pricing(draft)
    _check_quantity(draft, measured=instrument is not None)
    if draft.mask & HAS_TRAIL:
        draft.price = trail
    if fields.get("oco_client_id") is not None:
        _read_pair(draft, fields)


def read_replace(draft: Draft, fields: dict[str, Any], catalog: Catalog) -> None:
    """A place and the order that it stands instead of. Raises Malformed."""
    if fields.get("oco_client_id") is not None:
        raise Malformed("oco_client_id: expected on place only")
    read_target(draft, fields)
    read_place(draft, fields, catalog)


def read_member(fields: dict[str, Any], account: int, ts_ns: int, catalog: Catalog) -> Draft:
    """One place of a group, of the group's account and time. Raises Malformed."""
    if fields.get("op") != "place":
        raise Malformed("op: expected place")
    if fields.get("ts_ns") is not None:
        raise Malformed("ts_ns: expected on the group only")
    if fields.get("account") is not None and read_whole(fields, "account", 0, MAX_UNITS) != account:
        raise Malformed("account: expected that of the group")
    draft = Draft(int(Op.PLACE))
    draft.ts_ns = ts_ns
    read_place(draft, fields | {"account": account}, catalog)
    if draft.type != _LIMIT or draft.tif not in (_GTC, _GTD):
        raise Malformed("type: expected limit with gtc or gtd")
    return draft


def _read_pair(draft: Draft, fields: dict[str, Any]) -> None:
    if draft.type not in _WAITING:
        raise Malformed("oco_client_id: expected on orders that wait for a stop_price only")
    draft.orig_client_id = read_whole(fields, "oco_client_id", 0, MAX_UNITS)
    draft.flags |= CMD_PAIRED


def _budget(fields: dict[str, Any], instrument: Instrument | None) -> int:
    """The budget in quote minor units, above zero; 0 where an unknown symbol leaves it without unit."""
    try:
        if instrument is None:
            split_decimal(fields["quote_budget"])
            return 0
        units, exact = instrument.quote_asset.scale.parse(fields["quote_budget"])
    except ValueError as error:
        raise Malformed(f"quote_budget: expected a decimal string ({error})") from error
    if not exact:
        raise Malformed("quote_budget: expected whole minor units of the quote asset")
    if units <= 0:
        raise Malformed("quote_budget: expected a value above zero")
    return units


def _check_pricing(draft: Draft) -> None:
    """Type, tif, post_only and the prices that they ask for."""
    mask, kind, tif = draft.mask, draft.type, draft.tif
    if bool(mask & HAS_PRICE) != (kind in PRICED):
        raise Malformed("price: expected on limit, stop_limit and take_profit_limit, and only there")
    if bool(mask & HAS_STOP_PRICE) != (kind in _WAITING):
        raise Malformed("stop_price: expected on orders that wait for it, and only there")
    if bool(mask & HAS_TRAIL) != (kind == _TRAILING):
        raise Malformed("trail: expected on trailing_stop, and only there")
    if tif not in _TIFS_OF[kind]:
        raise Malformed("tif: not possible with this type")
    if draft.flags & CMD_POST_ONLY and (kind != _LIMIT or tif not in (_GTC, _GTD)):
        raise Malformed("post_only: expected with limit and gtc or gtd only")
    if tif == _GTD and not mask & HAS_EXPIRE:
        raise Malformed("expire_ts_ns: missing, gtd needs it")
    if tif != _GTD and mask & HAS_EXPIRE:
        raise Malformed("expire_ts_ns: expected with gtd only")


def _check_quantity(draft: Draft, measured: bool) -> None:
    """qty or budget, and the parts of a qty; `measured`: they are in lots."""
    mask, kind, tif = draft.mask, draft.type, draft.tif
    if mask & HAS_BUDGET:
        if mask & HAS_QTY:
            raise Malformed("quote_budget: expected instead of qty, not with it")
        if kind != _MARKET or draft.side != Side.BUY or tif == _FOK or draft.stp == Stp.DECREMENT:
            raise Malformed("quote_budget: expected on market buys without fok and decrement only")
    elif not mask & HAS_QTY:
        raise Malformed("qty: missing")
    if mask & HAS_DISPLAY:
        if kind not in PRICED or tif not in (_GTC, _GTD):
            raise Malformed("display_qty: expected with a limit price and gtc or gtd only")
        if measured and draft.display > draft.qty:
            raise Malformed("display_qty: expected at most qty")
    if mask & HAS_MIN:
        if kind in _WAITING or tif == _FOK or draft.flags & CMD_POST_ONLY or mask & HAS_BUDGET:
            raise Malformed("min_qty: expected without fok, post_only, quote_budget and stop_price only")
        if measured and draft.min_qty > draft.qty:
            raise Malformed("min_qty: expected at most qty")
