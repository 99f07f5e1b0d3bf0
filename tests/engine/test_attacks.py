"""Flows made to cost as much as can be: each command's events stay bounded, the tables stay right, full is refused."""

from dataclasses import replace

import numpy as np
import pytest

from bench.attack_flows import (
    BASE,
    BUY,
    FIRST,
    FLOWS,
    HIGHEST,
    MIDDLE,
    QUOTE,
    SELL,
    TAKER,
    VICTIM,
    Flow,
    begun,
    cancels,
    commands,
    deposits,
    ids_that_meet,
    listing,
    markets,
    orders,
    scattered,
)
from engine.core import Engine
from engine.state import ACCOUNT, Limits
from ringbuf.codes import (
    FLAG_LAST,
    HAS_DISPLAY,
    HAS_PRICE,
    HAS_QTY,
    HAS_STOP_PRICE,
    HAS_TRAIL,
    STEP_SESSION,
    EventType,
    Op,
    OrderType,
    Reason,
    Tif,
)
from tests.engine.invariants import Tables, check_everything

SMALL = 400


def answers(events: np.ndarray) -> list[np.ndarray]:
    """Events of each command and of each step, one after another."""
    ends = np.flatnonzero(events["flags"] & FLAG_LAST) + 1
    return np.split(events, ends[:-1])


def run(flow: Flow) -> tuple[Engine, np.ndarray]:
    """The engine after a flow, and the events of its commands."""
    engine = Engine(flow.limits, flow.seed)
    refused = engine.run(flow.setup)
    refused = refused[refused["type"] == EventType.REJECTED]
    assert len(refused) == 0, f"the set-up is refused: {refused[:3]}"
    return engine, engine.run(flow.commands)


def check_flow(flow: Flow, seed: int) -> None:
    """Bounded events, sound tables, and a fold under another seed that gives the same state."""
    engine = Engine(flow.limits, flow.seed)
    events = [engine.run(flow.setup)]
    assert not np.any(events[0]["type"] == EventType.REJECTED), "the set-up is refused"
    events.append(engine.run(flow.commands))
    found = answers(events[1])
    asked = [answer for answer in found if answer[-1]["session"] != STEP_SESSION]
    assert len(asked) == len(flow.commands), f"{len(asked)} answers to {len(flow.commands)} commands"
    most = max(len(answer) for answer in asked)
    assert most <= flow.events_max, f"a command emits {most} events, at most {flow.events_max} were expected"
    longest = max(len(answer) for answer in found)
    assert longest <= max(flow.events_max, 4), f"a step emits {longest} events"
    check_everything(engine)
    folded = Engine(flow.limits, seed)
    folded.apply(np.concatenate(events))
    assert folded.state_hash() == engine.state_hash(), "the events, folded, give another state"


@pytest.mark.parametrize("name", FLOWS)
def test_a_hostile_flow_is_answered_within_bounds_and_leaves_sound_tables(name: str) -> None:
    check_flow(FLOWS[name](SMALL), seed=12345)


@pytest.mark.long
@pytest.mark.parametrize("name", FLOWS)
def test_a_hostile_flow_of_full_size_is_answered_within_bounds_and_leaves_sound_tables(name: str) -> None:
    check_flow(FLOWS[name](10_000 if name == "stop cascade" else 100_000), seed=12345)


@pytest.mark.long
def test_a_queue_of_a_million_orders_is_cancelled_from_its_middle() -> None:
    engine, events = run(FLOWS["a queue cancelled from the middle"](1_000_000))
    assert np.all(events["type"] == EventType.CANCELLED) and len(events) == 1_000_000
    assert engine.header()["order_count"] == engine.header()["level_count"] == 0
    check_everything(engine)


@pytest.mark.parametrize("seed", [2, 3, 2**100 + 1])
def test_the_seed_of_the_tables_changes_no_event_and_no_state_hash(seed: int) -> None:
    flow = FLOWS["client ids that meet, seed secret"](SMALL)
    plain, other = Engine(flow.limits, seed=0), Engine(flow.limits, seed)
    for part in (flow.setup, flow.commands):
        assert plain.run(part).tobytes() == other.run(part).tobytes()
    assert plain.header()["key_mix"] != other.header()["key_mix"]
    assert plain.state_hash() == other.state_hash()


def longest_walk(engine: Engine) -> int:
    """Cells between where a client id is looked for first and where it lies, at most."""
    tables = Tables(engine)
    cells = np.flatnonzero(tables.clients)
    homes = (tables.clients[cells] >> 32 & 0xFFFFFFFF) & (len(tables.clients) - 1)
    return int(((cells - homes) % len(tables.clients)).max())


def test_client_ids_that_all_meet_under_the_seed_one_knows_do_not_under_another() -> None:
    count = 2_000
    walks = []
    for known in (True, False):
        flow = ids_that_meet(count, known_seed=known)
        engine = Engine(flow.limits, flow.seed)
        engine.run(flow.setup)
        engine.run(flow.commands[:count])
        assert engine.header()["order_count"] == count
        walks.append(longest_walk(engine))
    assert walks[0] > count // 2, (
        f"the ids were chosen to meet, and lie {walks[0]} cells apart: the test proves nothing"
    )
    assert walks[1] < 32, f"a client id lies {walks[1]} cells from where it is looked for"


@pytest.mark.parametrize("seed", range(12))
def test_consecutive_ids_lie_where_they_are_looked_for_under_any_seed(seed: int) -> None:
    count = 60_000
    limits = replace(Limits(), max_account_orders=1 << 17, max_orders=1 << 16)
    engine = Engine(limits, seed)
    at = np.arange(count)
    engine.run(begun(orders(count, FIRST, 10 + at, SELL, MIDDLE)))
    assert engine.header()["order_count"] == count
    assert longest_walk(engine) < 2_048, "with half of the cells in use, consecutive ids make long runs"


def test_the_accounts_of_one_cell_are_apart_under_another_seed() -> None:
    runs = []
    for name in ("accounts that meet, seed known", "accounts that meet, seed secret"):
        engine, _ = run(FLOWS[name](200))
        cells = Tables(engine).accounts["key"] != 0
        edges = np.flatnonzero(np.diff(np.concatenate([[False], cells, [False]]).astype(int)))
        runs.append(int((edges[1::2] - edges[::2]).max()))
    assert runs[0] > 40, f"the numbers were chosen to meet, and make a run of {runs[0]}: the test proves nothing"
    assert runs[1] < 12, f"accounts make a run of {runs[1]} cells"


def test_one_account_takes_a_small_part_of_the_pages_however_far_apart_its_prices() -> None:
    limits = Limits()
    count = limits.max_account_orders
    prices = scattered(count, HIGHEST)
    at = np.arange(count)
    waiting = at % 3 == 0
    made = orders(count, FIRST, 10 + at, SELL, prices)
    made["order_type"][waiting], made["mask"][waiting] = OrderType.TAKE_PROFIT, HAS_QTY | HAS_STOP_PRICE
    made["stop_price_ticks"][waiting] = prices[waiting]
    engine = Engine(limits)
    engine.run(begun(made))
    head = engine.header()
    assert head["order_count"] == head["level_count"] == count
    assert head["node_count"] * 8 < limits.max_nodes, f"{head['node_count']} pages for {count} orders"


def test_levels_run_out_before_pages_do() -> None:
    limits = replace(Limits(), max_account_orders=1 << 18)
    engine = Engine(limits)
    per_level = []
    for count in (1_000, 20_000):
        first = engine.header()["order_count"]
        ids = 10 + first + np.arange(count)
        engine.run(orders(count, FIRST, ids, SELL, scattered(count, HIGHEST)) if first else
                   begun(orders(count, FIRST, ids, SELL, scattered(count, HIGHEST))))  # fmt: skip
        per_level.append(engine.header()["node_count"] / engine.header()["level_count"])
    assert per_level[1] < per_level[0], "the more prices there are, the fewer pages each needs"
    assert per_level[0] * limits.max_levels <= limits.max_nodes


def test_a_fok_is_filled_whole_or_not_at_all_though_its_slices_are_more_than_a_command_may_trade() -> None:
    limits = replace(Limits(), max_events=64)
    mask = HAS_PRICE | HAS_QTY | HAS_DISPLAY
    bergs = orders(2, FIRST, [10, 11], SELL, MIDDLE, 1_000, mask=mask, display_lots=1)
    asked = [
        orders(1, TAKER, 20 + qty, BUY, MIDDLE, qty, tif=Tif.FOK)
        for qty in (1, 2, 3, 40, 50, 57, 58, 59, 60, 61, 62, 500)
    ]
    engine = Engine(limits)
    engine.run(begun(bergs))
    filled = []
    for command in asked:
        events = engine.run(command)
        qty = int(command["qty_lots"][0])
        if events[0]["type"] == EventType.REJECTED:
            assert events[0]["reason"] == Reason.FOK_UNFILLED and len(events) == 1
            continue
        traded = int(events["qty_lots"][events["type"] == EventType.TRADE].sum())
        assert traded == qty and not np.any(events["type"] == EventType.CANCELLED), f"{traded} of {qty} lots"
        filled.append(qty)
    assert max(filled) >= 57, f"filled: {filled}"
    assert 500 not in filled
    check_everything(engine)


def test_a_walk_goes_no_further_than_one_command_could_trade() -> None:
    limits = replace(Limits(), max_events=64)
    engine = Engine(limits)
    engine.run(begun(orders(500, FIRST, 10 + np.arange(500), SELL, MIDDLE + np.arange(500))))
    events = engine.run(markets(1, TAKER, 20, BUY, 500))
    trades = events[events["type"] == EventType.TRADE]
    assert events[-1]["reason"] == Reason.TOO_MANY_FILLS and len(events) <= limits.max_events
    frozen = -int(events[0]["released"])
    assert frozen == sum(MIDDLE + at for at in range(limits.max_events)), "what could not be traded is frozen for"
    assert len(trades) > limits.max_events - 6
    check_everything(engine)


# --- full pools ------------------------------------------------------------------------------------------------------


def refused(engine: Engine, command: np.ndarray) -> None:
    """It is refused for want of room, and nothing else has changed."""
    before = picture(engine)
    events = engine.run(command)
    assert [(int(e["type"]), int(e["reason"])) for e in events] == [(EventType.REJECTED, Reason.BOOK_FULL)], events
    assert picture(engine) == before, "a refusal for want of room has disturbed something"
    check_everything(engine)


def accepted(engine: Engine, command: np.ndarray) -> None:
    """It is not refused."""
    events = engine.run(command)
    assert events[0]["type"] != EventType.REJECTED, events[0]
    check_everything(engine)


def picture(engine: Engine) -> tuple[object, ...]:
    """Orders, levels, balances, listings, pools: all but the sequence and the client ids that were used."""
    head = engine.header()
    pools = {name: value for name, value in head.items() if name.endswith(("_count", "_free", "_next"))}
    books = [engine.orders(symbol).tobytes() for symbol in range(head["instrument_count"])]
    waiting = [engine.waiting(symbol).tobytes() for symbol in range(head["instrument_count"])]
    cells = engine.state.view("accounts", ACCOUNT, head["account_mask"] + 1)
    return pools, books, waiting, engine.balances()[0].tobytes(), cells["open_orders"].tobytes()


def test_a_full_pool_of_orders_refuses_and_takes_again_when_one_is_gone() -> None:
    engine = Engine(Limits(max_orders=8))
    engine.run(begun(orders(7, FIRST, 10 + np.arange(7), SELL, MIDDLE)))
    refused(engine, orders(1, VICTIM, 10, SELL, MIDDLE))
    refused(engine, markets(1, VICTIM, 11, BUY, 1))  # a taker needs a slot too
    accepted(engine, cancels(FIRST, 100, np.array([12])))
    accepted(engine, orders(1, VICTIM, 12, SELL, MIDDLE))


def test_full_levels_refuse_even_at_a_price_that_is_there_and_the_book_can_still_be_traded_away() -> None:
    engine = Engine(Limits(max_levels=6))
    engine.run(begun(orders(5, FIRST, 10 + np.arange(5), SELL, MIDDLE + np.arange(5))))
    refused(engine, orders(1, VICTIM, 10, SELL, MIDDLE + 9))
    refused(engine, orders(1, VICTIM, 11, SELL, MIDDLE))
    accepted(engine, markets(1, VICTIM, 12, BUY, 1))
    accepted(engine, orders(1, VICTIM, 13, SELL, MIDDLE + 9))


def test_full_pages_refuse_what_would_rest_and_nothing_that_trades_at_once() -> None:
    engine = Engine(Limits(max_nodes=64))
    engine.run(begun())
    ids, prices = 10 + np.arange(64), scattered(64, HIGHEST)
    placed = orders(64, FIRST, ids, SELL, prices)
    answers_ = engine.run(placed)
    taken = answers_[answers_["type"] == EventType.ACCEPTED]
    assert 3 <= len(taken) < 64 and engine.header()["node_count"] <= 63
    refused(engine, orders(1, VICTIM, 10, SELL, HIGHEST))
    accepted(engine, markets(1, VICTIM, 11, BUY, 1))
    engine.run(commands(1, Op.MASS_CANCEL, FIRST, 1_000, symbol=0xFFFFFFFF))
    assert engine.header()["node_count"] == 0
    accepted(engine, orders(1, VICTIM, 12, SELL, HIGHEST))


def test_an_account_at_its_cap_is_refused_and_others_are_not() -> None:
    engine = Engine(Limits(max_account_orders=4))
    engine.run(begun(orders(4, FIRST, 10 + np.arange(4), SELL, MIDDLE)))
    refused(engine, orders(1, FIRST, 20, SELL, MIDDLE))
    accepted(engine, markets(1, FIRST, 21, BUY, 1))  # it rests nowhere
    engine.run(orders(1, FIRST, 22, SELL, MIDDLE))
    accepted(engine, orders(1, VICTIM, 10, SELL, MIDDLE))


def test_a_symbol_full_of_trailing_stops_refuses_the_next_and_takes_other_orders() -> None:
    engine = Engine(Limits(max_symbol_trailing=3))
    terms = {"order_type": OrderType.TRAILING_STOP, "mask": HAS_QTY | HAS_STOP_PRICE | HAS_TRAIL, "stop_price_ticks": 5}
    engine.run(begun(orders(3, FIRST, 10 + np.arange(3), SELL, 7, **terms)))
    refused(engine, orders(1, VICTIM, 10, SELL, 7, **terms))
    accepted(engine, orders(1, VICTIM, 11, SELL, MIDDLE))


def test_one_account_cannot_take_all_of_a_symbols_trailing_stops() -> None:
    engine = Engine(Limits(max_symbol_trailing=5, max_account_trailing=2))
    terms = {"order_type": OrderType.TRAILING_STOP, "mask": HAS_QTY | HAS_STOP_PRICE | HAS_TRAIL, "stop_price_ticks": 5}
    engine.run(begun(orders(2, FIRST, 10 + np.arange(2), SELL, 7, **terms)))
    refused(engine, orders(1, FIRST, 20, SELL, 7, **terms))
    accepted(engine, orders(1, VICTIM, 10, SELL, 7, **terms))
    accepted(engine, cancels(FIRST, 21, np.array([10])))
    accepted(engine, orders(1, FIRST, 22, SELL, 7, **terms))


def test_a_full_table_of_accounts_or_balances_refuses_deposits_that_begin_one() -> None:
    engine = Engine(Limits(max_accounts=8, max_balances=64))
    engine.run(np.concatenate([listing(), deposits(10 + np.arange(8))]))
    refused(engine, deposits(50, assets=(QUOTE,)))
    accepted(engine, deposits(10, first_id=5, assets=(QUOTE,)))
    engine = Engine(Limits(max_balances=16, max_orders=64))
    engine.run(np.concatenate([listing(), deposits(10 + np.arange(8))]))
    accepted(engine, orders(1, 10, 10, SELL, MIDDLE))  # it has both balances already
    refused(engine, deposits(20, assets=(QUOTE,)))
    accepted(engine, commands(1, Op.WITHDRAW, 10, 11, symbol=QUOTE, qty_lots=1))


def test_orders_that_were_let_in_begin_their_balances_though_the_table_is_full_by_then() -> None:
    engine = Engine(Limits(max_balances=17, max_orders=64))
    sellers = 100 + np.arange(14)
    engine.run(np.concatenate([listing(), deposits(1), deposits(sellers, assets=(BASE,))]))
    answer = engine.run(orders(14, sellers, 10, SELL, MIDDLE))
    assert answer["type"].tolist() == [EventType.ACCEPTED] * 14 and engine.header()["balance_count"] == 16
    accepted(engine, deposits(200, assets=(BASE,)))
    refused(engine, orders(1, 200, 10, SELL, MIDDLE))  # it may come to begin one
    accepted(engine, markets(1, 1, 10, BUY, 14))  # the buyer has both; each seller's quote is begun
    assert engine.header()["balance_count"] == 17 + 14
    accepted(engine, orders(1, 100, 20, SELL, MIDDLE))


def test_full_listings_refuse_more() -> None:
    engine = Engine(Limits(max_assets=2, max_instruments=1))
    engine.run(listing())
    more = listing(3)
    asset, instrument = more[2:3].copy(), more[-1:].copy()
    refused(engine, asset)
    instrument.view(np.uint8)[24] = ord("X")  # first letter of another name
    refused(engine, instrument)
