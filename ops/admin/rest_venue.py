"""The venue: what is listed and on which terms, halts and states, busts, risk's limits."""

from dataclasses import asdict
from typing import Any

from config.instruments import CHANGEABLE_FIELDS, OPTIONAL_FIELDS, REQUIRED_FIELDS
from consumers.gateway.errors import ApiError
from ops.admin.endpoint import Asked, Endpoint, Field
from ringbuf.codes import SymbolState

SYMBOL = Field("symbol", "string", "path", about="as it is listed, with its hyphen", example="BTC-USDT")
_WHOLE = ("maker_fee_ppm", "taker_fee_ppm", "market_collar_ppm", "max_open_orders")
_EXAMPLES = {
    "symbol": "ETH-BTC", "base": "ETH", "quote": "BTC", "tick_size": "0.00001", "lot_size": "0.001",
    "price_min": "0.00001", "price_max": "10", "maker_fee_ppm": 100, "taker_fee_ppm": 200,
}  # fmt: skip


def _term(name: str, needed: bool) -> Field:
    kind = "integer" if name.endswith("_ppm") or name in _WHOLE else "string"
    return Field(name, kind, needed=needed, example=_EXAMPLES.get(name))


async def listed(asked: Asked) -> dict[str, Any]:
    """Assets and instruments with their terms; what was delisted, too."""
    catalog = asked.office.stream.catalog
    return {
        "seq": asked.office.stream.position,
        "assets": [{"name": each.name, "decimals": each.decimals} for each in catalog.assets],
        "instruments": [{**each.to_dict(), "listed": each.listed} for each in catalog.instruments],
    }


def _command(op: str) -> Any:
    async def answer(asked: Asked) -> dict[str, Any]:
        return {"events": await asked.office.command({"op": op, **asked.values})}

    return answer


async def limits(asked: Asked) -> dict[str, Any]:
    """Risk's limits of each account (0 = none), and the gateway's; they are configured, and hold from a start on."""
    settings = asked.office.settings
    return {"risk": asdict(settings.risk), "gateway": asdict(settings.gateway), "entry": asdict(settings.entry)}


async def bust(asked: Asked) -> dict[str, Any]:
    """Both parties get back what they paid. It always stands; who can't return what he got is suspended."""
    if asked["trade_seq"] > asked.office.stream.position:
        raise ApiError(-2013, f"there is no sequence {asked['trade_seq']} yet", 404)
    return {"events": await asked.office.command({"op": "bust", "trade_seq": asked["trade_seq"]})}


_GROUP = "Venue"
_STATES = ", ".join(state.name.lower() for state in SymbolState)
VENUE_ENDPOINTS = (
    Endpoint("GET", "/admin/v1/listings", "Assets and instruments with their terms", listed, _GROUP),
    Endpoint("POST", "/admin/v1/assets", "List an asset", _command("list_asset"), _GROUP,
             (Field("name", example="SOL"), Field("decimals", "integer", example=9))),
    Endpoint("POST", "/admin/v1/instruments", "List an instrument", _command("list_instrument"), _GROUP,
             (*(_term(name, True) for name in REQUIRED_FIELDS), *(_term(name, False) for name in OPTIONAL_FIELDS))),
    Endpoint("PATCH", "/admin/v1/instruments/{symbol}", "Change its terms and limits", _command("change_instrument"),
             _GROUP, (SYMBOL, *(_term(name, False) for name in CHANGEABLE_FIELDS))),
    Endpoint("DELETE", "/admin/v1/instruments/{symbol}", "Delist it: open orders end", _command("delist_instrument"),
             _GROUP, (SYMBOL,)),
    Endpoint("POST", "/admin/v1/halt", "Halt a symbol, or all", _command("halt"), _GROUP,
             (Field("symbol", needed=False, example="BTC-USDT"),)),
    Endpoint("POST", "/admin/v1/resume", "Resume a symbol, or all", _command("resume"), _GROUP,
             (Field("symbol", needed=False, example="BTC-USDT"),)),
    Endpoint("POST", "/admin/v1/instruments/{symbol}/state", f"Put it into a state: {_STATES}", _command("state"),
             _GROUP, (SYMBOL, Field("state", example="cancel_only"),
                      Field("reference_price", needed=False), Field("band_ppm", "integer", needed=False))),
    Endpoint("POST", "/admin/v1/busts", "Bust a trade: a compensating event, never an edit", bust, _GROUP,
             (Field("trade_seq", "integer", about="sequence of its trade event", example=812),)),
    Endpoint("GET", "/admin/v1/limits", "Limits that are configured", limits, _GROUP),
)  # fmt: skip
