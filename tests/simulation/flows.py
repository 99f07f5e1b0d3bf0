"""What clients send: units of one command or one group, made once for a seed and kept."""

import random
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from itertools import count, islice
from pathlib import Path

import numpy as np

from config.catalog import Catalog
from config.json_commands import decode_all
from config.json_events import encode_all
from engine.core import Engine
from engine.state import Limits
from ops.offline import TradeLog
from ringbuf.codes import HAS_PRICE, HAS_QTY, NO_ID, Op, OrderType, Tif
from ringbuf.records import COMMAND
from tests.consumers.engine_flow import catalog_of
from tests.reference.features import ALL
from tests.reference.stream import CommandStream, instruments
from tests.simulation.clock import BEGIN_NS

# As small as they may be: five eighths of a ring of 256 hold what a turn of the engine asks for, and it laps.
LIMITS = Limits(
    max_orders=512, max_levels=512, max_nodes=1 << 12, max_accounts=32, max_balances=128, max_instruments=32,
    max_assets=32, max_busted=256, max_events=48, max_account_orders=14, max_symbol_trailing=4, max_account_trailing=2,
)  # fmt: skip
_MOST = 2**63 - 1
_ACCOUNTS = 4

Unit = np.ndarray  # COMMAND records that go into a lane together


@lru_cache(1)
def seeds() -> Catalog:
    """The instruments that every history begins with."""
    with tempfile.TemporaryDirectory() as folder:
        return catalog_of(instruments(ALL), Path(folder))


class Flow:
    """Units without end, each made when it is first asked for: histories share them."""

    def __init__(self, units: Iterator[Unit]) -> None:
        self._units = units
        self._made: list[Unit] = []

    def first(self, count: int) -> tuple[Unit, ...]:
        """The first so many; not to be changed."""
        self._made += islice(self._units, max(count - len(self._made), 0))
        return tuple(self._made[:count])


@lru_cache(64)
def flow(is_plain: bool, seed: int) -> Flow:
    """The flow of that kind and seed."""
    return Flow(_plain(seed) if is_plain else _rich(seed))


def _rich(seed: int) -> Iterator[Unit]:
    """Every kind of command there is, junk too. What they refer to by sequence may be another thing by then."""
    engine = Engine(LIMITS)
    stream = CommandStream(seed, ALL)
    events = engine.run(seeds().seed_commands())
    catalog = Catalog.from_events(events)
    trades = TradeLog()
    while True:
        command = stream.next()
        text = command.encode() if isinstance(command, str) else command
        unit, _ = decode_all(text, catalog, trades.find)
        for name in ("ts_ns", "expire_ts_ns"):
            later = [min(int(ts) + BEGIN_NS, _MOST) if ts > 0 or name == "ts_ns" else ts for ts in unit[name]]
            unit[name] = np.array(later, np.int64)
        events = engine.run(unit)
        catalog.fold_all(events)
        stream.saw(encode_all(events, catalog))
        trades.add(events)
        yield unit


def _plain(seed: int) -> Iterator[Unit]:
    """Orders, cancels, amends, deposits and withdrawals, each under a client id of its own and named by nothing else:
    sent twice, refused once, they come to the same."""
    dice = random.Random(seed)
    ids = dict.fromkeys(range(1, _ACCOUNTS + 1), 0)
    ts_ns = BEGIN_NS
    for at in count():
        account = at % _ACCOUNTS + 1 if at < 3 * _ACCOUNTS else dice.randint(1, _ACCOUNTS)
        ids[account] += 1
        ts_ns += dice.choice((0, 1_000, 1_000_000_000, 600_000_000_000))
        unit = np.zeros(1, COMMAND)
        row = unit[0]
        row["ts_ns"], row["account"], row["client_id"], row["orig_client_id"] = ts_ns, account, ids[account], NO_ID
        _fill(row, dice, at, ids[account])
        yield unit


def _fill(row: np.void, dice: random.Random, at: int, client_id: int) -> None:
    """One command's own part."""
    roll = dice.random()
    if at < 3 * _ACCOUNTS or roll < 0.06:
        row["op"] = Op.WITHDRAW if at >= 3 * _ACCOUNTS and roll < 0.03 else Op.DEPOSIT
        row["symbol"], row["qty_lots"] = (at // _ACCOUNTS if at < 3 * _ACCOUNTS else dice.randrange(3)), 50_000
        return
    row["symbol"] = dice.randrange(2)
    if roll < 0.76:
        row["op"], row["side"], row["stp"] = Op.PLACE, dice.randrange(2), dice.randrange(5)
        market = dice.random() < 0.1
        row["order_type"] = OrderType.MARKET if market else OrderType.LIMIT
        row["tif"] = dice.choice((Tif.GTC, Tif.GTC, Tif.GTC, Tif.IOC))
        row["qty_lots"] = dice.randint(2, 20)
        row["mask"] = HAS_QTY if market else HAS_QTY | HAS_PRICE
        if not market:
            row["price_ticks"] = dice.randint(16, 22)
        return
    row["op"] = Op.CANCEL if roll < 0.88 else Op.AMEND
    row["orig_client_id"] = max(1, client_id - dice.randint(1, 8))
    if row["op"] == Op.AMEND:
        row["price_ticks"], row["qty_lots"], row["mask"] = (
            dice.randint(16, 22),
            dice.randint(2, 20),
            HAS_PRICE | HAS_QTY,
        )
