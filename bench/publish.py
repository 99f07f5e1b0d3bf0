"""`bench publish`: step 5's ZeroMQ feed, from an order sent through shared memory until its message has come.

One order after the other, to a subscriber of JSON and one of binary messages; then a market as fast as it goes, with a
subscriber to everything, and without: what the publisher's process uses for an event. A message that nobody wants is
not made, and depth messages of a burst are merged, so that cost is an event's, not a message's.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import zmq

from bench.conditions import conditions
from bench.host import BASE, ROOT, Host, host
from bench.percentiles import percentiles, text
from bench.readers import Readers, readers
from client.python.commands import cancel, place
from client.python.lane_client import LaneClient
from ops.convert.generate import generate
from ringbuf.codes import Side

SEED = 1
ACCOUNT = 1
ORDERS, ORDERS_QUICK = 5_000, 500
COMMANDS, COMMANDS_QUICK = 200_000, 20_000
PATIENCE_MS = 10_000
QUIET_S = 0.2
# For `readers`: everything of one port, by messages.
READER = """
import sys, zmq
socket = zmq.Context().socket(zmq.SUB)
socket.set(zmq.RCVHWM, 0)
socket.subscribe(b"")
socket.connect(f"tcp://127.0.0.1:{sys.argv[1]}")
socket.recv_multipart()
print("there", flush=True)
poller, count = zmq.Poller(), 0
poller.register(socket, zmq.POLLIN)
poller.register(sys.stdin, zmq.POLLIN)
while True:
    ready = dict(poller.poll())
    if socket in ready:
        while socket.get(zmq.EVENTS) & zmq.POLLIN:
            socket.recv_multipart(copy=False)
            count += 1
    if sys.stdin.fileno() in ready:
        sys.stdin.readline()
        print(count, flush=True)
"""


def run(quick: bool, tell: Callable[[str], None], base: int = BASE) -> dict[str, Any]:
    """Nanoseconds from order to message by form, and the publisher's own for an event by who subscribes."""
    orders, count = (ORDERS_QUICK, COMMANDS_QUICK) if quick else (ORDERS, COMMANDS)
    forms = {"JSON": 1, "binary": 2}  # by port, from the pipeline's first
    with host(ROOT / "config" / "instruments.toml", base=base) as running:
        running.verb("send", f'{{"op":"deposit","account":{ACCOUNT},"asset":"USDT","amount":"1000000","client_id":1}}')
        told = {form: _one_by_one(running, port, orders) for form, port in forms.items()}
    with tempfile.TemporaryDirectory(prefix="matchline-bench-") as folder:
        generate(Path(folder), count, SEED)
        used = {}
        for name, port in {"nobody": 0, **forms}.items():
            with host(Path(folder) / "instruments.toml", base=base) as running:
                used[name] = _flowing(running, Path(folder) / "commands.jsonl", port)
    for form, ns in told.items():
        tell(f"publish: order to {form} message: {text(ns)}")
    for name, found in used.items():
        tell(f"publish: subscribers: {name}: {found['ns_per_event']} ns an event, {found['messages']:,} messages")
    return {"told": told, "used": used, "conditions": conditions(orders=orders, commands=count, seed=SEED)}


# --- one by one -------------------------------------------------------------------------------------------------------


def _one_by_one(running: Host, port: int, orders: int) -> dict[str, int]:
    """Percentiles from an order's sending until the depth message that shows it was received."""
    lane = LaneClient(running.name, "bench")
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.set(zmq.LINGER, 0)
        socket.subscribe(b"depth/BTC-USDT")
        socket.connect(f"tcp://127.0.0.1:{running.base + port}")
        times, first = [], port * 10_000_000
        try:
            _await_subscribed(lane, socket, first)
            for number in range(first + 10_000, first + 10_000 + 2 * orders, 2):
                begin = time.perf_counter_ns()
                lane.send(place(ACCOUNT, number, 0, Side.BUY, 10, price_ticks=1_000))
                _message(socket)
                times.append(time.perf_counter_ns() - begin)
                lane.send(cancel(ACCOUNT, number + 1, orig_client_id=number))
                _message(socket)
                lane.receive(0)
        finally:
            lane.close()
    return percentiles(np.array(times, np.int64))


def _await_subscribed(lane: LaneClient, socket: Any, number: int) -> None:
    """Orders until their messages come: a subscription takes a moment. Raises RuntimeError."""
    for attempt in range(number, number + PATIENCE_MS // 50, 2):
        lane.send(place(ACCOUNT, attempt, 0, Side.BUY, 10, price_ticks=1_000))
        lane.send(cancel(ACCOUNT, attempt + 1, orig_client_id=attempt))
        if socket.poll(100):
            while socket.poll(200):
                socket.recv_multipart()
            return
    raise RuntimeError("no message of the feed came")


def _message(socket: Any) -> None:
    if not socket.poll(PATIENCE_MS):
        raise RuntimeError("no message of the feed came")
    socket.recv_multipart()


# --- a market ---------------------------------------------------------------------------------------------------------


def _all_read(reader: Readers) -> int:
    """Messages, once no more come but heartbeats."""
    before, messages = -1, reader.count()
    while messages - before > 1:
        time.sleep(QUIET_S)
        before, messages = messages, reader.count()
    return messages


def _flowing(running: Host, commands: Path, port: int) -> dict[str, int]:
    """What the publisher used for an event of the market, and messages that came. port 0: nobody reads."""
    before = int(running.look()["published"])

    def feed() -> None:
        running.verb("feed", str(commands), "--via", "shm")

    if port:
        with readers(READER, running.base + port) as reader:
            used = running.used(feed)
            messages = _all_read(reader)
    else:
        used, messages = running.used(feed), 0
    events = int(running.look()["published"]) - before
    return {"ns_per_event": used["publisher"] // events, "messages": messages, "events": events}
