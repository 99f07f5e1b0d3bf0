"""Keys for a running pipeline's gateway, made as an operator makes them."""

from tests.consumers.gateway.asking import Client, gateway_port
from tests.pipeline import Pipeline, eventually


def client_of(running: Pipeline, account: int, scopes: str = "read,trade", *more: str) -> Client:
    """A client with a new key, once the gateway knows it."""
    made = running.report("key", "create", "--account", str(account), "--scopes", scopes, *more)
    client = Client(gateway_port(running), made["key"], made["secret"])
    if "read" in scopes and not more:
        eventually(lambda: client.signed("GET", "/api/v3/rateLimit/order").status == 200, "the key is known")
    return client
