"""The second group of reasons to refuse a place or an amend: what its terms and the state of things forbid.

All reasons that apply are found, as any of them may be given; the first one counts here.
"""

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tests.reference.book import LIMIT_LIKE, WAITING, Order
from tests.reference.commands import RESTS, check_fits
from tests.reference.listing import Instrument
from tests.reference.states import forbids
from tests.reference.units import Refused
from tests.reference.waiting import reaches

if TYPE_CHECKING:
    from tests.reference.engine import ReferenceEngine

Command = dict[str, Any]


def placed_terms(engine: "ReferenceEngine", command: Command, more_reasons: list[str]) -> Order:
    """The order that a place or a replace asks for, not accepted yet; refused for ``more_reasons``, too."""
    instrument = engine.instruments[command["symbol"]]
    reasons: list[str] = []
    if command.get("tif") == "gtd" and command["expire_ts_ns"] <= engine.now:
        reasons.append("malformed")
    reasons += more_reasons
    price, qty, stop_price = _units(instrument, command)
    plain = not command.get("post_only", False) and "min_qty" not in command
    takes = _takes(engine, instrument, command, stop_price, plain)
    reasons += _state_reasons(engine, command["account"], instrument, takes)
    reasons += _unit_reasons(instrument, (price, stop_price), qty, qty)
    reasons += _notional_reasons(instrument, stop_price if price is None else price, qty)
    _refuse(reasons)
    display = instrument.lot.count(command["display_qty"]) if "display_qty" in command else None
    trail = instrument.tick.count(command["trail"]) if "trail" in command else None
    return Order(
        order_id=0, account=command["account"], client_id=command["client_id"], instrument=instrument,
        side=command["side"], order_type=command["type"], tif=command.get("tif", "gtc"),
        stp=command.get("stp", "cancel_taker"), post_only=command.get("post_only", False),
        price=_whole(price), leaves=_whole(qty) or 0, stop_price=_whole(stop_price), trail=_whole(trail),
        display=_whole(display), expire=command.get("expire_ts_ns"),
    )  # fmt: skip


def amended_terms(engine: "ReferenceEngine", command: Command, order: Order) -> tuple[int | None, int, int | None]:
    """Price, remaining quantity and stop_price that an amend asks for."""
    instrument = order.instrument
    check_fits(instrument, command)
    reasons: list[str] = []
    if "price" in command and order.order_type not in LIMIT_LIKE:
        reasons.append("malformed")
    if "stop_price" in command and not order.waits:
        reasons.append("malformed")
    price, qty, stop_price = _units(instrument, command)
    terms = {"side": order.side, "type": order.order_type, "tif": order.tif}
    new_stop = order.stop_price if stop_price is None else stop_price
    takes = _takes(engine, instrument, terms, new_stop, not order.post_only) and order not in engine.hits
    reasons += _state_reasons(engine, order.account, instrument, takes)
    resulting = order.leaves if qty is None else qty  # an amend that keeps its quantity is measured by that
    reasons += _unit_reasons(instrument, (price, stop_price), qty, resulting)
    new_price = order.price if price is None else price
    reasons += _notional_reasons(instrument, new_stop if new_price is None else new_price, resulting)
    _refuse(reasons)
    return _whole(new_price), int(resulting), _whole(new_stop)


def _takes(
    engine: "ReferenceEngine", instrument: Instrument, terms: Command, stop_price: Fraction | int | None, plain: bool
) -> bool:  # fmt: skip
    """Whether the states post_only and auction take an order of these terms; ``plain``: no post_only, no min_qty."""
    if terms["type"] in WAITING:
        last = engine.last.get(instrument.symbol)
        return stop_price is None or last is None or not reaches(last, terms["side"], terms["type"], stop_price)
    rests = terms["type"] == "limit" and terms.get("tif", "gtc") in RESTS
    return rests and (plain or instrument.state == "post_only")


def _state_reasons(engine: "ReferenceEngine", number: int, instrument: Instrument, takes: bool) -> list[str]:
    suspended = ["account_suspended"] if engine.accounts[number].suspended else []
    return suspended + forbids(instrument.state, takes)


def _units(instrument: Instrument, command: Command) -> tuple[Fraction | None, Fraction | None, Fraction | None]:
    """Price and stop_price in ticks, quantity in lots, where given: price, qty, stop_price."""
    named = (("price", instrument.tick), ("qty", instrument.lot), ("stop_price", instrument.tick))
    price, qty, stop_price = (unit.count(command[name]) if name in command else None for name, unit in named)
    return price, qty, stop_price


def _unit_reasons(
    instrument: Instrument, prices: tuple[Fraction | None, Fraction | None], qty: Fraction | None,
    resulting: Fraction | int | None,
) -> list[str]:  # fmt: skip
    """Grid and range of what is given, in the order in which they count."""
    given = [price for price in prices if price is not None]
    reasons = []
    if any(price.denominator != 1 for price in given):
        reasons.append("price_off_tick")
    if qty is not None and qty.denominator != 1:
        reasons.append("qty_off_lot")
    if not all(instrument.price_min <= price <= instrument.price_max for price in given):
        reasons.append("price_out_of_band")
    if resulting is not None and not instrument.qty_min <= resulting <= instrument.qty_max:
        reasons.append("qty_out_of_range")
    return reasons


def _notional_reasons(instrument: Instrument, price: Fraction | int | None, qty: Fraction | int | None) -> list[str]:
    """Price × quantity, or stop_price × quantity of what has no price, is too little."""
    if price is None or qty is None or price * qty * instrument.tick_lot_quote_units >= instrument.min_notional:
        return []
    return ["notional_too_small"]


def _whole(units: Fraction | int | None) -> int | None:
    return None if units is None else units.numerator


def _refuse(reasons: list[str]) -> None:
    if reasons:
        raise Refused(reasons[0], as_good=tuple(reasons[1:]))
