"""Flows that try to make one command, or the engine's tables, cost far more than they should.

Each flow is a set-up, which is not measured, and the commands that are. Tests run them small and look at what they
leave behind; `bench.attacks` runs them in full and takes the time of every command.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from config.instruments import build_catalog
from engine.mixing import mixes
from engine.state import Limits
from ringbuf.codes import (
    CMD_PAIRED,
    HAS_DISPLAY,
    HAS_EXPIRE,
    HAS_PRICE,
    HAS_QTY,
    HAS_STOP_PRICE,
    HAS_TRAIL,
    NO_ACCOUNT,
    NO_ID,
    NO_SYMBOL,
    Op,
    OrderType,
    Side,
    Stp,
    SymbolState,
    Tif,
)
from ringbuf.records import COMMAND

BASE, QUOTE = 0, 1  # asset ids
BUY, SELL = int(Side.BUY), int(Side.SELL)
PLENTY = 1 << 52
MIDDLE = 1 << 20  # a price with room on both sides
HIGHEST = 1 << 40
PER_ACCOUNT = 7_000  # orders that an account of a flow holds at most; the engine's cap is 8 000
VICTIM, TAKER, FIRST = 1, 2, 10  # accounts; the attacker's are FIRST and those behind it
_WORD = 1 << 64


@dataclass(frozen=True)
class Flow:
    """One attack."""

    setup: np.ndarray
    commands: np.ndarray
    limits: Limits = Limits()
    seed: int = 1  # of the tables' hashes; 0 where the attacker knows it
    events_max: int = 2  # that one of the commands emits


def listing(assets: int = 2) -> np.ndarray:
    """Two assets, more where asked, and one instrument whose money is easily counted: lot and tick are one unit."""
    names = ["BASE", "QUOTE", *(f"A{number}" for number in range(2, assets))]
    instrument = {
        "symbol": "BASE-QUOTE", "base": "BASE", "quote": "QUOTE", "tick_size": "1", "lot_size": "1",
        "price_min": "1", "price_max": str(HIGHEST), "maker_fee_ppm": 0, "taker_fee_ppm": 0,
    }  # fmt: skip
    catalog = build_catalog({"asset": [{"name": name, "decimals": 0} for name in names], "instrument": [instrument]})
    return catalog.seed_commands()


def commands(count: int, op: Op, account: Any, client_id: Any, **fields: Any) -> np.ndarray:
    """So many commands; fields are numbers or one for each."""
    made = np.zeros(count, COMMAND)
    made["op"], made["account"], made["client_id"], made["orig_client_id"] = op, account, client_id, NO_ID
    for name, value in fields.items():
        made[name] = value
    return made


def orders(count: int, account: Any, client_id: Any, side: int, price: Any, qty: Any = 1, **fields: Any) -> np.ndarray:
    """Limit orders that trade with their own account as with any other, unless fields say otherwise."""
    terms = {"mask": HAS_PRICE | HAS_QTY, "side": side, "price_ticks": price, "qty_lots": qty, "stp": Stp.NONE}
    return commands(count, Op.PLACE, account, client_id, **(terms | fields))


def cancels(account: Any, client_id: Any, orig_client_id: Any) -> np.ndarray:
    """Cancels by client id."""
    made = commands(len(orig_client_id), Op.CANCEL, account, client_id)
    made["orig_client_id"] = orig_client_id
    return made


def markets(count: int, account: int, first_id: int, side: int, qty: Any, **fields: Any) -> np.ndarray:
    """Market orders."""
    terms = {"order_type": OrderType.MARKET, "mask": HAS_QTY, "price_ticks": 0}
    return orders(count, account, first_id + np.arange(count), side, 0, qty, **(terms | fields))


def deposits(accounts: Any, first_id: int = 0, assets: tuple[int, ...] = (BASE, QUOTE)) -> np.ndarray:
    """Both assets for each account, under the lowest client ids."""
    accounts = np.atleast_1d(accounts)
    each = PLENTY // (len(accounts) + 4)
    parts = [
        commands(len(accounts), Op.DEPOSIT, accounts, first_id + at, symbol=asset, qty_lots=each)
        for at, asset in enumerate(assets)
    ]
    return np.concatenate(parts)


def times(count: int) -> np.ndarray:
    """Commands that do nothing but use up a sequence."""
    return commands(count, Op.TIME, NO_ACCOUNT, NO_ID, symbol=NO_SYMBOL)


def begun(*parts: np.ndarray, holders: int = 1) -> np.ndarray:
    """The listing, funds for victim, taker and so many accounts of the attacker, then these."""
    accounts = np.concatenate([[VICTIM, TAKER], FIRST + np.arange(holders)])
    return np.concatenate([listing(), deposits(accounts), *parts])


def holders_for(count: int) -> int:
    """Accounts that it takes to hold so many orders."""
    return -(-count // PER_ACCOUNT)


def spread_out(count: int) -> tuple[np.ndarray, np.ndarray]:
    """(account, client id) of so many orders over as many accounts as they need; ids from 10."""
    at = np.arange(count)
    return FIRST + at // PER_ACCOUNT, 10 + at % PER_ACCOUNT


def scattered(count: int, top: int) -> np.ndarray:
    """So many prices from 1 to top as far from each other as can be, in an order that keeps them so."""
    golden = 11400714819323198485  # 2**64 / golden ratio
    fractions = (np.arange(1, count + 1, dtype=np.uint64) * np.uint64(golden)) >> np.uint64(1)
    return np.maximum(1, (fractions // np.uint64((1 << 63) // top)).astype(np.int64))


def roomy(count: int) -> Limits:
    """Default limits, and room for so many orders."""
    most = max(Limits().max_orders, 1 << (count + 1000).bit_length())
    return replace(Limits(), max_orders=most, max_levels=most)


# --- prices ----------------------------------------------------------------------------------------------------------


def isolated_prices(count: int) -> Flow:
    """Asks that share hardly a page of the tree of prices, placed and cancelled again."""
    account, client_id = spread_out(count)
    placed = orders(count, account, client_id, SELL, scattered(count, HIGHEST))
    ended = cancels(account, client_id + PER_ACCOUNT, client_id)
    return Flow(begun(holders=holders_for(count)), np.concatenate([placed, ended]), roomy(count))


def flapping_price(count: int) -> Flow:
    """One isolated price made and removed again and again, beside a book that keeps the tree tall."""
    rest = orders(64, FIRST, 10 + np.arange(64), SELL, scattered(64, HIGHEST))
    pairs = np.zeros(2 * count, COMMAND)
    ids = 100 + 2 * np.arange(count)
    pairs[0::2] = orders(count, FIRST, ids, SELL, HIGHEST // 3)
    pairs[1::2] = cancels(FIRST, ids + 1, ids)
    return Flow(begun(rest), pairs)


def deep_queue(count: int) -> Flow:
    """All orders at one price, cancelled from the middle outwards."""
    account, client_id = spread_out(count)
    placed = orders(count, account, client_id, SELL, MIDDLE)
    at = np.arange(count)
    outwards = count // 2 + np.where(at % 2 == 0, at // 2, -(at // 2) - 1)
    outwards = outwards[(outwards >= 0) & (outwards < count)]
    ended = cancels(account[outwards], _counted(account[outwards], 10 + PER_ACCOUNT), client_id[outwards])
    return Flow(begun(placed, holders=holders_for(count)), ended, roomy(count))


def _counted(accounts: np.ndarray, first: int) -> np.ndarray:
    """first, first + 1, … for each account by itself, in the order in which it comes."""
    order = np.argsort(accounts, kind="stable")
    begins = np.searchsorted(accounts[order], accounts[order], side="left")
    counted = np.empty(len(accounts), np.int64)
    counted[order] = first + np.arange(len(accounts)) - begins
    return counted


# --- sweeps and walks ------------------------------------------------------------------------------------------------


def _many_levels(count: int, qty: int = 1, **fields: Any) -> np.ndarray:
    account, client_id = spread_out(count)
    return orders(count, account, client_id, SELL, MIDDLE + np.arange(count), qty, **fields)


def sweep(count: int) -> Flow:
    """Market buys for the whole book, one order a price: each goes as far as one command may."""
    limits = roomy(count)
    asked = markets(-(-count // (limits.max_events - 8)), TAKER, 10, BUY, count)
    return Flow(begun(_many_levels(count), holders=holders_for(count)), asked, limits, events_max=limits.max_events)


def unfillable_fok(count: int) -> Flow:
    """Fill-or-kill for one lot more than the book has, again and again: it walks, and trades nothing."""
    asked = orders(200, TAKER, 10 + np.arange(200), BUY, MIDDLE + count, count + 1, tif=Tif.FOK)
    return Flow(begun(_many_levels(count), holders=holders_for(count)), asked, roomy(count))


def poor_fok(count: int) -> Flow:
    """The same by an account that could not pay for it."""
    setup = begun(_many_levels(count), holders=holders_for(count))
    poor = commands(1, Op.DEPOSIT, 3, 0, symbol=QUOTE, qty_lots=1)
    asked = orders(200, 3, 10 + np.arange(200), BUY, MIDDLE + count, count + 1, tif=Tif.FOK)
    return Flow(np.concatenate([setup, poor]), asked, roomy(count))


def own_fok(count: int) -> Flow:
    """Fill-or-kill that passes over its own orders (cancel_maker) and finds no others."""
    mine = orders(PER_ACCOUNT, FIRST, 10 + np.arange(PER_ACCOUNT), SELL, MIDDLE + np.arange(PER_ACCOUNT))
    asked = orders(
        min(count, 200), FIRST, 20_000 + np.arange(min(count, 200)), BUY, 2 * MIDDLE, 1, tif=Tif.FOK,
        stp=Stp.CANCEL_MAKER,
    )  # fmt: skip
    return Flow(begun(mine), asked)


def own_sweep(count: int) -> Flow:
    """A taker that cancels all of its own makers on its way (cancel_maker)."""
    mine = min(count, PER_ACCOUNT)
    resting = orders(mine, FIRST, 10 + np.arange(mine), SELL, MIDDLE + np.arange(mine))
    asked = orders(1, FIRST, 20_000, BUY, 2 * MIDDLE, 1, stp=Stp.CANCEL_MAKER)
    return Flow(begun(resting), asked, events_max=mine + 2)


def tiny_slices(count: int) -> Flow:
    """An iceberg that shows one lot of very many, taken by a market order: a trade for every lot."""
    berg = orders(1, FIRST, 10, SELL, MIDDLE, count, mask=HAS_PRICE | HAS_QTY | HAS_DISPLAY, display_lots=1)
    most = Limits().max_events
    asked = markets(min(10, -(-count // (most - 8))), TAKER, 10, BUY, count)
    return Flow(begun(berg), asked, events_max=most)


# --- an account's own orders -----------------------------------------------------------------------------------------


def mass_cancel(count: int) -> Flow:
    """All orders of an account at once, every one at an isolated price."""
    mine = min(count, Limits().max_account_orders)
    resting = orders(mine, FIRST, 10 + np.arange(mine), SELL, scattered(mine, HIGHEST))
    asked = commands(1, Op.MASS_CANCEL, FIRST, 20_000, symbol=NO_SYMBOL)
    return Flow(begun(resting), asked, events_max=mine + 1)


def pairs_swept(count: int) -> Flow:
    """Resting orders of which each has a waiting partner that ends before the trade."""
    made = min(count, PER_ACCOUNT // 2)
    ids = 10 + 2 * np.arange(made)
    resting = orders(made, FIRST, ids, SELL, MIDDLE + np.arange(made))
    waiting = orders(
        made, FIRST, ids + 1, SELL, 0, order_type=OrderType.STOP, mask=HAS_QTY | HAS_STOP_PRICE,
        stop_price_ticks=scattered(made, MIDDLE - 1), flags=CMD_PAIRED, orig_client_id=ids,
    )  # fmt: skip
    both = np.zeros(2 * made, COMMAND)
    both[0::2], both[1::2] = resting, waiting
    return Flow(begun(both), markets(1, TAKER, 10, BUY, made), events_max=2 * made + 2)


# --- waiting orders --------------------------------------------------------------------------------------------------


def _stops(count: int, stop_price: Any, **fields: Any) -> np.ndarray:
    account, client_id = spread_out(count)
    terms = {"order_type": OrderType.STOP, "mask": HAS_QTY | HAS_STOP_PRICE, "stop_price_ticks": stop_price}
    return orders(count, account, client_id, SELL, 0, **(terms | fields))


def cascade(count: int) -> Flow:
    """Sell stops and bids in a ladder: each triggered stop prints at the price that triggers the next one."""
    at = np.arange(count)
    bids = orders(count + 1, VICTIM, 10 + np.arange(count + 1), BUY, MIDDLE - np.arange(count + 1))
    setup = begun(bids, _stops(count, MIDDLE - at), holders=holders_for(count))
    limits = replace(roomy(2 * count), max_account_orders=count + 10)
    return Flow(setup, markets(1, TAKER, 10, SELL, 1), limits, events_max=3)


def stops_of_one_print(count: int) -> Flow:
    """Very many stops at one price, all hit by one print."""
    bids = orders(1, VICTIM, 10, BUY, MIDDLE, 1)
    setup = begun(bids, _stops(count, MIDDLE), holders=holders_for(count))
    return Flow(setup, markets(1, TAKER, 10, SELL, 1), roomy(count), events_max=3)


def trailing_in_the_way(count: int) -> Flow:
    """As many trailing stops as a symbol takes, half of them far away and older, and a rising market that the other
    half follows at every print."""
    most, own = Limits().max_symbol_trailing, Limits().max_account_trailing
    at = np.arange(most)
    far = at < most // 2
    trailing = orders(
        most, FIRST + at // own, 10 + at, SELL, np.where(far, MIDDLE // 2, 10), order_type=OrderType.TRAILING_STOP,
        mask=HAS_QTY | HAS_STOP_PRICE | HAS_TRAIL, stop_price_ticks=np.where(far, MIDDLE - 1, 1),
    )  # fmt: skip
    prints = min(count, 200)
    asks = orders(prints + 1, VICTIM, 10 + np.arange(prints + 1), SELL, MIDDLE + np.arange(prints + 1))
    setup = begun(asks, markets(1, TAKER, 10, BUY, 1), trailing, holders=most // own)
    return Flow(setup, markets(prints, TAKER, 20, BUY, 1), events_max=2)


def one_moment(count: int) -> Flow:
    """Orders that all expire at the same nanosecond, in the middle of another account's commands."""
    account, client_id = spread_out(count)
    mask = HAS_PRICE | HAS_QTY | HAS_EXPIRE
    gone = orders(count, account, client_id, SELL, scattered(count, HIGHEST), mask=mask, tif=Tif.GTD, expire_ts_ns=1000)
    asked = orders(10, VICTIM, 10 + np.arange(10), BUY, 1, ts_ns=995 + np.arange(10))
    return Flow(begun(gone, holders=holders_for(count)), asked, roomy(count))


# --- a symbol's end, an auction's end ---------------------------------------------------------------------------------


def delisting(count: int) -> Flow:
    """A symbol is delisted while very many orders stand in it, each at an isolated price: they end in steps."""
    account, client_id = spread_out(count)
    placed = orders(count, account, client_id, SELL, scattered(count, HIGHEST))
    asked = commands(1, Op.DELIST_INSTRUMENT, NO_ACCOUNT, NO_ID, symbol=0)
    return Flow(begun(placed, holders=holders_for(count)), asked, roomy(count), events_max=1)


def uncross(count: int) -> Flow:
    """An auction ends in which every order crosses every other one, each at a price of its own."""
    half = count // 2
    account, client_id = spread_out(count)
    at = np.arange(count)
    price = np.where(at % 2 == 0, MIDDLE + count - at, MIDDLE - count + at)
    made = orders(count, account, client_id, BUY, price)
    made["side"] = at % 2
    state = commands(1, Op.STATE, NO_ACCOUNT, NO_ID, symbol=0, symbol_state=SymbolState.AUCTION)
    resumed = commands(1, Op.RESUME, NO_ACCOUNT, NO_ID, symbol=0)
    return Flow(begun(state, made[: 2 * half], holders=holders_for(count)), resumed, roomy(count), events_max=1)


# --- hashes ----------------------------------------------------------------------------------------------------------


def _ids_that_meet(count: int, seed: int) -> np.ndarray:
    """Client ids, growing, whose hash under a seed is the same for an account: all 26 bits above the id's own six.

    These are bits of the product's upper half, so products are chosen that have none there, and divided again.
    """
    inverse = np.uint64(pow(mixes(seed)[0] % _WORD, -1, _WORD))
    found = np.zeros(0, np.uint64)
    draw = np.random.Generator(np.random.PCG64(7))
    while len(found) < count:
        keys = draw.integers(0, 1 << 32, 1 << 18, dtype=np.uint64) * inverse
        found = np.unique(np.concatenate([found, keys[keys < np.uint64(1 << 56)]]))
    return (found[:count] << np.uint64(6)).astype(np.int64)


def ids_that_meet(count: int, known_seed: bool) -> Flow:
    """Client ids chosen to begin in one cell, by who knows the default seed: in an engine that has it, or its own."""
    mine = min(count, PER_ACCOUNT)
    ids = _ids_that_meet(2 * mine, seed=0)
    placed = orders(mine, FIRST, ids[:mine], SELL, MIDDLE)
    # cancelled by whom they belong to, oldest first: each shifts the whole run
    return Flow(begun(), np.concatenate([placed, cancels(FIRST, ids[mine:], ids[:mine])]), seed=0 if known_seed else 1)


def ids_wrap(count: int) -> Flow:
    """Orders with consecutive ids left open until the sequence comes round to their cells again."""
    account, client_id = spread_out(count)
    limits = roomy(2 * count)
    left_open = orders(count, account, client_id, SELL, MIDDLE)
    cells = 1 << (2 * limits.max_orders - 1).bit_length()
    more = orders(count, account, client_id + PER_ACCOUNT, SELL, MIDDLE)
    setup = begun(left_open, times(cells - count), holders=holders_for(count))
    return Flow(setup, more, replace(limits, max_account_orders=2 * PER_ACCOUNT))


def accounts_that_meet(count: int, known_seed: bool) -> Flow:
    """Account numbers chosen to begin in four cells of the table of accounts; each withdraws something."""
    key_mix = np.uint64(mixes(0)[0] % _WORD)
    meeting = np.zeros(0, np.int64)
    for first in range(FIRST, 1 << 26, 1 << 20):
        numbers = np.arange(first, first + (1 << 20), dtype=np.uint64)
        meets = numbers * key_mix >> np.uint64(48) == 0  # the two bytes that count most
        meeting = np.concatenate([meeting, numbers[meets].astype(np.int64)])[:count]
    setup = np.concatenate([listing(), deposits(meeting)])
    asked = commands(len(meeting), Op.WITHDRAW, meeting, 10, symbol=QUOTE, qty_lots=1)
    return Flow(setup, asked, seed=0 if known_seed else 1, events_max=1)


def many_assets(count: int) -> Flow:
    """Accounts that hold every asset there is, and others that trade beside them."""
    assets = min(count, 1000)
    holders = FIRST + np.arange(50)
    held = [
        commands(len(holders), Op.DEPOSIT, holders, 100 + asset, symbol=asset, qty_lots=1) for asset in range(2, assets)
    ]
    others = 1_000 + np.arange(2_000)
    setup = np.concatenate([listing(assets), *held, deposits(others)])
    return Flow(setup, orders(len(others), others, 10, SELL, MIDDLE))


FLOWS: dict[str, Callable[[int], Flow]] = {
    "isolated prices": isolated_prices,
    "a price that comes and goes": flapping_price,
    "a queue cancelled from the middle": deep_queue,
    "sweeps of the whole book": sweep,
    "fok for more than there is": unfillable_fok,
    "the same without funds": poor_fok,
    "fok past own orders": own_fok,
    "cancel_maker through own orders": own_sweep,
    "iceberg of one-lot slices": tiny_slices,
    "mass cancel": mass_cancel,
    "pairs swept": pairs_swept,
    "stop cascade": cascade,
    "stops of one print": stops_of_one_print,
    "trailing stops in the way": trailing_in_the_way,
    "expiries at one nanosecond": one_moment,
    "delisting of a full symbol": delisting,
    "uncross of a full auction": uncross,
    "order ids left open until they wrap": ids_wrap,
    "client ids that meet, seed known": lambda count: ids_that_meet(count, known_seed=True),
    "client ids that meet, seed secret": lambda count: ids_that_meet(count, known_seed=False),
    "accounts that meet, seed known": lambda count: accounts_that_meet(count, known_seed=True),
    "accounts that meet, seed secret": lambda count: accounts_that_meet(count, known_seed=False),
    "accounts that hold every asset": many_assets,
}
