"""`bench flood`: orders through shared memory while the gateway is quiet, flooded, or killed again and again.

One whole pipeline as `up` starts it. A client places an order and takes it back, one after the other, and times each
from the lane to its last event. Besides quiet there is a phase in which a process that has nothing to do with the
gateway spins as much as the flood's two do: on a host with few cores they take time from everybody, and what the
gateway's flood costs beyond that is the ratio to look at. Phases take turns, so what the host does meanwhile hits all.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.conditions import conditions
from bench.host import ROOT, host
from bench.percentiles import percentiles, text
from client.python.commands import cancel, place
from client.python.lane_client import LaneClient
from ops.run_file import PORTS, read_run
from ringbuf.codes import Side

ROUNDS, ROUNDS_QUICK = 6, 2
SECONDS, SECONDS_QUICK = 3.0, 1.0
BASE = 26500
ACCOUNT = 7
KILL_EVERY_S = 0.5
PATIENCE_S = 60.0
CONFIG = "[gateway]\nweight_per_minute = 2000000000\nconnections_per_5m = 2000000000\n"
# Questions that cost the gateway something, sent ahead on 16 connections, and new connections besides.
FLOOD = """
import socket, sys
port = int(sys.argv[1])
ask = b"GET /api/v3/depth?symbol=BTCUSDT&limit=5000 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" * 16
held = []
while True:
    try:
        while len(held) < 16:
            held.append(socket.create_connection(("127.0.0.1", port), 5))
        for one in held:
            one.sendall(ask)
        for one in held:
            one.recv(1 << 20)
        held.pop(0).close()
    except OSError:
        held = []
"""
SPIN = "while True: pass"


class Client:
    """Orders one after the other."""

    def __init__(self, name: str) -> None:
        self._lane = LaneClient(name, "flood")
        self._id = 10

    def timed(self, seconds: float) -> np.ndarray:
        """Nanoseconds of each command, for so long."""
        times, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            self._id += 2
            placed = place(ACCOUNT, self._id, 0, Side.BUY, 1000, price_ticks=100)
            times += [self._answered(placed), self._answered(cancel(ACCOUNT, self._id + 1, orig_client_id=self._id))]
        return np.array(times, np.int64)

    def _answered(self, command: np.ndarray) -> int:
        begin, deadline = time.perf_counter_ns(), time.monotonic() + PATIENCE_S
        self._lane.send(command)
        while not self._lane.own_answers(self._lane.receive(1000)):
            if time.monotonic() > deadline:
                raise RuntimeError("the engine did not answer")
        return time.perf_counter_ns() - begin

    def close(self) -> None:
        """Give the lane up."""
        self._lane.close()


@contextmanager
def beside(*commands: list[str]) -> Iterator[None]:
    """These processes run meanwhile."""
    running = [subprocess.Popen(command) for command in commands]
    try:
        time.sleep(0.2)  # until they are at it
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


@contextmanager
def killed(data: Path) -> Iterator[None]:
    """The gateway is killed as often as it is back, at most each KILL_EVERY_S."""
    command = [sys.executable, "-m", "bench.flood", str(data)]
    with beside(command):
        yield


def kill_again_and_again(data: Path) -> None:
    """Until this process is ended."""
    while True:
        run = read_run(data)
        pid = run.processes["gateway"].pid if run is not None else 0
        if pid:
            os.kill(pid, signal.SIGKILL)
        time.sleep(KILL_EVERY_S)


def measure(data: Path, name: str, base: int, rounds: int, seconds: float) -> dict[str, np.ndarray]:
    """Nanoseconds by phase."""
    client, flood = Client(name), [sys.executable, "-c", FLOOD, str(base + PORTS["gateway"])]
    spin = [sys.executable, "-c", SPIN]
    times: dict[str, list[np.ndarray]] = {"quiet": [], "two_spin": [], "flooded": [], "killed": []}
    try:
        client.timed(seconds)
        for _ in range(rounds):
            times["quiet"].append(client.timed(seconds))
            with beside(spin, spin):
                times["two_spin"].append(client.timed(seconds))
            with beside(flood):
                times["flooded"].append(client.timed(seconds))
            with killed(data):
                times["killed"].append(client.timed(seconds))
            _await_gateway(data)
    finally:
        client.close()
    return {phase: np.concatenate(found) for phase, found in times.items()}


def _await_gateway(data: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (run := read_run(data)) is None or run.processes["gateway"].state != "running":
        if time.monotonic() > deadline:
            raise RuntimeError("the gateway does not come back")
        time.sleep(0.05)


def run(
    quick: bool, tell: Callable[[str], None], rounds: int = 0, seconds: float = 0.0, base: int = BASE
) -> dict[str, Any]:
    """Percentiles by phase, and p50 and p99 of each as multiples of the quiet one's."""
    rounds, seconds = rounds or (ROUNDS_QUICK if quick else ROUNDS), seconds or (SECONDS_QUICK if quick else SECONDS)
    with host(ROOT / "config" / "instruments.toml", config=CONFIG, base=base) as running:
        running.verb("send", f'{{"op":"deposit","account":{ACCOUNT},"asset":"USDT","amount":"1000000","client_id":1}}')
        times = measure(running.data, running.name, base, rounds, seconds)
    found: dict[str, Any] = {phase: {"ns": percentiles(each), "orders": len(each)} for phase, each in times.items()}
    quiet = found["quiet"]["ns"]
    for phase, each in found.items():
        each["of_quiet"] = {point: round(each["ns"][point] / quiet[point], 2) for point in ("p50", "p99")}
        tell(f"flood {phase:9} {text(each['ns'])}; p50 x {each['of_quiet']['p50']}, p99 x {each['of_quiet']['p99']}")
    return {**found, "conditions": conditions(wait="futex", rounds=rounds, seconds_a_phase=seconds)}


if __name__ == "__main__":
    kill_again_and_again(Path(sys.argv[1]))
