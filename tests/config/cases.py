"""The instruments that the tests of this folder share."""

from typing import Any


def tables() -> dict[str, Any]:
    """Two assets and one instrument, as parsed from TOML."""
    return {
        "asset": [{"name": "USDT", "decimals": 6}, {"name": "BTC", "decimals": 8}],
        "instrument": [
            {
                "symbol": "BTC-USDT",
                "base": "BTC",
                "quote": "USDT",
                "tick_size": "0.01",
                "lot_size": "0.0001",
                "price_min": "0.01",
                "price_max": "200000",
                "maker_fee_ppm": 100,
                "taker_fee_ppm": 200,
            }
        ],
    }
