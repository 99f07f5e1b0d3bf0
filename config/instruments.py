"""The instruments file, and every reason to refuse what stands in it.

The same rules hold for `list_asset`, `list_instrument` and `change_instrument` commands: `check_asset`,
`check_instrument` and `check_change`.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

from config.catalog import Asset, Catalog, Instrument, tick_scale
from config.decimals import MAX_UNITS, Scale, split_decimal
from config.errors import ConfigError

NAME = re.compile(r"[A-Za-z0-9._-]{1,16}", re.ASCII)
NAME_EXPECTED = "expected 1 to 16 characters of A-Z a-z 0-9 . _ -"
MAX_DECIMALS = 18
MAX_FEE_PPM = 1_000_000
MAX_U32 = 2**32 - 1

ASSET_FIELDS = ("name", "decimals")
REQUIRED_FIELDS = (
    "symbol",
    "base",
    "quote",
    "tick_size",
    "lot_size",
    "price_min",
    "price_max",
    "maker_fee_ppm",
    "taker_fee_ppm",
)
OPTIONAL_FIELDS = ("qty_min", "qty_max", "min_notional", "market_collar_ppm", "max_open_orders")
FIXED_FIELDS = ("base", "quote", "tick_size", "lot_size")
CHANGEABLE_FIELDS = ("price_min", "price_max", "maker_fee_ppm", "taker_fee_ppm", *OPTIONAL_FIELDS)


def load_instruments(path: str | Path) -> Catalog:
    """Read an instruments file (TOML) into a new Catalog; raises ConfigError naming the field."""
    try:
        text = Path(path).read_text("utf-8")
    except OSError as error:
        raise ConfigError(str(path), f"expected a readable file ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), f"expected UTF-8 text ({error})") from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), f"expected TOML ({error})") from error
    return build_catalog(tables)


def build_catalog(tables: dict[str, Any]) -> Catalog:
    """A Catalog from the parsed file; raises ConfigError naming the field."""
    for key in tables:
        if key not in ("asset", "instrument"):
            raise ConfigError(key, "unknown key, expected [[asset]] and [[instrument]] tables only")
    catalog = Catalog()
    for index, fields in enumerate(_tables(tables, "asset")):
        where = f"asset[{index}]"
        _refuse_unknown(where, fields, ASSET_FIELDS)
        name, decimals = check_asset(fields, catalog, where)
        catalog.add_asset(name, decimals)
    if not catalog.assets:
        raise ConfigError("asset", "missing, expected at least one [[asset]] table")
    for index, fields in enumerate(_tables(tables, "instrument")):
        where = f"instrument[{index}]"
        _refuse_unknown(where, fields, REQUIRED_FIELDS + OPTIONAL_FIELDS)
        symbol, base, quote, terms = check_instrument(fields, catalog, where)
        catalog.add_instrument(symbol, base.id, quote.id, terms)
    return catalog


def check_asset(fields: dict[str, Any], catalog: Catalog, where: str) -> tuple[str, int]:
    """The name and decimals of an asset about to be listed; raises ConfigError."""
    name = _name(fields, "name", where)
    if catalog.find_asset(name) is not None:
        raise ConfigError(f"{where}.name", f"duplicate, asset {name} is declared already")
    return name, _integer(fields, "decimals", where, 0, MAX_DECIMALS)


def check_instrument(fields: dict[str, Any], catalog: Catalog, where: str) -> tuple[str, Asset, Asset, dict[str, int]]:
    """Symbol, base, quote and the integers (LISTING_FIELDS) of an instrument about to be listed; raises ConfigError."""
    for field in REQUIRED_FIELDS:
        _present(fields, field, where)
    symbol = _name(fields, "symbol", where)
    if catalog.find_instrument(symbol) is not None:
        raise ConfigError(f"{where}.symbol", f"duplicate, instrument {symbol} is declared already")
    base, quote = _declared(fields, "base", catalog, where), _declared(fields, "quote", catalog, where)
    if base.id == quote.id:
        raise ConfigError(f"{where}.quote", "expected another asset than base")
    return symbol, base, quote, check_terms(fields, base, quote, where)


def check_change(fields: dict[str, Any], instrument: Instrument, where: str) -> dict[str, int]:
    """The integers (LISTING_FIELDS) of an instrument with the given fields in place of its own; raises ConfigError.

    A field that is null is not given; 0 lifts an optional limit.
    """
    given = {field: value for field, value in fields.items() if value is not None}
    for field in FIXED_FIELDS:
        if field in given:
            raise ConfigError(f"{where}.{field}", "expected to stay: it can't be changed")
    if not any(field in given for field in CHANGEABLE_FIELDS):
        raise ConfigError(f"{where}.{CHANGEABLE_FIELDS[0]}", f"missing, as are all of {', '.join(CHANGEABLE_FIELDS)}")
    merged = instrument.to_dict() | {field: given[field] for field in CHANGEABLE_FIELDS if field in given}
    for field in OPTIONAL_FIELDS:
        if field in given and _is_zero(given[field]):
            del merged[field]
    return check_terms(merged, instrument.base_asset, instrument.quote_asset, where)


def check_terms(fields: dict[str, Any], base: Asset, quote: Asset, where: str) -> dict[str, int]:
    """The integers (LISTING_FIELDS) of an instrument's fields; raises ConfigError."""
    terms = _steps(fields, base, quote, where)
    terms.update(_band(fields, base, quote, terms, where))
    terms["maker_fee_ppm"] = _integer(fields, "maker_fee_ppm", where, 0, MAX_FEE_PPM)
    terms["taker_fee_ppm"] = _integer(fields, "taker_fee_ppm", where, 0, MAX_FEE_PPM)
    terms.update(_limits(fields, base, quote, terms, where))
    return terms


def _steps(fields: dict[str, Any], base: Asset, quote: Asset, where: str) -> dict[str, int]:
    """lot_base_units and tick_lot_quote_units, exact."""
    tick, tick_places = _positive(fields, "tick_size", where)
    lot, lot_places = _positive(fields, "lot_size", where)
    lot_units = _whole(lot, lot_places, base.decimals)
    if lot_units is None:
        raise ConfigError(
            f"{where}.lot_size", f"expected a whole number of minor units of {base.name} ({base.decimals} decimals)"
        )
    product = _whole(tick * lot, tick_places + lot_places, quote.decimals)
    if product is None:
        raise ConfigError(
            f"{where}.tick_size",
            f"expected tick_size x lot_size to be a whole number of minor units of {quote.name} "
            f"({quote.decimals} decimals)",
        )
    if lot_units > MAX_UNITS:
        raise ConfigError(f"{where}.lot_size", "expected a lot within 63 bits of minor units")
    if product > MAX_UNITS:
        raise ConfigError(f"{where}.tick_size", "expected tick_size x lot_size within 63 bits of minor units")
    return {"lot_base_units": lot_units, "tick_lot_quote_units": product}


def _band(fields: dict[str, Any], base: Asset, quote: Asset, terms: dict[str, int], where: str) -> dict[str, int]:
    """price_min_ticks and price_max_ticks."""
    tick = tick_scale(base, quote, terms["lot_base_units"], terms["tick_lot_quote_units"])
    low = _units(fields, "price_min", tick, "on tick, a multiple of tick_size", where)
    high = _units(fields, "price_max", tick, "on tick, a multiple of tick_size", where)
    if low > high:
        raise ConfigError(f"{where}.price_min", "expected at most price_max")
    if high * terms["tick_lot_quote_units"] > MAX_UNITS:
        raise ConfigError(f"{where}.price_max", "expected one lot at price_max within 63 bits of quote minor units")
    return {"price_min_ticks": low, "price_max_ticks": high}


def _limits(fields: dict[str, Any], base: Asset, quote: Asset, terms: dict[str, int], where: str) -> dict[str, int]:
    """The optional limits, 0 where not given."""
    lot = Scale.of_ratio(terms["lot_base_units"], 10**base.decimals)
    limits = dict.fromkeys(("qty_min_lots", "qty_max_lots", "min_notional", "market_collar_ppm", "max_open_orders"), 0)
    if "qty_min" in fields:
        limits["qty_min_lots"] = _units(fields, "qty_min", lot, "whole lots", where)
    if "qty_max" in fields:
        limits["qty_max_lots"] = _units(fields, "qty_max", lot, "whole lots", where)
    if limits["qty_max_lots"] and limits["qty_min_lots"] > limits["qty_max_lots"]:
        raise ConfigError(f"{where}.qty_min", "expected at most qty_max")
    if "min_notional" in fields:
        expected = f"a whole number of minor units of {quote.name}"
        limits["min_notional"] = _units(fields, "min_notional", quote.scale, expected, where)
    for field in ("market_collar_ppm", "max_open_orders"):
        if field in fields:
            limits[field] = _integer(fields, field, where, 1, MAX_U32)
    return limits


def _tables(tables: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = tables.get(name, [])
    if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
        raise ConfigError(name, f"expected [[{name}]] tables")
    return found


def _refuse_unknown(where: str, fields: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in fields:
        if key not in known:
            raise ConfigError(f"{where}.{key}", f"unknown key, expected one of {', '.join(known)}")


def _present(fields: dict[str, Any], field: str, where: str) -> Any:
    if field not in fields:
        raise ConfigError(f"{where}.{field}", "missing")
    return fields[field]


def _name(fields: dict[str, Any], field: str, where: str) -> str:
    value = _present(fields, field, where)
    if not isinstance(value, str) or NAME.fullmatch(value) is None:
        raise ConfigError(f"{where}.{field}", NAME_EXPECTED)
    return value


def _declared(fields: dict[str, Any], field: str, catalog: Catalog, where: str) -> Asset:
    value = _present(fields, field, where)
    asset = catalog.find_asset(value) if isinstance(value, str) else None
    if asset is None or not asset.listed:
        raise ConfigError(f"{where}.{field}", f"expected a declared asset, not {value!r}")
    return asset


def _integer(fields: dict[str, Any], field: str, where: str, low: int, high: int) -> int:
    value = _present(fields, field, where)
    if type(value) is not int or not low <= value <= high:
        raise ConfigError(f"{where}.{field}", f"expected a whole number from {low} to {high}")
    return value


def _positive(fields: dict[str, Any], field: str, where: str) -> tuple[int, int]:
    """A value above zero as mantissa and decimal places."""
    try:
        mantissa, places = split_decimal(_present(fields, field, where))
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"{where}.{field}", f'expected a decimal string such as "0.01" ({error})') from error
    if mantissa <= 0:
        raise ConfigError(f"{where}.{field}", "expected a value above zero")
    return mantissa, places


def _units(fields: dict[str, Any], field: str, scale: Scale, expected: str, where: str) -> int:
    """A value above zero in whole units of ``scale``."""
    _positive(fields, field, where)
    try:
        return scale.exact(fields[field])
    except ValueError as error:
        raise ConfigError(f"{where}.{field}", f"expected {expected} ({error})") from error


def _is_zero(value: Any) -> bool:
    try:
        return split_decimal(value)[0] == 0
    except ValueError:
        return False  # what it is, its own check says


def _whole(mantissa: int, places: int, decimals: int) -> int | None:
    """``mantissa x 10**-places`` in units of ``10**-decimals``; None where that is no whole number."""
    if places <= decimals:
        return int(mantissa * 10 ** (decimals - places))
    units, rest = divmod(mantissa, 10 ** (places - decimals))
    return None if rest else int(units)
