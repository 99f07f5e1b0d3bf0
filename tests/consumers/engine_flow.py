"""Random commands of the reference's streams through the real engine, for folds to be held against it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from config.catalog import Catalog, load_instruments
from config.json_commands import decode_all
from config.json_events import encode_all
from engine.core import Engine
from engine.state import Limits
from ops.offline import TradeLog
from tests.reference.features import ALL
from tests.reference.stream import CommandStream, instruments

LIMITS = Limits(max_orders=1 << 12, max_levels=1 << 12, max_accounts=1 << 8, max_balances=1 << 10, max_events=1024)


def catalog_of(listed: dict[str, Any], folder: Path) -> Catalog:
    """The instruments of the reference, by way of the file that they would stand in."""
    lines = []
    for table, rows in listed.items():
        for row in rows:
            fields = [f"{name} = {json.dumps(value)}" for name, value in row.items()]
            lines += [f"[[{table}]]", *fields, ""]
    path = folder / "instruments.toml"
    path.write_text("\n".join(lines))
    return load_instruments(str(path))


class EngineFlow:
    """An engine under everything that a command can be: junk, states, auctions, pairs, listings in mid-run, busts."""

    def __init__(self, seed: int, folder: Path, features: frozenset[str] = ALL) -> None:
        self.engine = Engine(LIMITS)
        self.source = CommandStream(seed, features)
        self.first = self.engine.run(catalog_of(instruments(features), folder).seed_commands())
        self.catalog = Catalog.from_events(self.first)
        self._trades = TradeLog()

    def events(self, steps: int) -> Iterator[np.ndarray]:
        """Events of the listings, then of so many commands, each with the steps that it led to."""
        yield self.first
        for _ in range(steps):
            command = self.source.next()
            text = command.encode() if isinstance(command, str) else command
            commands, _ = decode_all(text, self.catalog, self._trades.find)
            events = self.engine.run(commands)
            self.catalog.fold_all(events)
            self.source.saw(encode_all(events, self.catalog))
            self._trades.add(events)
            yield events


def reference_history(seed: int, steps: int, folder: Path) -> np.ndarray:
    """All events of such a flow."""
    return np.concatenate(list(EngineFlow(seed, folder).events(steps)))
