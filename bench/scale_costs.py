"""CPU time that each process of an exchange of two shards uses for a command, from a real one that has plenty to do.

In full batches, as costs a command are only then: at a trickle each process is woken for every few events, and that is
what it costs. What is inside a shard is measured on one shard that is fed through shared memory as fast as it goes;
what commands pass on their way in and out, with binary messages of MESSAGE commands through the one entry, and a
subscriber that wants all messages.
"""

import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import zmq

from bench.host import Host, host
from client.python import commands as ask
from client.python.entry_client import EntryClient
from ringbuf.codes import Side, Stp

SHARDS = 2
SYMBOLS, ACCOUNTS = 8, 64
COMMANDS, COMMANDS_QUICK = 120_000, 12_000
TRANSFERS, TRANSFERS_QUICK = 2_000, 200
SEED = 7
MESSAGE, UNDER_WAY = 64, 4  # fewer commands of an account under way than a shard's window of client ids remembers
FIRST_ID_INSIDE, FIRST_ID_OUTSIDE = 100, 10_000_000
_FUNDS = "1000000000"
_INSTRUMENTS = '[[asset]]\nname = "QUOTE"\ndecimals = 6\n[[asset]]\nname = "BASE"\ndecimals = 6\n' + "".join(
    f'[[instrument]]\nsymbol = "S{number}"\nbase = "BASE"\nquote = "QUOTE"\ntick_size = "1"\nlot_size = "1"\n'
    'price_min = "1"\nprice_max = "100000"\nmaker_fee_ppm = 0\ntaker_fee_ppm = 0\n'
    for number in range(SYMBOLS)
)
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
        instruments, flow = Path(folder) / "instruments.toml", Path(folder) / "flow.jsonl"
        instruments.write_text(_INSTRUMENTS)
        flow.write_bytes(b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in _flow(count)))
        with host(instruments, "--shards", str(SHARDS)) as running:
            return _measured(running, flow, count, moves, tell)


def _measured(running: Host, flow: Path, count: int, moves: int, tell: Callable[[str], None]) -> dict[str, Any]:
    client = _Client(running.base)
    client.all(_deposits(), "deposited")
    stages = {}
    inside = running.data / "shard-0"
    used = running.used(lambda: running.verb("feed", str(flow), "--via", "shm", data=inside))
    for name in _INSIDE:
        stages[f"shard: {name}"] = used[f"0/{name}"] // count
    subscriber = _Subscriber(running.base)
    used = running.used(lambda: _through_entry(running.base, count))
    subscriber.close()
    stages["shard: entry"] = sum(used[f"{shard}/entry"] for shard in range(SHARDS)) // count
    stages |= {f"outside: {name}": used[name] // count for name in ("entry", "feed")}
    used = running.used(lambda: client.all(_transfers(moves), "transferred"))
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
