"""CPU time that each process of an exchange of two shards uses for a command, from a real one under a recorded flow."""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import zmq

from ops.demo.place import free_port_base

ROOT = Path(__file__).resolve().parents[1]
SHARDS = 2
SYMBOLS, ACCOUNTS = 8, 64
COMMANDS, COMMANDS_QUICK = 120_000, 12_000
TRANSFERS, TRANSFERS_QUICK = 2_000, 200
SEED = 7
_FUNDS = "1000000000"
_OUTSIDE = ("entry", "feed")
# In a shard, by process; each has a core of its own where there are enough.
_INSIDE = (
    *("engine", "journal", "replica", "orders", "balances"),
    *("marketdata", "publisher", "settlement", "risk", "entry"),
)


def measure(quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """{stages: {name: ns a command}, transfer: {name: ns a transfer}, commands}."""
    count = COMMANDS_QUICK if quick else COMMANDS
    moves = TRANSFERS_QUICK if quick else TRANSFERS
    with tempfile.TemporaryDirectory(prefix="matchline-scale-") as folder:
        host = _Host(Path(folder))
        try:
            return _measured(host, count, moves, tell)
        finally:
            host.verb("down")


def _measured(host: "_Host", count: int, moves: int, tell: Callable[[str], None]) -> dict[str, Any]:
    host.verb(
        "up", "--detach", "--shards", str(SHARDS), "--port-base", str(host.base), "--instruments", host.instruments
    )
    client = _Client(host.base)
    client.all(_deposits(), "deposited")
    flow = host.folder / "flow.jsonl"
    flow.write_bytes(b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in _flow(count)))
    subscriber = _Subscriber(host.base)
    before = host.cpu_ns()
    host.verb("feed", str(flow))
    host.settle()
    after = host.cpu_ns()
    subscriber.close()
    # A shard has half of the commands; every stage of it is per command that the shard takes.
    stages = {
        f"shard: {name}": sum(_used(before, after, f"{k}/{name}") for k in range(SHARDS)) // count for name in _INSIDE
    }
    stages |= {f"outside: {name}": _used(before, after, name) // count for name in _OUTSIDE}
    before = host.cpu_ns()
    client.all(_transfers(moves), "transferred")
    host.settle()
    after = host.cpu_ns()
    stages["outside: transfers, a transfer"] = _used(before, after, "transfers") // moves
    client.close()
    for name, ns in stages.items():
        tell(f"scale, {name:<32} {ns:>8,} ns of CPU")
    return {"stages": stages, "commands": count}


def _used(before: dict[str, int], after: dict[str, int], name: str) -> int:
    return after[name] - before[name]


def _deposits() -> Iterator[dict[str, Any]]:
    for account in range(1, ACCOUNTS + 1):
        for number, asset in enumerate(("QUOTE", "BASE"), 1):
            for shard in range(SHARDS):
                body = {"op": "deposit", "account": account, "asset": asset, "amount": _FUNDS, "client_id": number}
                yield body | {"shard": shard}


def _flow(count: int) -> Iterator[dict[str, Any]]:
    """Orders around one price, two fifths of them cancelled again, a fifth of them trade."""
    rng = random.Random(SEED)
    ids = dict.fromkeys(range(1, ACCOUNTS + 1), 2)
    for _ in range(count):
        account = rng.randint(1, ACCOUNTS)
        ids[account] += 1
        body: dict[str, Any] = {"account": account, "client_id": ids[account]}
        if rng.random() < 0.4 and ids[account] > 12:
            yield body | {"op": "cancel", "orig_client_id": ids[account] - rng.randint(1, 8)}
            continue
        is_sell = rng.random() < 0.5
        price = 10_000 + (1 if is_sell else -1) * rng.randint(-3, 40)
        terms = {"op": "place", "symbol": f"S{rng.randrange(SYMBOLS)}", "side": "sell" if is_sell else "buy"}
        yield body | terms | {"type": "limit", "price": str(price), "qty": str(rng.randint(1, 9)), "stp": "none"}


def _transfers(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        account = 1 + number % ACCOUNTS
        source = number // ACCOUNTS % 2
        body = {"op": "transfer", "account": account, "asset": "QUOTE", "amount": "1"}
        yield body | {"client_id": 1_000_000_000 + number, "from": source, "to": 1 - source}


class _Client:
    """A DEALER that speaks JSON."""

    def __init__(self, base: int) -> None:
        self._zmq: zmq.Context[Any] = zmq.Context()
        self._socket = self._zmq.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(f"tcp://127.0.0.1:{base}")

    def all(self, commands: Iterator[dict[str, Any]], answered: str) -> None:
        """Send all, 32 under way, and wait until each was answered so. Raises RuntimeError."""
        under_way = 0
        for command in commands:
            self._socket.send(orjson.dumps(command))
            under_way += 1
            while under_way >= 32:
                under_way -= self._take(answered)
        while under_way:
            under_way -= self._take(answered)

    def _take(self, answered: str) -> int:
        if not self._socket.poll(20_000):
            raise RuntimeError("no answer within 20 s")
        found = [orjson.loads(frame) for frame in self._socket.recv_multipart()]
        for one in found:
            if one.get("type") != answered:
                raise RuntimeError(f"expected {answered}, found {one}")
        return len(found)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()
        self._zmq.term()


class _Subscriber:
    """Wants every JSON message, so that they are made and passed on; what comes is dropped when its queue is full."""

    def __init__(self, base: int) -> None:
        self._zmq: zmq.Context[Any] = zmq.Context()
        self._socket = self._zmq.socket(zmq.SUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.subscribe(b"")
        self._socket.connect(f"tcp://127.0.0.1:{base + 1}")
        if not self._socket.poll(5_000):
            raise RuntimeError("no heartbeat within 5 s")

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()
        self._zmq.term()


class _Host:
    """An exchange in a folder of its own, and its verbs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base = free_port_base(None) + 2_000
        self.name = f"matchline-scale-{self.base}"
        rows = ['[[asset]]\nname = "QUOTE"\ndecimals = 6\n[[asset]]\nname = "BASE"\ndecimals = 6\n']
        for number in range(SYMBOLS):
            rows.append(
                f'[[instrument]]\nsymbol = "S{number}"\nbase = "BASE"\nquote = "QUOTE"\n'
                'tick_size = "1"\nlot_size = "1"\n'
                'price_min = "1"\nprice_max = "100000"\nmaker_fee_ppm = 0\ntaker_fee_ppm = 0\n'
            )
        path = folder / "instruments.toml"
        path.write_text("".join(rows))
        self.instruments = str(path)

    def verb(self, verb: str, *words: str) -> dict[str, Any]:
        """The JSON object of a verb. Raises RuntimeError where it does not end well."""
        command = [sys.executable, "-m", "ops.cli", verb, *words, "--data", str(self.folder / "data"), "--json"]
        done = subprocess.run([*command, "--name", self.name], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{verb} ended with {done.returncode}: {done.stderr[-500:]}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def settle(self) -> None:
        """Until every consumer has caught up."""
        while any(row["lag"] for row in self.verb("status")["consumers"].values()):
            time.sleep(0.05)

    def cpu_ns(self) -> dict[str, int]:
        """CPU time of every process so far, all its threads."""
        found = {}
        for name, row in self.verb("status")["processes"].items():
            tasks = Path(f"/proc/{row['pid']}/task").glob("*/schedstat")
            found[name] = sum(int(task.read_text().split()[0]) for task in tasks)
        return found
