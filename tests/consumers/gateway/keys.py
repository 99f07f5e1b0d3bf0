"""Keys for a running pipeline's gateway."""

import json
from collections.abc import Sequence

from config.api_keys import create_key
from tests.consumers.gateway.asking import Client, gateway_port
from tests.pipeline import Pipeline, eventually

OWNER, OTHER = 7, 8  # accounts of most modules' pipelines


def client_of(running: Pipeline, account: int, scopes: str = "read,trade", addresses: Sequence[str] = ()) -> Client:
    """A client with a new key, once the gateway knows it (one that may read, from here)."""
    made, secret = create_key(running.data, account, scopes.split(","), addresses)
    client = Client(gateway_port(running), made.key, secret)
    if "read" in scopes and not addresses:
        eventually(lambda: client.signed("GET", "/api/v3/rateLimit/order").status == 200, "the key is known")
    return client


def fund(running: Pipeline, *accounts: int) -> None:
    """A million of both assets for each account."""
    deposits = [
        {"op": "deposit", "account": account, "asset": asset, "amount": "1000000", "client_id": number}
        for account in accounts
        for number, asset in enumerate(("USDT", "BTC"), 1)
    ]
    running.report("send", *map(json.dumps, deposits))
