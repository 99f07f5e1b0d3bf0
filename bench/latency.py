"""`bench latency`: from a command put into a shared-memory lane to its last event seen in the ring.

The engine is the one that `up` starts: `engine.process` in a process of its own, on a core of its own, in memory
mode. The client, on the other core, sends by the clock whatever comes back (an open loop): command i is due at
begin + i x interval. A latency is counted from when its command was due (so that a stall counts for all who had to
wait in it), and again from when it was really sent, which is what most benchmarks call latency.
"""

import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import ringbuf.jit  # noqa: F401  (names the compile cache before kernels are made)
from bench.conditions import conditions
from bench.cores import pin, pinned, wait_for
from bench.percentiles import percentiles, text
from bench.standing import Standing, listings, workload
from config.catalog import Catalog
from config.context import Context
from config.settings import load
from engine import process as engine_process
from engine.apply import event_at
from ringbuf.atomics import pause, store
from ringbuf.codes import FLAG_LAST
from ringbuf.jit import kernel_of
from ringbuf.lanes import Lanes, lane_send
from ringbuf.layout import SLOTS_AT
from ringbuf.ring import Ring
from ringbuf.ring_kernels import ring_published
from ringbuf.shm import unlink
from ringbuf.system import MONOTONIC, clock_ns

RATES = (10_000, 100_000, 500_000, 1_000_000)  # commands a second
RATES_QUICK = (10_000, 200_000)
SECONDS, SECONDS_QUICK = 2.0, 0.5
WAITS = {"spin": "baremetal", "futex": "laptop"}  # how the engine waits for commands: the profile that has it
MARKET = Standing("latency", symbols=1, accounts=1_000, orders=10_000, commands=0)
RING, LANE = 1 << 17, 4_096
_PATIENCE_NS = 20_000_000_000
_LAST = int(FLAG_LAST)


@dataclass(frozen=True)
class Engine:
    """A running engine process and the ways to it. `lane` is the address-side number of the client's lane."""

    ring: Ring
    lanes: Lanes
    lane: int
    process: Any


@kernel_of("int64(int64, int64, int64, int64, int64, int64, int64, int64)")
def drive(lanes, lane, ring, mask, commands, count, interval_ns, times):  # type: ignore[no-untyped-def]
    """Send by the clock and note when each command was due, sent and answered: three i64 a command in `times`.

    Returns how many were answered: fewer where nothing came back for long.
    """
    slots = ring + SLOTS_AT
    position = ring_published(ring)
    sent = 0
    answered = 0
    begin = clock_ns(MONOTONIC) + 1_000_000
    heard = begin
    while answered < count:
        now = clock_ns(MONOTONIC)
        due = begin + sent * interval_ns
        if sent < count and now >= due:
            if lane_send(lanes, lane, commands + sent * 128, 1) == 1:
                store(times + sent * 24, due)
                store(times + sent * 24 + 8, now)
                sent += 1
        last = ring_published(ring)
        if last == position:
            if now - heard > _PATIENCE_NS:
                return answered
            pause()
            continue
        now = clock_ns(MONOTONIC)
        heard = now
        while position < last:
            position += 1
            if event_at(slots + (position & mask) * 128).flags & _LAST != 0:
                store(times + answered * 24 + 16, now)
                answered += 1
    return count


@contextmanager
def serving(wait: str, seed: Catalog) -> Iterator[Engine]:
    """An engine process on the second core, ready; stopped and cleaned up at the end."""
    name = f"matchline-bench-{os.getpid()}"
    settings = load(WAITS[wait], None)
    settings = replace(settings, engine=replace(settings.engine, durability="memory", wait=wait))
    with tempfile.TemporaryDirectory() as data:
        ring = Ring.create(f"/{name}.events", RING, "event", epoch=1, durability="memory", stale="reclaim")
        lanes = Lanes.create(f"/{name}.lanes", 16, LANE, epoch=1, names=("engine",), stale="reclaim")
        context = Context(name, Path(data), 0, settings, 1, seed)
        process = multiprocessing.get_context("fork").Process(target=_serve, args=(context,), daemon=True)
        try:
            process.start()
            wait_for(
                lambda: lanes.owner("engine") == process.pid and ring.published > 0, process.is_alive, "the engine"
            )
            producer = lanes.producer("bench")
            yield Engine(ring, lanes, producer.lane, process)
        finally:
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, signal.SIGTERM)
            process.join(20)
            for segment, suffix in ((ring, "events"), (lanes, "lanes")):
                segment.close()
                unlink(f"/{name}.{suffix}")


def _serve(context: Context) -> None:
    pin(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # its word that it is ready is no part of a report
    engine_process.main(context)


def send_all(engine: Engine, commands: np.ndarray, interval_ns: int) -> np.ndarray:
    """times[i] = when command i was due, sent, answered; ns. Raises RuntimeError where answers stay away."""
    times = np.zeros((len(commands), 3), np.int64)
    done = drive(
        engine.lanes.address,
        engine.lane,
        engine.ring.address,
        engine.ring.capacity - 1,
        commands.ctypes.data,
        len(commands),
        interval_ns,
        times.ctypes.data,
    )
    if done != len(commands):
        raise RuntimeError(f"the engine answered {done} of {len(commands)} commands")
    return times


def measure(wait: str, rates: tuple[int, ...], seconds: float, tell: Callable[[str], None]) -> dict[str, Any]:
    """Each rate on one engine, its market standing."""
    counts = [int(rate * seconds) for rate in rates]
    made = workload(replace(MARKET, commands=sum(counts) + 21 * len(rates)))
    seed = listings(MARKET.symbols)
    begun = made.setup[len(seed.seed_commands()) :]
    found: dict[str, Any] = {}
    with serving(wait, seed) as engine, pinned(0):
        send_all(engine, np.ascontiguousarray(begun), 0)
        at = 0
        for rate, count in zip(rates, counts, strict=True):
            time.sleep(0.05)  # let the engine come to rest as it would
            times = send_all(engine, np.ascontiguousarray(made.commands[at : at + count]), 1_000_000_000 // rate)
            at += count
            due, sent, seen = times.T
            found[f"{rate}_per_s"] = {
                "from_due_ns": percentiles(seen - due),
                "from_sent_ns": percentiles(seen - sent),
                "commands": count,
                "reached_per_s": round(1e9 * (count - 1) / max(1, int(sent[-1] - sent[0]))),
            }
            tell(f"latency, {wait}, {rate:>9,}/s   {text(percentiles(seen - due))}")
    return found


def run(quick: bool, tell: Callable[[str], None], seconds: float | None = None) -> dict[str, Any]:
    """Both ways of waiting, all rates."""
    rates = RATES_QUICK if quick else RATES
    length = seconds or (SECONDS_QUICK if quick else SECONDS)
    found: dict[str, Any] = {wait: measure(wait, rates, length, tell) for wait in WAITS}
    found["conditions"] = conditions(
        path="lane in shared memory, engine process (memory mode), event ring; client spins on its own core",
        schedule="open loop; from_due counts from when a command was due, from_sent from when it was sent",
        market=f"{MARKET.orders} open orders of {MARKET.accounts} accounts, one symbol",
    )
    return found
