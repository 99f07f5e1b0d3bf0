"""Engines with much standing in them: 200 000 orders, 10 000 symbols, a million accounts with a million orders.

Made by NumPy, seeded. Each account trades one symbol, `orders` of them stand when the clock starts. Then orders are
cancelled one after another in an order of no pattern, and each is placed anew, elsewhere, once `DELAY` others have
been cancelled, so that nothing of it is in a near cache any more; after ten such pairs somebody takes one lot.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench import passes
from bench.cores import own_copy
from bench.passes import Workload
from config.catalog import Catalog
from engine.fold import apply_events
from engine.state import Limits, State
from ringbuf.codes import HAS_PRICE, HAS_QTY, NO_ID, NO_SYMBOL, Op, OrderType, Side, Stp, Tif
from ringbuf.records import COMMAND

START_NS = 1_700_000_000_000_000_000
MID_TICKS, REACH_TICKS = 100_000, 1_000  # distances from the middle are log-uniform, 1 to REACH_TICKS
LOTS_MAX = 200
DEPOSIT_UNITS = 1 << 40
PAIRS = 10  # cancel and place, then one taker
DELAY_SHARE = 10  # a cancelled order is placed anew when a tenth of all have been cancelled after it
SEED = 4


@dataclass(frozen=True)
class Standing:
    """One such engine. `name` as it is reported."""

    name: str
    symbols: int
    accounts: int
    orders: int
    commands: int
    active: int = 0  # so many of the orders are cancelled and placed anew, the rest stands still; 0 = all

    @property
    def limits(self) -> Limits:
        """Tables that hold it, with a quarter to spare."""
        orders, accounts = self.orders * 5 // 4, max(self.accounts * 5 // 4, 1 << 10)
        return Limits(
            max_orders=orders,
            max_levels=orders,
            max_nodes=max(1 << 16, orders),
            max_accounts=accounts,
            max_balances=2 * accounts,
            max_instruments=self.symbols + 16,
            max_assets=self.symbols + 16,
        )


ENGINES = (
    Standing("200k_orders", symbols=1, accounts=10_000, orders=200_000, commands=1_050_000),
    Standing("10k_symbols", symbols=10_000, accounts=20_000, orders=200_000, commands=1_050_000),
    Standing("1m_accounts", symbols=100, accounts=1_000_000, orders=1_000_000, commands=1_050_000),
)


def listings(symbols: int) -> Catalog:
    """One cash asset and so many others, each traded against it."""
    catalog = Catalog()
    catalog.add_asset("CASH", 6)
    terms = {
        "lot_base_units": 10_000,
        "tick_lot_quote_units": 100,
        "price_min_ticks": 1,
        "price_max_ticks": 10 * MID_TICKS,
        "maker_fee_ppm": 100,
        "taker_fee_ppm": 200,
        "qty_min_lots": 0,
        "qty_max_lots": 0,
        "min_notional": 0,
        "market_collar_ppm": 0,
        "max_open_orders": 0,
    }
    for number in range(1, symbols + 1):
        catalog.add_asset(f"S{number}", 8)
        catalog.add_instrument(f"S{number}-CASH", number, 0, terms)
    return catalog


def _deposits(engine: Standing) -> np.ndarray:
    """Cash and the base asset of its symbol for each account; client ids 1 and 2."""
    commands = np.zeros(2 * engine.accounts, COMMAND)
    commands["op"] = Op.DEPOSIT
    commands["ts_ns"] = START_NS
    commands["account"] = np.repeat(np.arange(1, engine.accounts + 1), 2)
    commands["symbol"][1::2] = 1 + np.arange(engine.accounts) % engine.symbols  # asset ids; cash is 0
    commands["client_id"] = np.tile([1, 2], engine.accounts)
    commands["qty_lots"] = DEPOSIT_UNITS
    commands["mask"] = HAS_QTY
    return commands


def _places(account: np.ndarray, engine: Standing, rng: np.random.Generator) -> np.ndarray:
    """Resting orders of these accounts, one each; client ids are given later."""
    commands = np.zeros(len(account), COMMAND)
    side = rng.integers(0, 2, len(account))
    distance = np.exp(rng.random(len(account)) * np.log(REACH_TICKS)).astype(np.int64)
    commands["op"] = Op.PLACE
    commands["account"] = account
    commands["symbol"] = (account - 1) % engine.symbols
    commands["side"] = side
    commands["order_type"] = OrderType.LIMIT
    commands["tif"] = Tif.GTC
    commands["stp"] = Stp.NONE
    commands["orig_client_id"] = NO_ID
    commands["price_ticks"] = np.where(side == Side.BUY, MID_TICKS - distance, MID_TICKS + distance)
    commands["qty_lots"] = rng.integers(LOTS_MAX // 2, LOTS_MAX, len(account))
    commands["mask"] = HAS_PRICE | HAS_QTY
    return commands


def _number_clients(commands: np.ndarray) -> None:
    """Client ids per account, growing in the order of the commands, above those of the deposits."""
    order = np.argsort(commands["account"], kind="stable")
    account = commands["account"][order]
    starts = np.flatnonzero(np.r_[True, account[1:] != account[:-1]])
    runs = np.diff(np.r_[starts, len(account)])
    numbers = np.empty(len(commands), np.int64)
    numbers[order] = 3 + np.arange(len(account)) - np.repeat(starts, runs)
    commands["client_id"] = numbers


def workload(engine: Standing, seed: int = SEED) -> Workload:
    """Listings, deposits and opening orders; then the commands that are measured."""
    rng = np.random.default_rng(seed)
    group = 2 * PAIRS + 1
    groups = engine.commands // group
    steps = PAIRS * groups
    owner = 1 + np.arange(engine.orders) % engine.accounts  # of the order in each place
    opening = _places(owner, engine, rng)
    visits = rng.permutation(engine.orders)[: engine.active or engine.orders]
    delay = max(1, len(visits) // DELAY_SHARE)
    cancelled = visits[np.arange(steps) % len(visits)]
    # A place is filled again `delay` steps later; before that many steps there is nothing to fill: a further order.
    filled = np.where(np.arange(steps) >= delay, visits[(np.arange(steps) - delay) % len(visits)], cancelled)

    flow = np.zeros((groups, group), COMMAND)
    again = _places(owner[filled], engine, rng)
    cancels = np.zeros(steps, COMMAND)
    cancels["op"] = Op.CANCEL
    cancels["account"] = owner[cancelled]
    cancels["symbol"] = NO_SYMBOL
    flow[:, 0 : 2 * PAIRS : 2] = cancels.reshape(groups, PAIRS)
    flow[:, 1 : 2 * PAIRS : 2] = again.reshape(groups, PAIRS)
    takers = _places(rng.integers(1, engine.accounts + 1, groups), engine, rng)
    takers["tif"] = Tif.IOC
    takers["qty_lots"] = 1
    takers["price_ticks"] = np.where(takers["side"] == Side.BUY, MID_TICKS + REACH_TICKS, MID_TICKS - REACH_TICKS)
    flow[:, 2 * PAIRS] = takers
    commands = np.concatenate([opening, flow.ravel()])
    commands["ts_ns"] = START_NS + np.arange(len(commands)) * 1_000
    _number_clients(commands)
    flow = commands[engine.orders :].reshape(groups, group)
    _aim(commands["client_id"][: engine.orders], flow, len(visits), cancelled, filled, delay)
    setup = np.concatenate([listings(engine.symbols).seed_commands(), _deposits(engine), commands[: engine.orders]])
    return Workload(engine.limits, setup, own_copy(commands[engine.orders :]))


def _aim(
    opening: np.ndarray, flow: np.ndarray, active: int, cancelled: np.ndarray, filled: np.ndarray, delay: int
) -> None:
    """Each cancel names, by its client id, the order that stands in its place by then."""
    placed_as = flow["client_id"][:, 1 : 2 * PAIRS : 2].ravel()
    aims = opening[cancelled]
    again = np.arange(len(cancelled)) >= active  # the place was visited before: what filled it then
    aims[again] = placed_as[np.flatnonzero(again) - active + delay]
    assert np.array_equal(filled[np.flatnonzero(again) - active + delay], cancelled[again])
    flow["orig_client_id"][:, 0 : 2 * PAIRS : 2] = aims.reshape(len(flow), PAIRS)


def measure(engine: Standing, runs: int) -> dict[str, Any]:
    """Its rate, what stood in it, its memory, and how long its whole history takes to fold into a fresh state."""
    load = workload(engine)
    figures, proof = passes.measure(load, runs)
    assert proof.kept is not None
    history = own_copy(proof.kept)
    begin = time.perf_counter()
    state = State(engine.limits)
    state.use_huge_pages()
    folded = apply_events(state.address, history.ctypes.data, proof.setup_events)
    rebuild = time.perf_counter() - begin
    assert folded == proof.setup_events
    return {
        **figures,
        "symbols": engine.symbols,
        "accounts": engine.accounts,
        "open_orders": int(state.record["order_count"]),
        "price_levels": int(state.record["level_count"]),
        "results": passes.counts_by_type(proof),
        "state_mib": round(proof.state_bytes / 2**20, 1),
        "rebuild_s": round(rebuild, 2),
        "rebuild_events": proof.setup_events,
    }


def run(runs: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """All of ENGINES."""
    found = {}
    for engine in ENGINES:
        found[engine.name] = figures = measure(engine, runs)
        tell(
            f"{engine.name:<16} {figures['messages_per_s'] / 1e6:6.2f} M messages/s   {figures['state_mib']} MiB,"
            f" rebuilt in {figures['rebuild_s']} s"
        )
    return found
