"""Symbols as Binance writes them (`BTC-USDT` is `BTCUSDT`), and what exchangeInfo says of each."""

from typing import Any

from config.catalog import Catalog, Instrument
from consumers.gateway.errors import BAD_SYMBOL, ApiError
from consumers.gateway.params import Params, missing
from ringbuf.codes import STATUS_DELISTED, Stp, SymbolState

# Of a symbol's state: what exchangeInfo calls it.
STATUS_WORDS = {
    int(SymbolState.OPEN): "TRADING",
    int(SymbolState.HALTED): "HALT",
    int(SymbolState.POST_ONLY): "TRADING",
    int(SymbolState.CANCEL_ONLY): "BREAK",
    int(SymbolState.AUCTION): "AUCTION_MATCH",
    int(SymbolState.CLOSED): "END_OF_DAY",
    STATUS_DELISTED: "END_OF_DAY",
}
ORDER_TYPES = (
    "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"
)  # fmt: skip
STP_WORDS = {
    "NONE": Stp.NONE,
    "EXPIRE_TAKER": Stp.CANCEL_TAKER,
    "EXPIRE_MAKER": Stp.CANCEL_MAKER,
    "EXPIRE_BOTH": Stp.CANCEL_BOTH,
    "DECREMENT": Stp.DECREMENT,
}
DEFAULT_STP = "EXPIRE_TAKER"
ICEBERG_PARTS = 100
TRAILING_BIPS = (10, 2000)
MAX_LOTS = 2**62  # where an instrument has no qty_max: no supply is larger


class Symbols:
    """Between Binance's names and instruments. Two pairs of one spelling: the later one keeps its hyphen."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._ids: dict[str, int] = {}
        self._names: list[str] = []

    def _learn(self) -> None:
        for instrument in self._catalog.instruments[len(self._names) :]:
            name = instrument.base_asset.name + instrument.quote_asset.name
            if name in self._ids:
                name = instrument.symbol
            self._ids[name] = instrument.id
            self._names.append(name)

    def name(self, symbol_id: int) -> str:
        """As Binance writes it."""
        if symbol_id >= len(self._names):
            self._learn()
        return self._names[symbol_id]

    def find(self, name: str) -> Instrument | None:
        """The listed instrument of a name; None where there is none, or none any more."""
        if len(self._names) < len(self._catalog.instruments):
            self._learn()
        found = self._ids.get(name)
        instrument = None if found is None else self._catalog.instruments[found]
        return instrument if instrument is not None and instrument.listed else None

    def of(self, name: str) -> Instrument:
        """The same; refused where there is none."""
        instrument = self.find(name)
        if instrument is None:
            raise ApiError(BAD_SYMBOL, "Invalid symbol.")
        return instrument

    def asked(self, params: Params) -> Instrument:
        """The instrument that a request has to name."""
        name = params.symbol()
        if name is None:
            raise missing("symbol")
        return self.of(name)

    def listed(self) -> list[Instrument]:
        """Every instrument that is listed now."""
        return [instrument for instrument in self._catalog.instruments if instrument.listed]


def rate_text(ppm: int) -> str:
    """A fee in parts per million as a decimal string."""
    return f"0.{ppm:06d}00" if ppm < 10**6 else "1.00000000"


def max_lots(instrument: Instrument) -> int:
    """The largest quantity that an order may have."""
    return instrument.qty_max_lots or MAX_LOTS // instrument.lot_base_units


def filters(instrument: Instrument, max_orders: int) -> list[dict[str, Any]]:
    """What an order has to pass. max_orders: open ones of an account, where the instrument says nothing."""
    price, qty = instrument.price_text, instrument.qty_text
    lots = {
        "minQty": qty(max(instrument.qty_min_lots, 1)),
        "maxQty": qty(max_lots(instrument)),
        "stepSize": instrument.qty_scale.unit_text,
    }
    low, high = TRAILING_BIPS
    orders = min(instrument.max_open_orders or max_orders, max_orders)
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": price(instrument.price_min_ticks),
            "maxPrice": price(instrument.price_max_ticks),
            "tickSize": instrument.price_scale.unit_text,
        },
        {"filterType": "LOT_SIZE", **lots},
        {"filterType": "ICEBERG_PARTS", "limit": ICEBERG_PARTS},
        {"filterType": "MARKET_LOT_SIZE", **lots},
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": low,
            "maxTrailingAboveDelta": high,
            "minTrailingBelowDelta": low,
            "maxTrailingBelowDelta": high,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": instrument.quote_text(max(instrument.min_notional, 1)),
            "applyMinToMarket": False,
            "maxNotional": instrument.quote_text(MAX_LOTS),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": orders},
    ]


def symbol_info(instrument: Instrument, name: str, state: int, max_orders: int) -> dict[str, Any]:
    """One symbol of exchangeInfo. state: SymbolState, or STATUS_DELISTED."""
    base, quote = instrument.base_asset, instrument.quote_asset
    return {
        "symbol": name,
        "status": STATUS_WORDS[state],
        "baseAsset": base.name,
        "baseAssetPrecision": base.decimals,
        "quoteAsset": quote.name,
        "quotePrecision": quote.decimals,
        "quoteAssetPrecision": quote.decimals,
        "baseCommissionPrecision": base.decimals,
        "quoteCommissionPrecision": quote.decimals,
        "orderTypes": list(ORDER_TYPES),
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters(instrument, max_orders),
        "permissions": ["SPOT"],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": DEFAULT_STP,
        "allowedSelfTradePreventionModes": list(STP_WORDS),
    }
