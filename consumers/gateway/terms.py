"""The terms of a new order: Binance's parameters to a `place` command, checked as exchangeInfo's filters say.

The engine checks all of it again; what is refused here is refused in Binance's words, and without using a number.
"""

from dataclasses import dataclass, field
from typing import Any

from config.catalog import Instrument
from config.decimals import Scale
from consumers.gateway.book import BID
from consumers.gateway.errors import (
    BAD_PRECISION,
    INVALID_ORDER_TYPE,
    INVALID_SIDE,
    INVALID_TIF,
    NEW_ORDER_REJECTED,
    OPTIONAL_PARAMS_BAD_COMBO,
    PARAM_NOT_REQUIRED,
    ApiError,
    filter_failure,
)
from consumers.gateway.market import Market
from consumers.gateway.params import Params, missing
from consumers.gateway.symbols import DEFAULT_STP, ICEBERG_PARTS, ORDER_TYPES, STP_WORDS, TRAILING_BIPS, max_lots

SIDES = {"BUY": "buy", "SELL": "sell"}
TIFS = ("GTC", "IOC", "FOK")
RESPONSES = ("ACK", "RESULT", "FULL")
_BIPS = 10_000
_OTHER_TERMS = ("timeInForce", "quantity", "quoteOrderQty", "price", "stopPrice", "trailingDelta", "icebergQty")
# By type: the engine's type, what it needs, what it may have. STOP_LOSS and the like need one of two more: see below.
_KINDS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "LIMIT": ("limit", ("timeInForce", "quantity", "price"), ("icebergQty",)),
    "LIMIT_MAKER": ("limit", ("quantity", "price"), ("icebergQty",)),
    "MARKET": ("market", (), ("quantity", "quoteOrderQty")),
    "STOP_LOSS": ("stop", ("quantity",), ("stopPrice", "trailingDelta")),
    "STOP_LOSS_LIMIT": ("stop_limit", ("timeInForce", "quantity", "price", "stopPrice"), ("icebergQty",)),
    "TAKE_PROFIT": ("take_profit", ("quantity", "stopPrice"), ()),
    "TAKE_PROFIT_LIMIT": ("take_profit_limit", ("timeInForce", "quantity", "price", "stopPrice"), ("icebergQty",)),
}
_RISES = {"stop": True, "stop_limit": True, "take_profit": False, "take_profit_limit": False}  # a buy's trigger


@dataclass
class Terms:
    """One new order. `command`: the fields of its `place`, but account and client id."""

    instrument: Instrument
    kind: str  # Binance's type
    side: str  # BUY or SELL
    command: dict[str, Any]
    name: str | None
    response: str
    quote_order_qty: str | None = None  # as it was asked
    extra: dict[str, Any] = field(default_factory=dict)  # strategyId and the like: given back as they came


@dataclass(frozen=True)
class _Given:
    """The texts of one order; of a list, with their own prefix."""

    params: Params
    prefix: str = ""

    def name_of(self, name: str) -> str:
        return self.prefix + name[0].upper() + name[1:] if self.prefix else name

    def decimal(self, name: str) -> str | None:
        return self.params.decimal(self.name_of(name))

    def whole(self, name: str) -> int | None:
        return self.params.whole(self.name_of(name))


def read_terms(params: Params, market: Market) -> Terms:
    """The terms of POST /api/v3/order. Raises ApiError."""
    kind = params.word("type", ORDER_TYPES, ApiError(INVALID_ORDER_TYPE, "Invalid orderType."))
    if kind is None:
        raise missing("type")
    side = read_side(params)
    default = "FULL" if kind in ("LIMIT", "MARKET") else "ACK"
    response = params.word("newOrderRespType", RESPONSES) or default
    extra = {name: params.whole(name) for name in ("strategyId", "strategyType") if name in params}
    params.text("recvWindow")
    return leg_terms(
        params, market, kind, side, params.name("newClientOrderId"), response, read_stp(params), extra=extra
    )


def asks_market(params: Params) -> bool:
    """Whether the terms depend on book or last price as they are now."""
    kind = params.text("type")
    return kind not in ("LIMIT", "LIMIT_MAKER", "MARKET") or params.text("quoteOrderQty") is not None


def read_side(params: Params) -> str:
    """BUY or SELL."""
    side = params.word("side", tuple(SIDES), ApiError(INVALID_SIDE, "Invalid side."))
    if side is None:
        raise missing("side")
    return side


def read_stp(params: Params) -> str:
    """The self-trade prevention mode that is asked for."""
    return params.word("selfTradePreventionMode", tuple(STP_WORDS)) or DEFAULT_STP


def leg_terms(
    params: Params,
    market: Market,
    kind: str,
    side: str,
    name: str | None,
    response: str,
    stp: str,
    prefix: str = "",
    quantity: str | None = None,
    extra: dict[str, Any] | None = None,
) -> Terms:
    """One order of parameters that may have a prefix (a list's legs); `quantity` where the list gives it."""
    given = _Given(params, prefix)
    instrument = market.instrument
    engine_type, needed, allowed = _KINDS[kind]
    values: dict[str, Any] = {
        "timeInForce": params.word(given.name_of("timeInForce"), TIFS, ApiError(INVALID_TIF, "Invalid timeInForce.")),
        "quantity": quantity if prefix else params.decimal("quantity"),
        "quoteOrderQty": None if prefix else params.decimal("quoteOrderQty"),
        "price": given.decimal("price"),
        "stopPrice": given.decimal("stopPrice"),
        "trailingDelta": given.whole("trailingDelta"),
        "icebergQty": given.decimal("icebergQty"),
    }
    for term in _OTHER_TERMS:
        if values[term] is None and term in needed:
            raise missing(given.name_of(term))
        if values[term] is not None and term not in needed + allowed:
            raise ApiError(PARAM_NOT_REQUIRED, f"Parameter '{given.name_of(term)}' sent when not required.")
    command: dict[str, Any] = {
        "op": "place",
        "symbol": instrument.symbol,
        "side": SIDES[side],
        "type": engine_type,
        "tif": (values["timeInForce"] or "GTC").lower(),
        "stp": STP_WORDS[stp].name.lower(),
    }
    if kind == "LIMIT_MAKER":
        command["post_only"] = True
    terms = Terms(instrument, kind, side, command, name, response, values["quoteOrderQty"], extra or {})
    _fill(terms, values, market)
    return terms


def _fill(terms: Terms, values: dict[str, Any], market: Market) -> None:
    """Prices and quantities, by the filters."""
    instrument, command = terms.instrument, terms.command
    for name, key in (("price", "price"), ("stopPrice", "stop_price")):
        if values[name] is not None:
            _check_price(instrument, values[name])
            command[key] = values[name]
    if terms.kind == "MARKET":
        _fill_market(terms, values, market)
    else:
        _check_qty(instrument, values["quantity"], "LOT_SIZE")
        command["qty"] = values["quantity"]
    if values["icebergQty"] is not None:
        _fill_iceberg(terms, values["icebergQty"])
    if terms.kind == "STOP_LOSS" and (values["stopPrice"] is None) == (values["trailingDelta"] is None):
        if values["stopPrice"] is None:
            raise missing("stopPrice")
        raise ApiError(OPTIONAL_PARAMS_BAD_COMBO, "Combination of optional parameters invalid.")
    if values["trailingDelta"] is not None:
        _fill_trailing(terms, values["trailingDelta"], market)
    elif "stop_price" in command:
        if command["tif"] == "fok":
            raise ApiError(INVALID_TIF, "Invalid timeInForce.")
        _refuse_reached(terms, market)
    _check_notional(terms)


def _steps(scale: Scale, text: str, what: str) -> int:
    """Whole steps; refused by the filter's name where they are none."""
    try:
        units, exact = scale.parse(text)
    except ValueError:
        raise filter_failure(what) from None
    if not exact:
        raise filter_failure(what)
    return units


def _check_price(instrument: Instrument, text: str) -> None:
    ticks = _steps(instrument.price_scale, text, "PRICE_FILTER")
    if not instrument.price_min_ticks <= ticks <= instrument.price_max_ticks:
        raise filter_failure("PRICE_FILTER")


def _check_qty(instrument: Instrument, text: str, what: str) -> None:
    lots = _steps(instrument.qty_scale, text, what)
    if not max(instrument.qty_min_lots, 1) <= lots <= max_lots(instrument):
        raise filter_failure(what)


def _check_notional(terms: Terms) -> None:
    """Price × quantity of what has a price, or a stop price."""
    instrument, command = terms.instrument, terms.command
    price = command.get("price") or command.get("stop_price")
    if price is None or not instrument.min_notional:
        return
    ticks, lots = instrument.price_scale.exact(price), instrument.qty_scale.exact(command["qty"])
    if ticks * lots * instrument.tick_lot_quote_units < instrument.min_notional:
        raise filter_failure("NOTIONAL")


def _fill_market(terms: Terms, values: dict[str, Any], market: Market) -> None:
    qty, budget = values["quantity"], values["quoteOrderQty"]
    if (qty is None) == (budget is None):
        if qty is None:
            raise missing("quantity")
        raise ApiError(OPTIONAL_PARAMS_BAD_COMBO, "Combination of optional parameters invalid.")
    if qty is not None:
        _check_qty(terms.instrument, qty, "MARKET_LOT_SIZE")
        terms.command["qty"] = qty
        return
    try:
        units, exact = terms.instrument.quote_asset.scale.parse(budget)
    except ValueError:
        raise filter_failure("NOTIONAL") from None
    if not exact:
        raise ApiError(BAD_PRECISION, "Parameter 'quoteOrderQty' has too much precision.")
    if not units:
        raise filter_failure("NOTIONAL")
    if terms.side == "BUY":
        if terms.command["stp"] == "decrement":
            raise ApiError(OPTIONAL_PARAMS_BAD_COMBO, "Combination of optional parameters invalid.")
        terms.command["quote_budget"] = budget
    else:
        lots = lots_worth(market, units)
        if not lots:
            raise filter_failure("MARKET_LOT_SIZE")
        text = terms.instrument.qty_text(lots)
        _check_qty(terms.instrument, text, "MARKET_LOT_SIZE")
        terms.command["qty"] = text


def lots_worth(market: Market, units: int) -> int:
    """Whole lots whose sale into the bids of now brings at most `units` of quote: the engine sells by quantity."""
    lots, unit = 0, market.instrument.tick_lot_quote_units
    for ticks, total in market.book.top(BID, len(market.book)):
        fits = units // (ticks * unit)
        if fits < total:
            return lots + fits
        lots += total
        units -= total * ticks * unit
    return lots


def _fill_iceberg(terms: Terms, shown: str) -> None:
    instrument, command = terms.instrument, terms.command
    _check_qty(instrument, shown, "LOT_SIZE")
    lots, slice_lots = instrument.qty_scale.exact(command["qty"]), instrument.qty_scale.exact(shown)
    if command["tif"] != "gtc":
        raise ApiError(INVALID_TIF, "Invalid timeInForce.")
    if slice_lots > lots or -(-lots // slice_lots) > ICEBERG_PARTS:
        raise filter_failure("ICEBERG_PARTS")
    command["display_qty"] = shown


def _fill_trailing(terms: Terms, bips: int, market: Market) -> None:
    """The engine trails by a distance, not by a share: that of the last price, as it is now."""
    low, high = TRAILING_BIPS
    last = market.last_ticks
    if not low <= bips <= high:
        raise filter_failure("TRAILING_DELTA")
    if not last:
        raise ApiError(NEW_ORDER_REJECTED, "Trailing stop orders need a last price.")
    trail = max(last * bips // _BIPS, 1)
    stop = last - trail if terms.side == "SELL" else last + trail
    text = terms.instrument.price_text
    _check_price(terms.instrument, text(stop))
    terms.command |= {"type": "trailing_stop", "trail": text(trail), "stop_price": text(stop)}


def _refuse_reached(terms: Terms, market: Market) -> None:
    """The engine takes such an order and triggers it at once; Binance refuses it, and so do we where we can see it."""
    last = market.last_ticks
    stop = terms.instrument.price_scale.exact(terms.command["stop_price"])
    rises = _RISES[terms.command["type"]] == (terms.side == "BUY")
    if last and (stop <= last if rises else stop >= last):
        raise ApiError(NEW_ORDER_REJECTED, "Stop price would trigger immediately.")
