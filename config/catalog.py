"""Assets and instruments by id and by name, as the history's `listed`, `changed` and `delisted` events tell them.

Ids count from 0 in the order of listing, assets and instruments apart, exactly as the engine gives them out. What is
delisted stays here, with ``listed`` False: its old events are still read, and its name is never given again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from config.decimals import Scale
from config.errors import ConfigError as ConfigError
from ringbuf.codes import LISTINGS, EventType, Op
from ringbuf.records import (
    COMMAND,
    COMMAND_LIST_ASSET,
    COMMAND_LIST_INSTRUMENT,
    EVENT,
    EVENT_LISTED_ASSET,
    EVENT_LISTED_INSTRUMENT,
)


@dataclass(frozen=True, slots=True)
class Asset:
    """Something that accounts hold; amounts are integers in minor units, ``10**-decimals`` each."""

    id: int
    name: str
    decimals: int
    listed: bool = True
    scale: Scale = field(init=False, compare=False, repr=False)  # one minor unit

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", Scale(1, self.decimals))

    def to_dict(self) -> dict[str, Any]:
        """The fields as in the TOML form."""
        return {"name": self.name, "decimals": self.decimals}


@dataclass(frozen=True, slots=True)
class Instrument:
    """A pair that trades. ``base`` and ``quote`` are asset ids; 0 in an optional limit means none."""

    id: int
    symbol: str
    base: int
    quote: int
    base_asset: Asset
    quote_asset: Asset
    lot_base_units: int  # base minor units in one lot
    tick_lot_quote_units: int  # quote minor units in one tick x one lot
    price_min_ticks: int
    price_max_ticks: int
    maker_fee_ppm: int
    taker_fee_ppm: int
    qty_min_lots: int
    qty_max_lots: int
    min_notional: int  # quote minor units
    market_collar_ppm: int
    max_open_orders: int
    price_scale: Scale  # one tick, in quote per base
    qty_scale: Scale  # one lot, in base
    listed: bool = True

    def price_text(self, price_ticks: int) -> str:
        """A price as its decimal string, with the tick's decimals."""
        return self.price_scale.text(price_ticks)

    def qty_text(self, qty_lots: int) -> str:
        """A quantity as its decimal string, with the lot's decimals."""
        return self.qty_scale.text(qty_lots)

    def base_text(self, units: int) -> str:
        """An amount of the base asset, from minor units."""
        return self.base_asset.scale.text(units)

    def quote_text(self, units: int) -> str:
        """An amount of the quote asset, from minor units."""
        return self.quote_asset.scale.text(units)

    def to_dict(self) -> dict[str, Any]:
        """The fields as in the TOML form; optional limits only where set."""
        fields: dict[str, Any] = {
            "symbol": self.symbol,
            "base": self.base_asset.name,
            "quote": self.quote_asset.name,
            "tick_size": self.price_scale.unit_text,
            "lot_size": self.qty_scale.unit_text,
            "price_min": self.price_text(self.price_min_ticks),
            "price_max": self.price_text(self.price_max_ticks),
            "maker_fee_ppm": self.maker_fee_ppm,
            "taker_fee_ppm": self.taker_fee_ppm,
        }
        if self.qty_min_lots:
            fields["qty_min"] = self.qty_text(self.qty_min_lots)
        if self.qty_max_lots:
            fields["qty_max"] = self.qty_text(self.qty_max_lots)
        if self.min_notional:
            fields["min_notional"] = self.quote_text(self.min_notional)
        if self.market_collar_ppm:
            fields["market_collar_ppm"] = self.market_collar_ppm
        if self.max_open_orders:
            fields["max_open_orders"] = self.max_open_orders
        return fields


Listed = TypeVar("Listed", Asset, Instrument)

# The columns that a listing command, a listing event and an Instrument share under one name.
LISTING_FIELDS = (
    "lot_base_units",
    "tick_lot_quote_units",
    "price_min_ticks",
    "price_max_ticks",
    "maker_fee_ppm",
    "taker_fee_ppm",
    "qty_min_lots",
    "qty_max_lots",
    "min_notional",
    "market_collar_ppm",
    "max_open_orders",
)


def tick_scale(base: Asset, quote: Asset, lot_base_units: int, tick_lot_quote_units: int) -> Scale:
    """One tick in quote per base, from what the record holds: a tick x a lot in quote, divided by the lot in base."""
    return Scale.of_ratio(tick_lot_quote_units * 10**base.decimals, lot_base_units * 10**quote.decimals)


def make_instrument(
    instrument_id: int, symbol: str, base_asset: Asset, quote_asset: Asset, terms: dict[str, int]
) -> Instrument:
    """An Instrument of the integers that a record holds (LISTING_FIELDS).

    Raises ValueError where they give no tick or lot.
    """
    lot = terms["lot_base_units"]
    return Instrument(
        id=instrument_id,
        symbol=symbol,
        base=base_asset.id,
        quote=quote_asset.id,
        base_asset=base_asset,
        quote_asset=quote_asset,
        price_scale=tick_scale(base_asset, quote_asset, lot, terms["tick_lot_quote_units"]),
        qty_scale=Scale.of_ratio(lot, 10**base_asset.decimals),
        listed=True,
        **terms,
    )


def listed_instrument(event: np.ndarray, assets: Sequence[Asset]) -> Instrument:
    """The Instrument of a `listed` or `changed` event (one-element EVENT array), with the terms that stand in it."""
    row = event.view(EVENT_LISTED_INSTRUMENT)[0]
    base, quote = int(row["base"]), int(row["quote"])
    if max(base, quote) >= len(assets):
        raise ValueError(f"instrument {int(row['symbol'])} is of an asset that is not in the catalog: fold all events")
    terms = {name: int(row[name]) for name in LISTING_FIELDS}
    return make_instrument(int(row["symbol"]), row["name"].decode("ascii"), assets[base], assets[quote], terms)


# The events that change a catalog, by their number.
IS_LISTING = np.zeros(256, bool)
IS_LISTING[list(LISTINGS)] = True


class Catalog:
    """All assets and instruments of one history. Grows with `fold`; never forgets."""

    def __init__(self) -> None:
        self.assets: list[Asset] = []
        self.instruments: list[Instrument] = []
        self._asset_by_name: dict[str, Asset] = {}
        self._instrument_by_symbol: dict[str, Instrument] = {}

    def asset(self, name: str) -> Asset:
        """The asset of this name; raises KeyError."""
        return self._asset_by_name[name]

    def instrument(self, symbol: str) -> Instrument:
        """The instrument of this symbol; raises KeyError."""
        return self._instrument_by_symbol[symbol]

    def find_asset(self, name: str) -> Asset | None:
        """The asset of this name, or None."""
        return self._asset_by_name.get(name)

    def find_instrument(self, symbol: str) -> Instrument | None:
        """The instrument of this symbol, or None."""
        return self._instrument_by_symbol.get(symbol)

    def amount_text(self, asset_id: int, units: int) -> str:
        """An amount in minor units as the decimal string of that asset."""
        return self.assets[asset_id].scale.text(units)

    def add_asset(self, name: str, decimals: int) -> Asset:
        """Take the next asset id. The caller has validated."""
        asset = Asset(len(self.assets), name, decimals)
        self.assets.append(asset)
        self._asset_by_name[name] = asset
        return asset

    def add_instrument(self, symbol: str, base: int, quote: int, terms: dict[str, int]) -> Instrument:
        """Take the next instrument id. ``terms`` has the integers of LISTING_FIELDS; the caller has validated."""
        instrument = make_instrument(len(self.instruments), symbol, self.assets[base], self.assets[quote], terms)
        return self._append(instrument)

    def take(self, one: Asset | Instrument) -> None:
        """Let something listed elsewhere stand here too, under its own id, which is the next; no name finds nothing."""
        if isinstance(one, Asset):
            assert one.id == len(self.assets)
            self.assets.append(one)
            self._asset_by_name[one.name] = one
        else:
            assert one.id == len(self.instruments)
            self.instruments.append(one)
            if one.symbol:
                self._instrument_by_symbol[one.symbol] = one

    def _append(self, instrument: Instrument) -> Instrument:
        self.instruments.append(instrument)
        self._instrument_by_symbol[instrument.symbol] = instrument
        return instrument

    def fold(self, event: np.void) -> bool:
        """Take in one EVENT record; True where it is a listing, a change of one, or its end.

        Listings of known ids are passed over (a repeat). Raises ValueError where events before it are missing.
        """
        kind = int(event["type"])
        if not IS_LISTING[kind]:
            return False
        record = np.frombuffer(event.tobytes(), EVENT)
        if kind == EventType.LISTED_ASSET:
            row = record.view(EVENT_LISTED_ASSET)[0]
            if self._is_next(int(row["symbol"]), len(self.assets)):
                self.add_asset(row["name"].decode("ascii"), int(row["decimals"]))
        elif kind == EventType.LISTED_INSTRUMENT:
            if self._is_next(int(event["symbol"]), len(self.instruments)):
                self._append(listed_instrument(record, self.assets))
        elif kind == EventType.DELISTED_ASSET:
            asset = replace(_known(self.assets, event), listed=False)
            self.assets[asset.id] = self._asset_by_name[asset.name] = asset
        else:
            old = _known(self.instruments, event)
            if kind == EventType.CHANGED_INSTRUMENT:
                changed = replace(listed_instrument(record, self.assets), listed=old.listed)
            else:
                changed = replace(old, listed=False)
            self.instruments[old.id] = self._instrument_by_symbol[old.symbol] = changed
        return True

    @staticmethod
    def _is_next(listed_id: int, count: int) -> bool:
        if listed_id > count:
            raise ValueError(f"listed id {listed_id} follows {count} known ones: listing events are missing")
        return listed_id == count

    def fold_all(self, events: np.ndarray) -> int:
        """Take in every event among the EVENT records that changes the catalog; returns how many there were."""
        listings = np.flatnonzero(IS_LISTING[events["type"]])
        for index in listings:
            self.fold(events[index])
        return len(listings)

    @classmethod
    def from_events(cls, events: np.ndarray) -> "Catalog":
        """The catalog that the listing events among these EVENT records make."""
        catalog = cls()
        catalog.fold_all(events.view(EVENT))
        return catalog

    def seed_commands(self) -> np.ndarray:
        """The COMMAND records that list all of this: assets, then instruments, by id, at ts_ns 0."""
        commands = np.zeros(len(self.assets) + len(self.instruments), COMMAND)
        for at, asset in enumerate(self.assets):
            fill_list_asset(commands[at : at + 1], asset.name, asset.decimals)
        for at, instrument in enumerate(self.instruments, len(self.assets)):
            terms = {name: getattr(instrument, name) for name in LISTING_FIELDS}
            fill_list_instrument(commands[at : at + 1], instrument.symbol, instrument.base, instrument.quote, terms)
        return commands

    def to_dict(self) -> dict[str, list[dict[str, Any]]]:
        """All that is listed, in the TOML form."""
        return {
            "asset": [asset.to_dict() for asset in self.assets if asset.listed],
            "instrument": [instrument.to_dict() for instrument in self.instruments if instrument.listed],
        }

    def to_toml(self) -> str:
        """All that is listed, as the text of an instruments file."""
        return "\n".join(_toml_table(name, fields) for name, tables in self.to_dict().items() for fields in tables)


def _toml_table(name: str, fields: dict[str, Any]) -> str:
    lines: Iterable[str] = (f'{k} = "{v}"' if isinstance(v, str) else f"{k} = {v}" for k, v in fields.items())
    return "\n".join([f"[[{name}]]", *lines, ""])


def _known(listed: list[Listed], event: np.void) -> Listed:
    """What an event changes or ends; ValueError where it is not known."""
    listed_id = int(event["symbol"])
    if listed_id >= len(listed):
        raise ValueError(f"listed id {listed_id} follows {len(listed)} known ones: listing events are missing")
    return listed[listed_id]


def fill_list_asset(command: np.ndarray, name: str, decimals: int) -> None:
    """Make a one-element COMMAND array the listing of an asset."""
    row = command.view(COMMAND_LIST_ASSET)
    row["op"], row["name"], row["decimals"] = Op.LIST_ASSET, name.encode("ascii"), decimals


def fill_list_instrument(
    command: np.ndarray, symbol: str, base: int, quote: int, terms: dict[str, int], op: Op = Op.LIST_INSTRUMENT
) -> None:
    """Make a one-element COMMAND array the listing (or the change) of an instrument; base, quote are asset ids."""
    row = command.view(COMMAND_LIST_INSTRUMENT)
    row["op"], row["name"], row["base"], row["quote"] = op, symbol.encode("ascii"), base, quote
    for name in LISTING_FIELDS:
        row[name] = terms[name]


def load_instruments(path: str) -> Catalog:
    """Read an instruments file; raises ConfigError. (See config.instruments, where the rules are.)"""
    from config.instruments import load_instruments as load

    return load(path)
