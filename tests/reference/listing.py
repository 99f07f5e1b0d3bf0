"""Assets and instruments as the reference knows them, and the reasons to refuse a listing."""

import re
from dataclasses import dataclass, field
from typing import Any

from tests.reference.units import MAX_63, Refused, Unit, minor_unit, read_integer, read_number

_NAME = re.compile(r"[A-Za-z0-9._-]{1,16}", re.ASCII)
MAX_U32 = 2**32 - 1
MILLION = 1_000_000


@dataclass
class Asset:
    """Something that accounts hold."""

    name: str
    decimals: int
    delisted: bool = False
    deposited: int = 0  # minor units, net of withdrawals: the total supply
    fees: int = 0  # the venue's fee account

    @property
    def unit(self) -> Unit:
        """One minor unit."""
        return Unit(minor_unit(self.decimals).size)


@dataclass
class Instrument:
    """A pair that trades."""

    symbol: str
    base: Asset
    quote: Asset
    tick: Unit
    lot: Unit
    lot_base_units: int
    tick_lot_quote_units: int
    price_min: int  # ticks
    price_max: int
    maker_fee_ppm: int
    taker_fee_ppm: int
    qty_min: int = 1  # lots
    qty_max: int = MAX_63
    min_notional: int = 0  # quote minor units
    max_open_orders: int | None = None
    market_collar_ppm: int | None = None
    state: str = "open"
    reference: int | None = None  # ticks: what the band is round, and an auction's price near to
    band_ppm: int = 0  # 0: none
    listed: dict[str, Any] = field(default_factory=dict)  # the fields of its `listed` event

    def in_band(self, price: int, reference: int | None) -> bool:
        """Whether a trade at this price may happen, were this the reference price."""
        if reference is None or self.band_ppm == 0:
            return True
        highest = reference * (MILLION + self.band_ppm) // MILLION
        lowest = -(-reference * (MILLION - self.band_ppm) // MILLION)
        return lowest <= price <= highest

    def price_text(self, price: int | None) -> str | None:
        """A price in the JSON form, None where there is none."""
        return None if price is None else self.tick.text(price)

    def cost(self, price: int, qty: int) -> int:
        """Price in ticks times quantity in lots, in quote minor units."""
        return price * qty * self.tick_lot_quote_units


def read_name(value: object) -> str:
    """A name that a listing may give: 1 to 16 characters of A-Z a-z 0-9 . _ -"""
    if type(value) is not str or not _NAME.fullmatch(value):
        raise Refused("malformed")
    return value


def read_asset(fields: dict[str, Any], assets: dict[str, Asset]) -> Asset:
    """The asset that these fields list; malformed where they are wrong or the name is taken."""
    name = read_name(fields.get("name"))
    if name in assets:
        raise Refused("malformed")
    return Asset(name, read_integer(fields.get("decimals"), 0, 18))


def _positive(unit: Unit, value: object) -> int:
    units = unit.count(value)
    if units <= 0 or units.denominator != 1:
        raise Refused("malformed")
    return units.numerator


def read_instrument(fields: dict[str, Any], assets: dict[str, Asset], instruments: dict[str, Instrument]) -> Instrument:
    """The instrument that these fields list; malformed for every reason that INTERFACES gives to refuse one."""
    symbol = read_name(fields.get("symbol"))
    base_name, quote_name = fields.get("base"), fields.get("quote")
    if type(base_name) is not str or type(quote_name) is not str:
        raise Refused("malformed")
    if symbol in instruments or base_name not in assets or quote_name not in assets or base_name == quote_name:
        raise Refused("malformed")
    base, quote = assets[base_name], assets[quote_name]
    if base.delisted or quote.delisted:
        raise Refused("malformed")
    tick_size, lot_size = read_number(fields.get("tick_size")), read_number(fields.get("lot_size"))
    if tick_size <= 0 or lot_size <= 0:
        raise Refused("malformed")
    lot_units, tick_lot = lot_size / base.unit.size, tick_size * lot_size / quote.unit.size
    if lot_units.denominator != 1 or tick_lot.denominator != 1 or max(lot_units, tick_lot) > MAX_63:
        raise Refused("malformed")
    tick, lot = Unit(tick_size), Unit(lot_size)
    low, high = _positive(tick, fields.get("price_min")), _positive(tick, fields.get("price_max"))
    if low > high or high * tick_lot > MAX_63:
        raise Refused("malformed")
    found = Instrument(
        symbol, base, quote, tick, lot, lot_units.numerator, tick_lot.numerator, low, high,
        maker_fee_ppm=read_integer(fields.get("maker_fee_ppm"), 0, 1_000_000),
        taker_fee_ppm=read_integer(fields.get("taker_fee_ppm"), 0, 1_000_000),
    )  # fmt: skip
    found.listed = {
        "symbol": symbol, "base": base_name, "quote": quote_name,
        "tick_size": tick.text(1), "lot_size": lot.text(1), "price_min": tick.text(low), "price_max": tick.text(high),
        "maker_fee_ppm": found.maker_fee_ppm, "taker_fee_ppm": found.taker_fee_ppm,
    }  # fmt: skip
    _read_limits(fields, found)
    return found


FIXED = ("base", "quote", "tick_size", "lot_size")
LIMITS = ("qty_min", "qty_max", "min_notional", "market_collar_ppm", "max_open_orders")
CHANGEABLE = ("price_min", "price_max", "maker_fee_ppm", "taker_fee_ppm", *LIMITS)


def read_change(fields: dict[str, Any], instrument: Instrument, assets: dict[str, Asset]) -> Instrument:
    """An instrument with the changed terms, as if it were listed anew; a limit of 0 is none."""
    given = {name: fields[name] for name in CHANGEABLE if name in fields}
    if not given or any(name in fields for name in FIXED):
        raise Refused("malformed")
    terms = instrument.listed | given
    for name in LIMITS:
        if name in given and _is_zero(given[name]):
            del terms[name]
    return read_instrument(terms, assets, {})


def _is_zero(value: object) -> bool:
    try:
        return read_number(value) == 0
    except Refused:
        return False


def change(instrument: Instrument, terms: Instrument) -> None:
    """Take over the terms that may change; state, prices and orders stay."""
    for name in (*CHANGEABLE, "listed"):
        setattr(instrument, name, getattr(terms, name))


def _read_limits(fields: dict[str, Any], found: Instrument) -> None:
    if "qty_min" in fields:
        found.qty_min = _positive(found.lot, fields["qty_min"])
        found.listed["qty_min"] = found.lot.text(found.qty_min)
    if "qty_max" in fields:
        found.qty_max = _positive(found.lot, fields["qty_max"])
        found.listed["qty_max"] = found.lot.text(found.qty_max)
    if found.qty_min > found.qty_max:
        raise Refused("malformed")
    if "min_notional" in fields:
        found.min_notional = _positive(found.quote.unit, fields["min_notional"])
        found.listed["min_notional"] = found.quote.unit.text(found.min_notional)
    for name in ("market_collar_ppm", "max_open_orders"):
        if name in fields:
            found.listed[name] = read_integer(fields[name], 1, MAX_U32)
    found.max_open_orders = found.listed.get("max_open_orders")
    found.market_collar_ppm = found.listed.get("market_collar_ppm")
