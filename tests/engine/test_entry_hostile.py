"""Order entry under mutated frames of who may trade: it stands, keeps nothing of it, and answers others meanwhile."""

import os
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from client.python.commands import place as place_record
from config.api_keys import create_key
from config.local_secret import read_local_secret
from ringbuf.codes import Side
from tests.engine.dealer import Client, client_of, place
from tests.pipeline import Pipeline, eventually, pipeline

SHORT, LONG = 8_000, int(os.environ.get("MATCHLINE_HOSTILE_FRAMES", 10_000_000))
A_CLIENT = 1000  # frames, then another one comes
MORE_MB, MORE_FILES = 16, 4
MORE_LOG = 64 << 10
IDS, HONEST_IDS = count(1000), count(10)
HOSTILE, HONEST = 7, 8
ORDER = place_record(HOSTILE, 0, 0, Side.BUY, 1, price_ticks=1)
WORDS = (
    "buy", "sell", "limit", "market", "stop", "gtc", "fok", "BTC-USDT", "USDT", "1", "-1", "0." + "0" * 30 + "1", "1e9",
    "9" * 400, "", "\x00", "ß", None, True, 0, -1, 2**63, 2**64, 1e308, [], {}, [[[]]], {"op": "place"},
)  # fmt: skip
FIELDS = (
    "op", "account", "client_id", "symbol", "side", "type", "tif", "price", "qty", "stop_price", "display_qty", "stp",
    "orig_client_id", "order_id", "amount", "asset", "quote_budget", "ts_ns", "expire_ts_ns", "commands", "key",
    "secret", "local", "format", "cancel_on_disconnect", "trade_seq", "state", "name", "decimals",
)  # fmt: skip
OPS = (
    "place",
    "cancel",
    "amend",
    "mass_cancel",
    "deposit",
    "withdraw",
    "hello",
    "ping",
    "suspend",
    "bust",
    "group",
    "x",
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline(tmp_path_factory.mktemp("entry"), config="[entry]\nkeys = true\n") as made:
        made.up()
        yield made


class Frames:
    """What a hostile client sends, drawn anew each time."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._ids = IDS

    def message(self) -> list[bytes]:
        return [self._frame() for _ in range(self._draw.choice((1, 1, 2, 8)))]

    def _frame(self) -> bytes:
        draw = self._draw
        kind = draw.randrange(10)
        if kind < 3:
            return self._json()
        if kind < 5:
            return self._changed(self._json())
        if kind < 7:
            return self._binary().tobytes()
        if kind == 7:
            return self._changed(self._binary().tobytes())
        if kind == 8:
            return draw.randbytes(draw.choice((0, 1, 127, 128, 129, 1280)))
        return draw.choice(
            (b"{" * 5000, b'{"op":' + b"[" * 5000, b"{}", b"{}\0", b"[]", b'"x"', b"\xff\xfe{", b" " * 300)
        )

    def _json(self) -> bytes:
        draw = self._draw
        side, price = draw.choice(("buy", "sell")), str(draw.randrange(40_000, 60_000))
        fields = place(HOSTILE if draw.random() < 0.9 else HONEST, next(self._ids), side, price)
        fields["op"] = draw.choice(OPS) if draw.random() < 0.5 else "place"
        for _ in range(draw.randrange(4)):
            fields[draw.choice(FIELDS)] = draw.choice(WORDS)
        return orjson.dumps(fields, default=str) if _fits(fields) else repr(fields).encode()

    def _binary(self) -> np.ndarray:
        draw = self._draw
        commands = np.repeat(ORDER, draw.randrange(1, 12))
        commands["client_id"] = [next(self._ids) for _ in commands]
        commands["side"] = draw.choice((Side.BUY, Side.SELL))
        commands["qty_lots"] = draw.randrange(1, 9)
        commands["price_ticks"] = draw.randrange(4_900_000, 5_100_000)
        raw = commands.view(np.uint8).reshape(len(commands), -1)
        for _ in range(max(draw.randrange(12) - 6, 0)):  # any byte of any record
            raw[draw.randrange(len(raw)), draw.randrange(raw.shape[1])] = draw.randrange(256)
        return commands

    def _changed(self, frame: bytes) -> bytes:
        found = bytearray(frame)
        for _ in range(self._draw.randrange(1, 5)):
            at = self._draw.randrange(len(found) + 1)
            if self._draw.random() < 0.5 and at < len(found):
                found[at] = self._draw.randrange(256)
            else:
                del found[at : at + self._draw.randrange(1, 9)]
        return bytes(found)


def _fits(fields: dict[str, object]) -> bool:
    return not any(type(value) is int and not -(1 << 63) <= value < 1 << 64 for value in fields.values())


def held(pid: int) -> tuple[int, float]:
    """(open files, MB of its own) of a process; segments of the journal are the history's, and grow with it."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    own_kb = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
    files = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            files.append(os.readlink(path))
    return len([path for path in files if "/journal/" not in path]), own_kb / 1024


def drain(client: Client) -> None:
    """Take what has come."""
    while client.hears(0):
        client.frame()


def fund(running: Pipeline) -> None:
    """Once; again it does no harm."""
    with client_of(running) as host:
        host.ask({"op": "hello", "local": read_local_secret(running.data)})
        for account in (HOSTILE, HONEST):
            for number, asset in enumerate(("USDT", "BTC"), 1):
                terms = {"account": account, "asset": asset, "amount": "1000000", "client_id": number}
                assert "type" in host.ask({"op": "deposit", **terms})


def say_hello(client: Client, key: Any) -> None:
    """With a key and its secret, once entry knows it."""
    eventually(
        lambda: "error" not in client.ask({"op": "hello", "key": key[0].key, "secret": key[1]}), "the key is known"
    )


def attack(running: Pipeline, frames_in_all: int) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    frames, pid, log = Frames(seed), running.pid("entry"), running.data / "logs" / "entry.log"
    sent, began, before, looks = 0, time.monotonic(), None, 0
    keys = {account: create_key(running.data, account, ["read", "trade"]) for account in (HOSTILE, HONEST)}
    fund(running)
    with client_of(running) as honest:
        say_hello(honest, keys[HONEST])
        first = running.published()
        while sent < frames_in_all:
            if before is None and sent >= frames_in_all // 2:
                before, logged = held(pid), log.stat().st_size
            with client_of(running) as hostile:
                say_hello(hostile, keys[HOSTILE])
                for _ in range(A_CLIENT // 3):
                    message = frames.message()
                    hostile.send(*message)
                    sent += len(message)
                    drain(hostile)
                hostile.send({"op": "ping"})
                while b'"pong"' not in hostile.frame():
                    pass  # what else it hears is of no interest
            if sent * 10 > frames_in_all * looks:
                looks += 1
                answer = reported(honest, place(HONEST, next(HONEST_IDS), "buy", "1.00", "0.0100"))
                assert answer["type"] == "accepted", answer
    took = time.monotonic() - began
    print(f"{sent} frames in {took:.1f} s: {sent / took:.0f} a second; {running.published() - first} events")
    assert running.published() - first > frames_in_all // 8, "it got as far as the engine"
    assert before is not None
    assert (running.pid("entry"), running.restarts("entry"), running.restarts("engine")) == (pid, 0, 0)
    eventually(lambda: held(pid)[0] <= before[0] + MORE_FILES, "its open files are what they were")
    print(f"memory {before[1]:.0f} MB, after it {held(pid)[1]:.0f} MB")
    assert held(pid)[1] - before[1] < MORE_MB
    assert b"Traceback" not in log.read_bytes() and log.stat().st_size - logged < MORE_LOG
    running.settled()
    assert running.report("reconcile")["ok"]


def reported(client: Client, command: dict[str, object]) -> dict[str, object]:
    """The event that answers a command, among others that its account hears of."""
    client.send(command)
    while (found := client.answer()).get("client_id") != command["client_id"]:
        pass
    return found


def test_mutated_frames_do_nothing_to_entry(running: Pipeline) -> None:
    attack(running, SHORT)


@pytest.mark.long
def test_ten_million_frames_do_nothing_to_entry(running: Pipeline) -> None:
    attack(running, LONG)
