"""What the account whose key asks holds, what it has traded, what it pays, what it may ask."""

from typing import TYPE_CHECKING, Any

from config.catalog import Asset, Instrument
from consumers.gateway.accounts import Account
from consumers.gateway.caller import Caller
from consumers.gateway.endpoint import READ, Endpoint
from consumers.gateway.errors import OPTIONAL_PARAMS_BAD_COMBO, ApiError
from consumers.gateway.limits import order_limits
from consumers.gateway.params import Params
from consumers.gateway.shown import NO_LIST, fee_asset, fee_text
from consumers.gateway.symbols import rate_text
from consumers.gateway.tickers import MS
from ringbuf.codes import FLAG_AUCTION, Side

if TYPE_CHECKING:
    from consumers.gateway.gateway import Gateway

MOST_TRADES = 1000
_NOTHING = "0.00000000"
_ALWAYS_NS = 1 << 62


def account_info(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """Balances, fees, what the account may do."""
    omits_nothing = not params.flag("omitZeroBalances")
    account = gateway.accounts.of(caller.account)
    listed = gateway.symbols.listed()
    maker = max((each.maker_fee_ppm for each in listed), default=0)
    taker = max((each.taker_fee_ppm for each in listed), default=0)
    scopes = caller.key.scopes if caller.key is not None else frozenset()
    return {
        "makerCommission": maker // 100,
        "takerCommission": taker // 100,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": rate_text(maker),
            "taker": rate_text(taker),
            "buyer": _NOTHING,
            "seller": _NOTHING,
        },
        "canTrade": "trade" in scopes and not account.suspended,
        "canWithdraw": "withdraw" in scopes,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": account.updated_ts_ns // MS,
        "accountType": "SPOT",
        "balances": [
            balance_json(asset, account)
            for asset in gateway.stream.catalog.assets
            if omits_nothing or any(account.balances.get(asset.id, ()))
        ],
        "permissions": ["SPOT"],
        "uid": account.number,
    }


def balance_json(asset: Asset, account: Account) -> dict[str, str]:
    """What the account has of one asset."""
    available, frozen = account.balances.get(asset.id, (0, 0))
    return {"asset": asset.name, "free": asset.scale.text(available), "locked": asset.scale.text(frozen)}


async def my_trades(gateway: "Gateway", caller: Caller, params: Params) -> list[dict[str, Any]]:
    """The account's fills of a symbol, oldest first."""
    instrument = gateway.symbols.asked(params)
    order_id, from_id = params.whole("orderId"), params.whole("fromId")
    first_ms, last_ms = params.whole("startTime", high=1 << 52), params.whole("endTime", high=1 << 52)
    if from_id is not None and (first_ms is not None or last_ms is not None):
        raise ApiError(OPTIONAL_PARAMS_BAD_COMBO, "Combination of optional parameters invalid.")
    most = params.limit(500, MOST_TRADES)
    end_ns = _ALWAYS_NS if last_ms is None else min((last_ms + 1) * MS, _ALWAYS_NS)
    account = gateway.accounts.of(caller.account)
    rows = await gateway.history.trades(
        account, instrument.id, order_id, from_id, min((first_ms or 0) * MS, _ALWAYS_NS), end_ns, most
    )
    name = gateway.symbols.name(instrument.id)
    return [fill for row in rows for fill in fills_of(account, row, instrument, name, order_id)]


def fills_of(
    account: Account, row: Any, instrument: Instrument, name: str, order_id: int | None
) -> list[dict[str, Any]]:
    """One trade (EventRow) as the account sees it: once, or, where it traded with itself, once a side."""
    in_auction = bool(row.flags & FLAG_AUCTION)
    sides = (
        (row.account, row.order_id, row.side, row.fee, in_auction),
        (row.maker_account, row.maker_order_id, 1 - row.side, row.maker_fee, True),
    )
    return [
        {
            "symbol": name,
            "id": row.seq,
            "orderId": own_id,
            "orderListId": NO_LIST,
            "price": instrument.price_text(row.price_ticks),
            "qty": instrument.qty_text(row.qty_lots),
            "quoteQty": instrument.quote_text(row.price_ticks * row.qty_lots * instrument.tick_lot_quote_units),
            "commission": fee_text(instrument, side, fee),
            "commissionAsset": fee_asset(instrument, side),
            "time": row.ts_ns // MS,
            "isBuyer": side == Side.BUY,
            "isMaker": is_maker,
            "isBestMatch": True,
        }
        for party, own_id, side, fee, is_maker in sides
        if party == account.number and order_id in (None, own_id)
    ]


def commission_rates(instrument: Instrument) -> dict[str, str]:
    """What both sides of a trade pay, as shares of what they receive."""
    return {
        "maker": rate_text(instrument.maker_fee_ppm),
        "taker": rate_text(instrument.taker_fee_ppm),
        "buyer": _NOTHING,
        "seller": _NOTHING,
    }


def commission(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """The fees of one symbol."""
    instrument = gateway.symbols.asked(params)
    nothing = dict.fromkeys(("maker", "taker", "buyer", "seller"), _NOTHING)
    return {
        "symbol": gateway.symbols.name(instrument.id),
        "standardCommission": commission_rates(instrument),
        "specialCommission": nothing,
        "taxCommission": nothing,
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "",
            "discount": _NOTHING,
        },
    }


def trade_fees(gateway: "Gateway", caller: Caller, params: Params) -> list[dict[str, Any]]:
    """The fees of one symbol, or of all."""
    chosen = [gateway.symbols.asked(params)] if params.symbol() is not None else gateway.symbols.listed()
    return [
        {
            "symbol": gateway.symbols.name(each.id),
            "makerCommission": rate_text(each.maker_fee_ppm),
            "takerCommission": rate_text(each.taker_fee_ppm),
        }
        for each in chosen
    ]


def order_counts(gateway: "Gateway", caller: Caller, params: Params) -> list[dict[str, Any]]:
    """How many orders the account has sent in each window."""
    used = gateway.limits.order(caller.account, 0, gateway.now_ms() / 1000)
    limits = order_limits(gateway.settings.gateway)
    return [{**limit, "count": count} for limit, count in zip(limits, used, strict=True)]


ACCOUNT_ENDPOINTS = (
    Endpoint("GET", "/api/v3/account", account_info, READ, weight=20),
    Endpoint("GET", "/api/v3/myTrades", my_trades, READ, weight=lambda params: 5 if "orderId" in params else 20),
    Endpoint("GET", "/api/v3/account/commission", commission, READ, weight=20),
    Endpoint("GET", "/api/v3/rateLimit/order", order_counts, READ, weight=40),
    Endpoint("GET", "/sapi/v1/asset/tradeFee", trade_fees, READ),
)
