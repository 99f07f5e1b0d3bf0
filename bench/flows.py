"""Order flow as it comes from a market: the recorded half hour where it can be had, and the generator's mix."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench import passes
from bench.passes import Workload
from config.catalog import load_instruments
from config.json_commands import decode_lines
from engine.state import Limits
from ops.convert import convert
from ops.convert.fetch import DEFAULT_CACHE, FetchError, fetch
from ops.convert.generate import generate
from ringbuf.codes import GROUP_MAX, Op
from ringbuf.records import COMMAND

SEED = 1
GENERATED, GENERATED_QUICK = 1_000_000, 200_000


def load_of(folder: Path, opening_orders: int) -> Workload:
    """The commands of a converted or generated flow; deposits and the opening book stand before the clock."""
    catalog = load_instruments(str(folder / "instruments.toml"))
    lines = (folder / "commands.jsonl").read_bytes().splitlines()
    records = np.zeros(len(lines) + GROUP_MAX, COMMAND)
    taken, count = decode_lines(lines, catalog, records)
    assert taken == count == len(lines), f"{taken} of {len(lines)} lines make {count} records"
    records = records[:count]
    deposits = int(np.argmin(records["op"] == Op.DEPOSIT))
    first = deposits + opening_orders
    return Workload(Limits(), np.concatenate([catalog.seed_commands(), records[:first]]), records[first:].copy())


def measure_flow(load: Workload, runs: int) -> dict[str, Any]:
    """Its rate, and what came of its commands."""
    figures, proof = passes.measure(load, runs)
    return {**figures, "results": passes.counts_by_type(proof)}


def recorded(cache: Path = DEFAULT_CACHE) -> Workload:
    """The recorded half hour of Bitstamp BTC/USD. Raises FetchError where it can't be had."""
    files = fetch(cache)
    with tempfile.TemporaryDirectory() as folder:
        summary = convert("bitstamp", files, folder)
        return load_of(Path(folder), summary.opening_orders)


def generated(commands: int) -> Workload:
    """The seeded generator's market, calibrated to that recording."""
    with tempfile.TemporaryDirectory() as folder:
        summary = generate(Path(folder), commands, SEED)
        return load_of(Path(folder), summary.opening_orders)


def run(runs: int, quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """Both flows; the recorded one is skipped, with the reason, where it is not there."""
    found: dict[str, Any] = {}
    try:
        found["recorded"] = measure_flow(recorded(), runs)
    except FetchError as error:
        found["recorded"] = {"skipped": str(error)}
    found["generated"] = measure_flow(generated(GENERATED_QUICK if quick else GENERATED), runs)
    for name, figures in found.items():
        said = figures.get("skipped") or f"{figures['messages_per_s'] / 1e6:6.2f} M messages/s"
        tell(f"{name:<16} {said}")
    return found
