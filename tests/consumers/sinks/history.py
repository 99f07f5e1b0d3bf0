"""A history in a journal, of everything that can happen, for targets to be given and held against."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from config.catalog import LISTING_FIELDS, Catalog
from config.instruments import build_catalog
from consumers.journal.checks import fill_checksums, whole_commands
from consumers.journal.reader import JournalReader
from consumers.journal.writer import JournalWriter
from consumers.sinks.target import Batch, Target
from engine.core import Engine
from ops.sinks import compare
from ringbuf.codes import FLAG_LAST, EventType, Op, Reason
from ringbuf.records import (
    COMMAND_LIST_ASSET,
    COMMAND_LIST_INSTRUMENT,
    EVENT,
    EVENT_LISTED_ASSET,
    EVENT_LISTED_INSTRUMENT,
    EVENT_ORDER,
)
from tests.consumers.engine_flow import LIMITS, reference_history
from tests.consumers.journal_files import EPOCH


@dataclass
class History:
    """Events (EVENT), also as the journal in `data`."""

    data: Path
    events: np.ndarray

    @property
    def last(self) -> int:
        """The highest sequence."""
        return len(self.events)

    def batch(self, after: int, upto: int) -> Batch:
        """The events after a cursor, up to the end of the command that `upto` is in the middle of."""
        while upto < self.last and whole_commands(self.events[after:upto]) != upto - after:
            upto += 1
        return Batch(self.events[after:upto].copy(), after, upto, Catalog.from_events(self.events[:upto]))

    def batches(self, after: int, size: int, upto: int | None = None) -> Iterator[Batch]:
        """What follows a cursor, in batches of about `size` events."""
        upto = self.last if upto is None else upto
        while after < upto:
            batch = self.batch(after, min(after + size, upto))
            yield batch
            after = batch.upto

    def expect_in(self, target: Target) -> None:
        """The target, opened or looking, holds exactly this history up to its cursor, which is the end."""
        at = target.look(EPOCH)
        assert at == self.last
        with JournalReader(self.data) as journal:
            ok, said = compare(target, at, journal)
        assert ok, said


def make_history(folder: Path, seed: int, steps: int = 600) -> History:
    """Random commands of every kind through the engine, and what it said in a journal."""
    folder.mkdir(parents=True, exist_ok=True)
    return in_journal(folder, reference_history(seed, steps, folder))


def at_the_limits(folder: Path) -> History:
    """Events with the least and the most that each field can hold: 63 bits, 18 decimals, names of 16 characters."""
    folder.mkdir(parents=True, exist_ok=True)
    terms = {"maker_fee_ppm": 0, "taker_fee_ppm": 1_000_000}
    one = {
        "tick_size": "0.000000000000000001",
        "price_min": "0.000000000000000001",
        "price_max": "9.223372036854775807",
    }
    listed = build_catalog(
        {
            "asset": [{"name": "W" * 16, "decimals": 0}, {"name": "w" * 16, "decimals": 18}],
            "instrument": [
                {"symbol": "a._-" * 4, "base": "W" * 16, "quote": "w" * 16, "lot_size": "1", **one, **terms},
                {"symbol": "A._-" * 4, "base": "W" * 16, "quote": "w" * 16, "lot_size": "1", **one, **terms},
            ],
        }
    )
    first = Engine(LIMITS).run(listed.seed_commands())
    most = (1 << 63) - 1
    made = np.zeros(8, EVENT)
    made["type"] = [EventType.DEPOSITED, EventType.TRADE] * 2 + [EventType.ACCEPTED, EventType.CANCELLED] * 2
    for name in EVENT.names or ():
        if name in ("seq", "type", "flags", "side", "reason", "symbol", "crc", "session"):
            continue
        made[name][4:] = 1
        made[name][:4] = most if made[name].dtype.itemsize == 8 else (1 << 32) - 2
    made["symbol"] = [0, 0, 1, 1] * 2
    made["reason"][5] = max(Reason)
    orders = made.view(EVENT_ORDER)
    orders["order_type"][4:] = 1
    orders["price_ticks"][4:], orders["expire_ts_ns"][4:], orders["order_flags"][4:] = most, most, 0
    made["seq"] = np.arange(len(first) + 1, len(first) + 1 + len(made))
    made["flags"] = FLAG_LAST
    fill_checksums(made)
    return in_journal(folder, np.concatenate([first, made]))


def hostile(folder: Path, symbols: list[str]) -> History:
    """Trades of instruments whose names order entry would never take."""
    listed = Catalog()
    for name in ("B", "Q"):
        listed.add_asset(name, 0)
    terms = dict.fromkeys(LISTING_FIELDS, 0) | {"lot_base_units": 1, "tick_lot_quote_units": 1, "price_max_ticks": 9}
    for symbol in symbols:
        listed.add_instrument(symbol[:16], 0, 1, terms)
    commands = listed.seed_commands()
    events = np.zeros(len(commands) + len(symbols), EVENT)
    seeds = events[: len(commands)]
    _as_listed(seeds, commands)
    trades = events[len(commands) :]
    trades["type"], trades["symbol"] = EventType.TRADE, np.arange(len(symbols))
    for name in ("qty_lots", "price_ticks", "order_id", "maker_order_id"):
        trades[name] = 1
    events["seq"], events["flags"] = np.arange(1, len(events) + 1), FLAG_LAST
    fill_checksums(events)
    return in_journal(folder, events)


def _as_listed(events: np.ndarray, commands: np.ndarray) -> None:
    """Make `listed` events of the commands that list."""
    counts = {EventType.LISTED_ASSET: 0, EventType.LISTED_INSTRUMENT: 0}
    for at, command in enumerate(commands):
        asset = command["op"] == Op.LIST_ASSET
        kind = EventType.LISTED_ASSET if asset else EventType.LISTED_INSTRUMENT
        to = events[at : at + 1].view(EVENT_LISTED_ASSET if asset else EVENT_LISTED_INSTRUMENT)
        source = commands[at : at + 1].view(COMMAND_LIST_ASSET if asset else COMMAND_LIST_INSTRUMENT)
        for name in ("name", "decimals") if asset else ("name", "base", "quote", *LISTING_FIELDS):
            to[name] = source[name]
        to["type"], to["symbol"] = kind, counts[kind]
        counts[kind] += 1


def in_journal(folder: Path, events: np.ndarray) -> History:
    """These events, in a journal."""
    data = folder / "data"
    writer = JournalWriter(data, EPOCH, "journal", 16)
    writer.append(events)
    writer.sync()
    writer.close()
    return History(data, events)
