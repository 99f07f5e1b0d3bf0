"""A seeded flow that trades a lot, and what a history made of it, comparable with another history of the same."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from config.catalog import Catalog
from config.json_events import encode_all
from consumers.journal.reader import JournalReader
from ops.cli import main
from tests.pipeline import INSTRUMENTS

ACCOUNTS = 24
START_NS = 1_700_000_000_000_000_000
STEP_NS = 250_000
_PLACES = ("seq", "order_id", "maker_order_id")  # differ where a refused repeat stands in between
_PAIRS = {"BTC-USDT": (5_000_000, 10_000), "ETH-USDT": (300_000, 1_000)}  # middle in ticks of 0.01, lots in one base
_OPS = {
    "limit": 60,
    "market": 6,
    "ioc": 4,
    "cancel": 17,
    "amend": 10,
    "mass_cancel": 0.5,
    "deposit": 1.5,
    "withdraw": 1,
}


def commands(count: int, seed: int, timed: bool = True) -> Iterator[dict[str, Any]]:
    """`count` commands after the deposits that come first; client ids grow per account, as `feed` needs."""
    rng = random.Random(seed)
    ids = dict.fromkeys(range(1, ACCOUNTS + 1), 0)
    ts_ns = START_NS
    for account in ids:
        for asset, amount in (("USDT", "30000000"), ("BTC", "400"), ("ETH", "6000")):
            ids[account] += 1
            command = {"op": "deposit", "account": account, "client_id": ids[account], "asset": asset, "amount": amount}
            yield command | ({"ts_ns": ts_ns} if timed else {})
    for _ in range(count):
        account = rng.randint(1, ACCOUNTS)
        ids[account] += 1
        ts_ns += rng.randint(0, 2 * STEP_NS)
        command = {"account": account, "client_id": ids[account], **_body(rng, ids[account])}
        yield command | ({"ts_ns": ts_ns} if timed else {})


def _body(rng: random.Random, client_id: int) -> dict[str, Any]:
    op = rng.choices(list(_OPS), list(_OPS.values()))[0]
    symbol = rng.choice(list(_PAIRS))
    middle, lots = _PAIRS[symbol]
    side = rng.choice(("buy", "sell"))
    price_ticks = middle + (1 if side == "sell" else -1) * rng.randint(-8, 40)
    price = f"{price_ticks // 100}.{price_ticks % 100:02}"
    qty = f"{rng.randint(1, 2 * lots) / lots:.4f}" if lots == 10_000 else f"{rng.randint(1, 2 * lots) / lots:.3f}"
    if op in ("deposit", "withdraw"):
        return {"op": op, "asset": rng.choice(("USDT", "BTC")), "amount": str(rng.randint(1, 50))}
    if op == "mass_cancel":
        return {"op": op, "symbol": symbol}
    target = max(1, client_id - rng.randint(1, 40))
    if op == "cancel":
        return {"op": op, "orig_client_id": target}
    if op == "amend":
        return {"op": op, "orig_client_id": target, "qty": f"{rng.randint(1, 9) / 10}"}
    terms: dict[str, Any] = {"op": "place", "symbol": symbol, "side": side, "qty": qty}
    terms["stp"] = rng.choice(("none", "cancel_taker", "cancel_maker", "cancel_both", "decrement"))
    if op == "market":
        return terms | {"type": "market"}
    return terms | {"type": "limit", "price": price, "tif": "ioc" if op == "ioc" else "gtc"}


def write_lines(path: Path, lines: Iterator[dict[str, Any]]) -> Path:
    """One JSON command a line; the path."""
    path.write_bytes(b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines))
    return path


def history(data: Path) -> tuple[np.ndarray, Catalog]:
    """Every event of the journal, and its listings."""
    parts, seq = [], 1
    with JournalReader(data) as journal:
        last = journal.last
        while seq <= last:
            parts.append(journal.read(seq, min(65536, last - seq + 1)))
            seq += len(parts[-1])
    events = np.concatenate(parts)
    catalog = Catalog()
    catalog.fold_all(events)
    return events, catalog


def match(commands_file: Path, out: Path) -> bytes:
    """The events that `match` writes, on the default instruments."""
    out.mkdir()
    files = ["--events", str(out / "events.jsonl"), "--balances", str(out / "balances.json")]
    assert main(["match", str(commands_file), "--instruments", str(INSTRUMENTS), *files]) == 0
    return (out / "events.jsonl").read_bytes()


def without_repeats(events: list[dict[str, Any]], prober: int = 0) -> list[dict[str, Any]]:
    """What happened, without refused repeats, a test's probing account, and the sequences that both moved."""
    happened = [
        event
        for event in events
        if event.get("reason") != "duplicate_client_id" and (not prober or event.get("account") != prober)
    ]
    return [{key: value for key, value in event.items() if key not in _PLACES} for event in happened]


def first_difference(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> str:
    """Where two lists part, in words; "" where they do not."""
    for at, (one, other) in enumerate(zip(found, expected, strict=False)):
        if one != other:
            return f"event {at}: found {one}, expected {other}"
    return "" if len(found) == len(expected) else f"found {len(found)} events, expected {len(expected)}"


def differs_from_match(data: Path, commands_file: Path, out: Path, prober: int = 0) -> str:
    """How the journal differs from what the engine alone makes of the same commands, refused repeats aside."""
    expected = [orjson.loads(line) for line in match(commands_file, out).splitlines()]
    return first_difference(without_repeats(encode_all(*history(data)), prober), without_repeats(expected))
