"""matchline and what PyPI has of matching engines, on one workload, one after another on the same core.

The yardstick's `normal` scenario less what not all of them know: limit orders good till cancelled, and cancels.
matchline runs all of it, whole, with its second process reading; a slow peer only the first part, on which its book
is shallower. After the clock the lots that stand in both books must be the same.
"""

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench import passes
from bench.cores import own_copy, pinned
from bench.passes import Workload
from bench.peers import adapters
from bench.peers.environment import PEERS, PeerError, interpreter
from bench.yardstick import workload
from bench.yardstick.measure import load_of
from bench.yardstick.workload import MODIFY
from ringbuf.codes import EventType

RUNS, RUNS_QUICK = 3, 1
SECONDS, SECONDS_QUICK = 4.0, 1.0  # how long a peer's run may take, about
_FIRST = 2_000  # messages, to see how fast it is
_PEER_SECONDS_MAX = 240


def messages_for_all(orders: int = workload.ORDERS) -> np.ndarray:
    """What every peer understands of the scenario `normal`."""
    messages = workload.make(workload.scenario("normal"), orders)
    immediate = np.zeros(orders + 1, bool)
    immediate[messages["order"][messages["ioc"] == 1]] = True
    return np.ascontiguousarray(messages[(messages["kind"] != MODIFY) & ~immediate[messages["order"]]])


def open_lots(load: Workload) -> int:
    """Lots that stand in matchline's book after a workload, from its events."""
    run = passes.run_once(load, keep=True)
    assert run.kept is not None
    events = run.kept[run.setup_events :]
    lots = {kind: int(events["qty_lots"][events["type"] == kind].sum()) for kind in EventType}
    return lots[EventType.ACCEPTED] - 2 * lots[EventType.TRADE] - lots[EventType.CANCELLED]


def first_part(load: Workload, count: int) -> Workload:
    """The same workload, its first messages only."""
    assert load.targets is not None
    return Workload(load.limits, load.setup, own_copy(load.commands[:count]), load.targets[:count])


def run_peer(python: Path, name: str, path: Path, count: int) -> dict[str, Any]:
    """One run of a peer, pinned to the core that the engine had. Raises PeerError."""
    command = [str(python), adapters.__file__, name, str(path), str(count)]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    try:
        with pinned(0):
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=_PEER_SECONDS_MAX, check=False
            )
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"{name}: no end after {_PEER_SECONDS_MAX} s") from error
    if done.returncode != 0:
        raise PeerError(f"{name}: {(done.stderr.strip().splitlines() or ['it failed'])[-1]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure_peer(python: Path, name: str, path: Path, load: Workload, runs: int, seconds: float) -> dict[str, Any]:
    """Its rate over as many messages as fit the time, and whether its book came out as matchline's."""
    total = len(load.commands)
    first = run_peer(python, name, path, min(_FIRST, total))
    count = min(total, max(_FIRST, int(seconds * first["messages"] / first["seconds"])))
    timed = [run_peer(python, name, path, count) for _ in range(runs)]
    return {
        "version": PEERS[name],
        "messages_per_s": round(count / statistics.median(run["seconds"] for run in timed)),
        "messages": count,
        "runs": runs,
        "same_book": all(run["open_lots"] == open_lots(first_part(load, count)) for run in timed[:1]),
    }


def run(quick: bool, tell: Callable[[str], None], orders: int = workload.ORDERS) -> dict[str, Any]:
    """matchline first, then every peer; one that can't be had is skipped with the reason."""
    runs, seconds = (RUNS_QUICK, SECONDS_QUICK) if quick else (RUNS, SECONDS)
    messages = messages_for_all(orders)
    load = load_of(messages)
    own, _ = passes.measure(load, runs)
    tell(f"peers: matchline {own['messages_per_s'] / 1e6:.2f} M messages/s")
    found: dict[str, Any] = {"matchline": own}
    try:
        python = interpreter()
    except PeerError as error:
        return {**found, **{name: {"skipped": str(error)} for name in PEERS}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "messages.npy"
        np.save(path, messages)
        for name in PEERS:
            try:
                found[name] = measure_peer(python, name, path, load, runs, seconds)
            except PeerError as error:
                found[name] = {"skipped": str(error)}
                tell(f"peers: {error}")
                continue
            found[name]["times_slower"] = round(own["messages_per_s"] / found[name]["messages_per_s"], 1)
            tell(f"peers: {name} {found[name]['messages_per_s'] / 1e6:.3f} M messages/s")
    return found
