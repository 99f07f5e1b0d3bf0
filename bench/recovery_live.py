"""A whole pipeline: how long a warm start takes, and how long nobody answers when its engine is killed."""

import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from client.python.entry_client import EntryClient
from ops.run_file import read_run
from ringbuf.codes import NO_ACCOUNT, NO_ID, Op
from ringbuf.jit import ROOT
from ringbuf.records import COMMAND

PATIENCE_S = 60.0


def _verb(verb: str, data: Path, name: str, *more: str) -> None:
    command = [sys.executable, "-m", "ops.cli", verb, "--data", str(data), "--name", name, *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(f"{verb} ended with {done.returncode}: {done.stderr.strip()[-2_000:]}")


def _pid(data: Path, process: str) -> int:
    """Of a process that is at work; 0 while it is not."""
    run = read_run(data)
    row = run.processes[process] if run is not None else None
    return row.pid if row is not None and row.state == "running" else 0


def _wait(data: Path, process: str, other_than: int) -> int:
    deadline = time.monotonic() + PATIENCE_S
    while (pid := _pid(data, process)) in (0, other_than):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{process} is not at work after {PATIENCE_S:.0f} s")
        time.sleep(0.01)
    return pid


def take_over_once(data: Path, client: EntryClient) -> float:
    """Kill the engine, ask at once; milliseconds until the answer."""
    engine, replica = _wait(data, "engine", 0), _wait(data, "replica", 0)
    asked = np.zeros(1, COMMAND)
    asked["op"], asked["client_id"], asked["account"] = Op.TIME, NO_ID, NO_ACCOUNT
    begin = time.perf_counter()
    os.kill(engine, signal.SIGKILL)
    client.send(asked)
    while not len(client.receive(1000)):
        if time.perf_counter() - begin > PATIENCE_S:
            raise RuntimeError("no answer after the engine was killed")
    took = time.perf_counter() - begin
    _wait(data, "replica", replica)
    return took * 1e3


def measure(folder: Path, name: str, base: int, starts: int, kills: int) -> dict[str, Any]:
    """Warm starts from the command until all processes are at work (median, s); answers after kills (ms)."""
    seconds, answers = [], []
    _verb("up", folder / "first", name, "--detach", "--port-base", str(base))  # whatever has to be compiled
    _verb("down", folder / "first", name)
    for number in range(starts):
        data = folder / f"start{number}"
        begin = time.perf_counter()
        _verb("up", data, name, "--detach", "--port-base", str(base))
        seconds.append(time.perf_counter() - begin)
        if number == starts - 1:
            client = EntryClient(f"tcp://127.0.0.1:{base}")
            answers = [take_over_once(data, client) for _ in range(kills)]
            client.close()
        _verb("down", data, name)
    return {
        "warm_start_s": round(statistics.median(seconds), 2),
        "starts": starts,
        "take_over_ms": {"median": round(statistics.median(answers), 1), "max": round(max(answers), 1)},
        "kills": kills,
    }
