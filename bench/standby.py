"""`bench standby`: how long nobody answers orders while a standby on another data directory takes over.

Real pipelines on this host, every verb as a user types it. *Told*: from the moment `promote` is typed, its own start
included, to the first answer of the standby's order entry; the primary stops and sends its end meanwhile. *Killed*:
from kill -9 of every process of the primary, whose follower is required, to the same; it includes the silence after
which the standby acts (`--auto`).
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import zmq

from bench.conditions import conditions

ROOT = Path(__file__).resolve().parents[1]
AUTO_MS = 500
ORDERS, ORDERS_QUICK = 100_000, 1_000
RUNS, RUNS_QUICK = 5, 1
ACCOUNTS = 64
PATIENCE_S = 120.0
_SERVED = '[standby]\nhost = "127.0.0.1"\nrequired = true\n'
_FSYNC = '[engine]\ndurability = "fsync"\n'


def run(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure; milliseconds of each run."""
    orders = ORDERS_QUICK if quick else ORDERS
    found: dict[str, Any] = {"conditions": conditions(open_orders=orders, auto_ms=AUTO_MS, durability="fsync")}
    for how in ("told", "killed"):
        found[f"{how}_ms"] = [_takeover(how, orders) for _ in range(RUNS_QUICK if quick else RUNS)]
        said = ", ".join(f"{ms:.0f}" for ms in found[f"{how}_ms"])
        say(f"standby, {how}, {orders:,} open orders: first answer after {said} ms")
    return found


def _takeover(how: str, orders: int) -> float:
    with tempfile.TemporaryDirectory(prefix="matchline-takeover-") as folder:
        primary, standby = _Host(Path(folder) / "primary", _FSYNC + _SERVED), _Host(Path(folder) / "standby", _FSYNC)
        try:
            primary.verb("up", "--detach")
            auto = ("--auto", str(AUTO_MS)) if how == "killed" else ()
            standby.verb("standby", "--detach", "--from", f"tcp://127.0.0.1:{primary.base + 4}", *auto)
            primary.verb("feed", str(_flow(Path(folder), orders)))
            return _measure(how, primary, standby)
        finally:
            primary.end()
            standby.end()


def _measure(how: str, primary: "_Host", standby: "_Host") -> float:
    began = time.perf_counter()
    promote = standby.start("promote") if how == "told" else None
    if how == "killed":
        primary.kill()
    _first_answer(standby.base)
    ms = (time.perf_counter() - began) * 1e3
    if promote is not None and promote.wait(PATIENCE_S) != 0:
        raise RuntimeError("promote failed")
    return ms


def _first_answer(port: int) -> None:
    """Returns when an order has been answered."""
    order = orjson.dumps(_place(1, 1_000_000))
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
            dealer.set(zmq.LINGER, 0)
            dealer.set(zmq.RECONNECT_IVL, 2)
            dealer.connect(f"tcp://127.0.0.1:{port}")
            dealer.send(order)
            if dealer.poll(2000):
                return
    raise RuntimeError(f"no answer within {PATIENCE_S:.0f} s")


def _place(account: int, client_id: int) -> dict[str, Any]:
    price = f"{10_000 + client_id % 5_000}.00"
    terms = {"symbol": "BTC-USDT", "side": "buy", "type": "limit", "tif": "gtc", "qty": "0.0001", "price": price}
    return {"op": "place", "account": account, "client_id": client_id, **terms}


def _flow(folder: Path, orders: int) -> Path:
    """Deposits, then so many orders that rest."""

    def lines() -> Iterator[dict[str, Any]]:
        for account in range(1, ACCOUNTS + 1):
            yield {"op": "deposit", "account": account, "asset": "USDT", "amount": "1000000", "client_id": 1}
        for number in range(orders):
            yield _place(1 + number % ACCOUNTS, 2 + number // ACCOUNTS)

    path = folder / "commands.jsonl"
    path.write_bytes(b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines()))
    return path


class _Host:
    """A data directory with a name and ports of its own."""

    _made = 0

    def __init__(self, folder: Path, config: str) -> None:
        _Host._made += 1
        folder.mkdir()
        self.data = folder / "data"
        self.name = f"takeover-{os.getpid()}-{_Host._made}"
        self.base = _free_base(_Host._made)
        self.config = folder / "config.toml"
        self.config.write_text(config)

    def start(self, verb: str, *arguments: str) -> "subprocess.Popen[bytes]":
        """Begin a verb."""
        more = (
            [] if verb in ("promote", "feed", "down") else ["--config", str(self.config), "--port-base", str(self.base)]
        )
        where = ["--data", str(self.data), "--name", self.name]
        command = [sys.executable, "-m", "ops.cli", verb, *where, *more, *arguments]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def verb(self, verb: str, *arguments: str) -> None:
        """Run a verb that must end well."""
        process = self.start(verb, *arguments)
        _, said = process.communicate(timeout=600)
        if process.returncode:
            raise RuntimeError(f"{verb} ended with {process.returncode}: {said.decode()[-500:]}")

    def kill(self) -> None:
        """kill -9 of everything; first all stand still, so that none sees another's end and drains."""
        run = json.loads((self.data / "run.json").read_text())
        pids = [row["pid"] for row in (run["supervisor"], *run["processes"].values()) if row["pid"]]
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                os.kill(pid, number)

    def end(self) -> None:
        """Stop what runs, and remove what a killed run left."""
        if (self.data / "run.json").exists():
            self.start("down").communicate(timeout=600)
        for path in Path("/dev/shm").glob(f"{self.name}.*"):
            path.unlink(missing_ok=True)


def _free_base(number: int) -> int:
    for base in range(30_000 + number * 100, 60_000, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", base))
            except OSError:
                continue
            return base
    raise RuntimeError("no free ports")
