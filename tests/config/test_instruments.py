"""The instruments file: what it makes, and what is refused by the field's name."""

import tomllib
from typing import Any

import pytest

from config.errors import ConfigError
from config.instruments import build_catalog
from tests.config.cases import tables


def test_steps_are_derived_exactly() -> None:
    instrument = build_catalog(tables()).instrument("BTC-USDT")
    assert (instrument.lot_base_units, instrument.tick_lot_quote_units) == (10_000, 1)
    assert (instrument.price_min_ticks, instrument.price_max_ticks) == (1, 20_000_000)
    assert instrument.price_text(5_000_000) == "50000.00"
    assert instrument.qty_text(5000) == "0.5000"


def test_what_is_written_back_reads_as_the_same_catalog() -> None:
    catalog = build_catalog(tables())
    assert build_catalog(tomllib.loads(catalog.to_toml())).to_dict() == catalog.to_dict()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("symbol", None),
        ("symbol", "no blanks"),
        ("symbol", "seventeen-letters"),
        ("base", "ETH"),
        ("quote", "BTC"),
        ("tick_size", None),
        ("tick_size", 0.01),
        ("tick_size", "0"),
        ("tick_size", "0.001"),  # x lot is no whole number of quote minor units
        ("lot_size", "0.000000001"),
        ("lot_size", "-1"),
        ("price_min", "0.015"),
        ("price_min", "300000"),
        ("price_max", "1e17"),
        ("maker_fee_ppm", 1_000_001),
        ("taker_fee_ppm", -1),
        ("taker_fee_ppm", True),
        ("qty_min", "0.00001"),
        ("max_open_orders", 0),
        ("colour", "red"),
    ],
)
def test_a_field_that_can_not_be_used_is_named(field: str, value: Any) -> None:
    changed = tables()
    if value is None:
        del changed["instrument"][0][field]
    else:
        changed["instrument"][0][field] = value
    with pytest.raises(ConfigError) as caught:
        build_catalog(changed)
    assert caught.value.field == f"instrument[0].{field}"


def test_duplicates_and_unknown_tables_are_named() -> None:
    for name in ("asset", "instrument"):
        changed = tables()
        changed[name].append(dict(changed[name][0]))
        with pytest.raises(ConfigError, match="duplicate"):
            build_catalog(changed)
    with pytest.raises(ConfigError, match="market"):
        build_catalog({**tables(), "market": {}})
