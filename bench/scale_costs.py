"""CPU time that each process of an exchange of two shards uses for a command, from a real one that has plenty to do.

In full batches, as costs a command are only then: at a trickle each process is woken for every few events, and that is
what it costs. What is inside a shard is measured on one shard that is fed through shared memory as fast as it goes;
what commands pass on their way in and out, with binary messages of MESSAGE commands through the one entry, and a
subscriber that wants all messages.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import zmq

from client.python import commands as ask
from client.python.entry_client import EntryClient
from ops.demo.place import free_port_base
from ringbuf.codes import Side, Stp

ROOT = Path(__file__).resolve().parents[1]
SHARDS = 2
SYMBOLS, ACCOUNTS = 8, 64
COMMANDS, COMMANDS_QUICK = 120_000, 12_000
TRANSFERS, TRANSFERS_QUICK = 2_000, 200
SEED = 7
MESSAGE, UNDER_WAY = 64, 4  # fewer commands of an account under way than a shard's window of client ids remembers
FIRST_ID_INSIDE, FIRST_ID_OUTSIDE = 100, 10_000_000
_FUNDS = "1000000000"
# In a shard, by process; each has a core of its own where there are enough.
_INSIDE = (
    *("engine", "journal", "replica", "orders", "balances"),
    *("marketdata", "publisher", "settlement", "risk"),
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
    more = ("--port-base", str(host.base), "--instruments", host.instruments)
    host.verb("up", "--detach", "--shards", str(SHARDS), *more)
    client = _Client(host.base)
    client.all(_deposits(), "deposited")
    stages = {}
    flow = host.folder / "flow.jsonl"
    flow.write_bytes(b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in _flow(count)))
    used = host.used(lambda: host.feed_inside(flow))
    for name in _INSIDE:
        stages[f"shard: {name}"] = used[f"0/{name}"] // count
    subscriber = _Subscriber(host.base)
    used = host.used(lambda: _through_entry(host.base, count))
    subscriber.close()
    stages["shard: entry"] = sum(used[f"{shard}/entry"] for shard in range(SHARDS)) // count
    stages |= {f"outside: {name}": used[name] // count for name in ("entry", "feed")}
    used = host.used(lambda: client.all(_transfers(moves), "transferred"))
    stages["outside: transfers, a transfer"] = used["transfers"] // moves
    client.close()
    for name, ns in stages.items():
        tell(f"scale, {name:<32} {ns:>8,} ns of CPU")
    return {"stages": stages, "commands": count}


def _through_entry(base: int, count: int) -> None:
    """Orders in binary messages of MESSAGE, UNDER_WAY of them at once, until all are answered. Raises RuntimeError."""
    rng = random.Random(SEED)
    client = EntryClient(f"tcp://127.0.0.1:{base}")
    owed = answered = sent = 0
    ids = dict.fromkeys(range(1, ACCOUNTS + 1), FIRST_ID_OUTSIDE)
    while answered < count:
        while owed < MESSAGE * UNDER_WAY and sent < count:
            orders = []
            for _ in range(MESSAGE):
                account = rng.randint(1, ACCOUNTS)
                ids[account] += 1
                side = Side.SELL if rng.random() < 0.5 else Side.BUY
                price = 10_000 + (1 if side else -1) * rng.randint(-20, 20)
                symbol, qty = rng.randrange(SYMBOLS), rng.randint(1, 9)
                orders.append(ask.place(account, ids[account], symbol, side, qty, price_ticks=price, stp=Stp.NONE))
            owed += client.send(np.concatenate(orders))
            sent += MESSAGE
        events = client.receive(20_000)
        if not len(events) or (events["seq"] == 0).any():
            raise RuntimeError("no answer within 20 s, or a refusal by entry")
        done = client.own_answers(events)
        owed, answered = owed - done, answered + done
    client.close()


def _deposits() -> Iterator[dict[str, Any]]:
    for account in range(1, ACCOUNTS + 1):
        for number, asset in enumerate(("QUOTE", "BASE"), 1):
            for shard in range(SHARDS):
                body = {"op": "deposit", "account": account, "asset": asset, "amount": _FUNDS, "client_id": number}
                yield body | {"shard": shard}


def _flow(count: int) -> Iterator[dict[str, Any]]:
    """Orders around one price on the first shard's symbols; two fifths are cancels."""
    rng = random.Random(SEED)
    ids = dict.fromkeys(range(1, ACCOUNTS + 1), FIRST_ID_INSIDE)
    for _ in range(count):
        account = rng.randint(1, ACCOUNTS)
        ids[account] += 1
        body: dict[str, Any] = {"account": account, "client_id": ids[account]}
        if rng.random() < 0.4 and ids[account] > FIRST_ID_INSIDE + 10:
            yield body | {"op": "cancel", "orig_client_id": ids[account] - rng.randint(1, 8)}
            continue
        is_sell = rng.random() < 0.5
        price = 10_000 + (1 if is_sell else -1) * rng.randint(-3, 40)
        terms = {"op": "place", "symbol": f"S{rng.randrange(0, SYMBOLS, SHARDS)}", "side": "sell" if is_sell else "buy"}
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

    def verb(self, verb: str, *words: str, folder: Path | None = None) -> dict[str, Any]:
        """The JSON object of a verb. Raises RuntimeError where it does not end well."""
        command = [
            sys.executable,
            "-m",
            "ops.cli",
            verb,
            *words,
            "--data",
            str(folder or self.folder / "data"),
            "--json",
        ]
        done = subprocess.run([*command, "--name", self.name], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{verb} ended with {done.returncode}: {done.stderr[-500:]}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def feed_inside(self, flow: Path) -> None:
        """A flow through shared memory into the first shard."""
        self.verb("feed", str(flow), "--via", "shm", folder=self.folder / "data" / "shard-0")

    def used(self, work: Callable[[], None]) -> dict[str, int]:
        """CPU time of every process for this work, until all have caught up; ns."""
        self.settle()
        before = self.cpu_ns()
        work()
        self.settle()
        return {name: ns - before[name] for name, ns in self.cpu_ns().items()}

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
