"""`bench gateway`: orders by each way in, as many as REST takes, and streams told to one and to a thousand.

One whole pipeline as `up` starts it, its clients and whatever else runs on the same cores. `bench flood` asks what a
gateway costs those who do not use it.
"""

import time
from collections.abc import Callable
from typing import Any

from bench import gateway_orders, gateway_streams
from bench.conditions import conditions
from bench.gateway_place import ACCOUNT, OTHER, Place
from bench.host import ROOT, Host, host
from bench.percentiles import text
from config.api_keys import create_key
from ops.run_file import PORTS

BASE = 26600
CONFIG = """
[gateway]
weight_per_minute = 2000000000
connections_per_5m = 2000000000
connections_per_address = 8192
orders_per_10s = 2000000000
orders_per_day = 2000000000
"""
DEPOSIT = '{{"op":"deposit","account":{account},"asset":"{asset}","amount":"1000000","client_id":{number}}}'
ORDERS, ORDERS_QUICK = 2_000, 200  # one by one, each way in
REST_S, REST_S_QUICK = 5.0, 1.0
STREAM_S, STREAM_S_QUICK = 10.0, 2.0
ROUNDS, ROUNDS_QUICK = 5, 1
PATIENCE_S = 30.0


def _prepared(running: Host) -> Place:
    """Accounts with funds, and a key that the gateway knows."""
    deposits = [
        DEPOSIT.format(account=account, asset=asset, number=number)
        for account in (ACCOUNT, OTHER)
        for number, asset in enumerate(("USDT", "BTC"), 1)
    ]
    running.verb("send", *deposits)
    made, secret = create_key(running.data, ACCOUNT, ["read", "trade"])
    entry, port = f"tcp://127.0.0.1:{running.base}", running.base + PORTS["gateway"]
    place = Place(running.name, running.data, entry, port, made.key, secret)
    deadline = time.monotonic() + PATIENCE_S
    while not gateway_orders.is_known(place):
        if time.monotonic() > deadline:
            raise RuntimeError("the gateway does not know the key")
        time.sleep(0.1)
    return place


def run(quick: bool, tell: Callable[[str], None], base: int = BASE, subscribers: int = 1_000) -> dict[str, Any]:
    """Nanoseconds of orders by way in, REST's rate, and what streams take to tell a trade and a price level."""
    orders, rounds = (ORDERS_QUICK, ROUNDS_QUICK) if quick else (ORDERS, ROUNDS)
    rest_s, stream_s = (REST_S_QUICK, STREAM_S_QUICK) if quick else (REST_S, STREAM_S)
    with host(ROOT / "config" / "instruments.toml", config=CONFIG, base=base) as running:
        place = _prepared(running)
        ways = gateway_orders.one_by_one(place, orders, rounds)
        rest = gateway_orders.as_many_as_it_takes(place, rest_s, rounds)
        streams = {
            f"subscribers_{number}": gateway_streams.told(place, number, stream_s, rounds)
            for number in (1, subscribers)
        }
    for way, ns in ways.items():
        tell(f"gateway: order to acknowledgement, {way}: {text(ns)}")
    tell(f"gateway: REST {rest['orders_per_s']:,} orders/s, {rest['gateway_us_per_order']} µs of the gateway each")
    for number, found in streams.items():
        tell(f"gateway: {number}: trade told after {text(found['trade_ns'])}")
        tell(f"gateway: {number}: level told after {text(found['depth_ns'])}")
        tell(f"gateway: {number}: {found['messages_per_s']:,} messages/s by {found['gateway_share']:.0%} of a core")
    return {"orders": ways, "rest": rest, "streams": streams, "conditions": conditions(rounds=rounds, orders=orders)}
