"""A data directory with much in it: a million open orders in a snapshot, ten million events after it, and how long
the journal and the engine need to be at work again on it.

Of two histories: one in which a tenth of the orders is cancelled and placed anew all the time and the others stand, as
in a market; one that goes through all of them in no pattern, so that nothing is ever in a near cache.
"""

import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench import standing
from config.settings import Settings, load
from consumers.journal.writer import JournalWriter
from engine.core import Engine
from engine.limits import limits_of
from engine.snapshots import newest_good, write_snapshot
from ringbuf.jit import ROOT

EPOCH = 1
CHUNK = 1 << 20
ALL = standing.Standing("all", symbols=100, accounts=1_000_000, orders=1_000_000, commands=9_800_000)
TENTH = replace(ALL, name="tenth", active=100_000)
ALL_QUICK = replace(ALL, accounts=100_000, orders=100_000, commands=980_000)
TENTH_QUICK = replace(ALL_QUICK, name="tenth", active=10_000)
_CONFIG = "[engine]\nmax_orders = 1250000\nmax_levels = 300000\nmax_accounts = 1250000\nmax_balances = 2500000\n"
# The two processes alone, as `up` runs them: the stores of the others are not what is measured.
_PROGRAM = """
import sys, time
from pathlib import Path
from ops.pipeline import start
from ops.processes import PROCESSES
name, data, config, base = sys.argv[1:]
table = tuple(spec for spec in PROCESSES if spec.name in ("journal", "engine"))
instruments = Path("config/instruments.toml")
said = lambda run: print("ready", flush=True)
sys.exit(start(name, Path(data), "laptop", Path(config), instruments, int(base), said, table))
"""


def settings_at(folder: Path) -> tuple[Settings, Path]:
    """Tables with room for it all; the settings and their file."""
    config = folder / "config.toml"
    config.write_text(_CONFIG)
    return load("laptop", config), config


def make(data: Path, settings: Settings, size: standing.Standing) -> dict[str, int]:
    """Write journal and snapshot; how many orders stand in the snapshot, how many events follow it."""
    load_of = standing.workload(size)
    engine = Engine(limits_of(settings.engine))
    writer = JournalWriter(data, EPOCH, "journal", settings.journal.blocks)
    for commands in (load_of.setup, load_of.commands):
        for at in range(0, len(commands), CHUNK):
            writer.append(engine.run(commands[at : at + CHUNK]))
        if commands is load_of.setup:
            write_snapshot(data, engine.state, EPOCH, 1)
            at_snapshot, orders = engine.seq, engine.header()["order_count"]
    writer.close()
    return {"open_orders": orders, "events_before": at_snapshot, "events_after": engine.seq - at_snapshot}


def load_snapshot(data: Path, settings: Settings) -> float:
    """Seconds to read and check the snapshot, as the engine does."""
    begin = time.perf_counter()
    found = newest_good(data, limits_of(settings.engine), EPOCH, int(np.iinfo(np.int64).max), print, for_engine=True)
    assert found is not None
    return time.perf_counter() - begin


def restart(name: str, data: Path, config: Path, base: int) -> dict[str, float]:
    """Start journal and engine, stop them: seconds from the command until ready, and the engine's own."""
    begin = time.perf_counter()
    command = [sys.executable, "-c", _PROGRAM, name, str(data), str(config), str(base)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    said = process.stdout.readline()
    ready_s = time.perf_counter() - begin
    process.terminate()
    if process.wait(120) != 0 or said != "ready\n":
        raise RuntimeError(f"journal and engine did not start or stop cleanly: see {data / 'logs'}")
    last = [line for line in (data / "logs" / "engine.log").read_text().splitlines() if " after " in line][-1]
    return {"ready_s": ready_s, "engine_s": float(last.split(" after ")[1].split()[0])}


def measure(folder: Path, name: str, base: int, runs: int, quick: bool) -> dict[str, Any]:
    """Of each history the medians of some restarts on it, under its name."""
    settings, config = settings_at(folder)
    found: dict[str, Any] = {"runs": runs}
    for size in (TENTH_QUICK, ALL_QUICK) if quick else (TENTH, ALL):
        data = folder / size.name
        made = make(data, settings, size)
        times = [restart(name, data, config, base) for _ in range(runs)]
        medians = {key: round(float(np.median([one[key] for one in times])), 2) for key in times[0]}
        found[size.name] = {**made, "snapshot_s": round(load_snapshot(data, settings), 2), **medians}
        shutil.rmtree(data)
    return found
