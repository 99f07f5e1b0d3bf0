"""Accounts for the asking, where `[gateway] demo` says so: money of the demo's own, and a key, in one request."""

import asyncio
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from config.api_keys import create_key
from config.catalog import Asset
from config.json_commands import decode_all
from consumers.gateway.accounts import Account
from consumers.gateway.caller import Caller
from consumers.gateway.endpoint import PUBLIC, Endpoint
from consumers.gateway.errors import internal
from consumers.gateway.params import Params
from ringbuf.codes import EventType

if TYPE_CHECKING:
    from consumers.gateway.gateway import Gateway

FIRST, LAST = 100_000, 999_999  # numbers of such accounts
QUOTE_AMOUNT, BASE_AMOUNT = 100_000, 10  # of an asset that something is priced in, and of any other
SHARE = 12  # bits: none takes more of an asset than this share of what there may be
WEIGHT = 50
_DEPOSITED = int(EventType.DEPOSITED)


async def demo_account(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """A new account with some of everything that is listed, and a key that may read and trade."""
    params.refuse_unread()
    account = _unused(gateway)
    for asset in gateway.stream.catalog.assets:
        rows = await gateway.trading.ask(account, _deposit(gateway, account.number, asset))
        if rows[-1].type != _DEPOSITED:
            raise internal()
    key, secret = await asyncio.to_thread(
        create_key, gateway.data, account.number, ("read", "trade"), ("127.0.0.0/8", "::1/128"), "demo"
    )
    gateway.keys.refresh()
    return {"apiKey": key.key, "secret": secret, "account": account.number}


def _unused(gateway: "Gateway") -> Account:
    """An account that nobody has had: chosen at random, as several gateways may be asked at once."""
    while True:
        account = gateway.accounts.of(FIRST + secrets.randbelow(LAST - FIRST + 1))
        if not account.highest and not account.balances:
            return account


def _deposit(gateway: "Gateway", account: int, asset: Asset) -> Callable[[int], np.ndarray]:
    catalog = gateway.stream.catalog
    is_quote = any(each.quote == asset.id for each in catalog.instruments)
    units = min((QUOTE_AMOUNT if is_quote else BASE_AMOUNT) * 10**asset.decimals, 1 << (62 - SHARE))
    fields = {"op": "deposit", "account": account, "asset": asset.name, "amount": asset.scale.text(units)}
    return lambda number: decode_all(fields | {"client_id": number}, catalog)[0]


DEMO_ENDPOINTS = (Endpoint("POST", "/demo/account", demo_account, PUBLIC, weight=WEIGHT, own_pages=True),)
