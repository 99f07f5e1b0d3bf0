"""Runs a client's driver against a running pipeline's gateway, and answers what the driver asks meanwhile."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.api_keys import create_key
from tests.clients.installed import python
from tests.clients.market import Market
from tests.consumers.gateway.asking import Client, gateway_port, queried
from tests.pipeline import ROOT, Pipeline, eventually

SYMBOL = "BTC-USDT"
FUNDS = {"USDT": "100000", "BTC": "10"}
DRIVER_S = 300


@dataclass(frozen=True)
class Outcome:
    """What a driver told. account: that it traded as; book: the engine's when the market was quiet, by side."""

    client: str
    account: int
    calls: dict[str, Any]
    errors: dict[str, str]
    book: dict[str, dict[str, str]]


def drive(client: str, running: Pipeline, market: Market, account: int, folder: Path, **more: Any) -> Outcome:
    """Fund the account, make it a key, run the driver in a moving market, to its end. more: that the driver is told."""
    deposits = [
        {"op": "deposit", "account": account, "asset": asset, "amount": amount, "client_id": number}
        for number, (asset, amount) in enumerate(FUNDS.items(), 1)
    ]
    running.report("send", *map(json.dumps, deposits))
    key, secret = create_key(running.data, account, ["read", "trade"], [])
    asking = Client(gateway_port(running), key.key, secret)
    eventually(lambda: asking.signed("GET", "/api/v3/rateLimit/order").status == 200, "the key is known")
    given = {"port": gateway_port(running), "key": key.key, "secret": secret} | more
    market.begin()
    try:
        return _run(client, running, market, account, given, folder)
    finally:
        market.stop()


def _run(client: str, running: Pipeline, market: Market, account: int, given: dict[str, Any], folder: Path) -> Outcome:
    command = [str(python(client)), "-m", f"tests.clients.drive_{client}", json.dumps(given)]
    log = folder / f"{client}.log"
    book: dict[str, dict[str, str]] = {}
    with log.open("w") as said:
        driver = subprocess.Popen(
            command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=said, text=True,
        )  # fmt: skip
        assert driver.stdin is not None and driver.stdout is not None
        try:
            for line in driver.stdout:
                told = json.loads(line) if line.startswith("{") else {}
                if told.get("want") == "quiet":
                    market.stop()
                    depth = queried(running, "depth", SYMBOL)
                    book = {side: dict(depth[side]) for side in ("bids", "asks")}
                    driver.stdin.write(json.dumps(book) + "\n")
                    driver.stdin.flush()
                elif "calls" in told:
                    driver.wait(DRIVER_S)
                    return Outcome(client, account, told["calls"], told["errors"], book)
                else:  # what the client itself prints
                    said.write(line)
                    said.flush()
        finally:
            driver.kill()
            driver.wait()
            driver.stdin.close()
            driver.stdout.close()
    raise AssertionError(f"{client} ended with {driver.returncode} and told nothing: {log.read_text()[-3000:]}")
