"""Looking ahead asks for memory and does nothing else, whatever bytes the command is made of."""

import random

import numpy as np
import pytest

from bench.standing import Standing, workload
from engine.core import Engine
from engine.lookahead import STEPS, look, pays
from engine.lookback import look_back
from engine.state import State, state_at
from ringbuf.codes import EventType, Op
from ringbuf.jit import outline
from ringbuf.records import COMMAND, EVENT

MARKET = Standing("small", symbols=3, accounts=50, orders=2_000, commands=2_100)


@outline
def look_at_all(state_address, commands, count):  # type: ignore[no-untyped-def]
    """All steps for each of so many commands."""
    state = state_at(state_address)
    for i in range(count):
        for step in range(STEPS):
            look(state, commands + i * 128, step)


@outline
def look_back_at_all(state_address, events, count):  # type: ignore[no-untyped-def]
    """From each of so many events."""
    state = state_at(state_address)
    for i in range(count):
        look_back(state, events + i * 128, count - i)


@outline
def does_pay(state_address):  # type: ignore[no-untyped-def]
    """`pays` of a state."""
    return pays(state_at(state_address))


@pytest.fixture(scope="module")
def engine() -> Engine:
    made = workload(MARKET)
    engine = Engine(made.limits)
    engine.run(made.setup)
    return engine


def bytes_of(state: State) -> list[bytes]:
    return [state.header.tobytes(), *(table.tobytes() for table in state.tables.values())]


def test_looking_at_real_commands_changes_no_byte_of_the_state(engine: Engine) -> None:
    before = bytes_of(engine.state)
    commands = workload(MARKET).commands
    look_at_all(engine.state.address, commands.ctypes.data, len(commands))
    assert bytes_of(engine.state) == before


def test_any_bytes_can_be_looked_at(engine: Engine) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    draw = np.random.default_rng(seed)
    commands = draw.integers(0, 256, 20_000 * COMMAND.itemsize, np.uint8).view(COMMAND)
    commands["op"][::4] = Op.PLACE
    commands["op"][1::4] = Op.CANCEL
    commands["symbol"][::8] = draw.integers(0, MARKET.symbols + 1, len(commands[::8]))
    commands["side"][::8] = draw.integers(0, 3, len(commands[::8]))
    commands["order_id"][1::8] = draw.integers(0, engine.seq + 10, len(commands[1::8]))
    before = bytes_of(engine.state)
    look_at_all(engine.state.address, commands.ctypes.data, len(commands))
    assert bytes_of(engine.state) == before


def test_any_event_can_be_looked_back_at(engine: Engine) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    draw = np.random.default_rng(seed)
    events = draw.integers(0, 256, 20_000 * EVENT.itemsize, np.uint8).view(EVENT)
    kinds = [EventType.ACCEPTED, EventType.TRADE, EventType.CANCELLED, EventType.AMENDED]
    for at, kind in enumerate(kinds):
        events["type"][at::5] = kind
        events["order_id"][at::10] = events["maker_order_id"][at::10] = draw.integers(
            0, engine.seq + 10, len(events[at::10])
        )
        events["symbol"][at::15] = draw.integers(0, MARKET.symbols + 1, len(events[at::15]))
        events["side"][at::15] = draw.integers(0, 3, len(events[at::15]))
    before = bytes_of(engine.state)
    look_back_at_all(engine.state.address, events.ctypes.data, len(events))
    assert bytes_of(engine.state) == before


def test_a_large_state_folds_its_events_as_a_small_one_does(engine: Engine) -> None:
    """`pays` is asked of the state alone: here it says yes, and the same state comes out."""
    made = workload(MARKET)
    events = Engine(made.limits).run(np.concatenate([made.setup, made.commands]))
    plain, large = Engine(made.limits), Engine(made.limits)
    plain.apply(events)
    large.apply(events[:1000])
    assert not does_pay(large.state.address)
    large.state.record["order_count"] += 200_000
    assert does_pay(large.state.address)
    large.apply(events[1000:])
    large.state.record["order_count"] -= 200_000
    assert large.state_hash() == plain.state_hash()


def test_looking_into_an_empty_engine_is_harmless() -> None:
    engine, commands = Engine(), workload(MARKET).commands
    before = engine.state_hash()
    look_at_all(engine.state.address, commands.ctypes.data, len(commands))
    assert engine.state_hash() == before


def test_it_pays_with_much_state_only(engine: Engine) -> None:
    assert not does_pay(engine.state.address)
    large = State(engine.limits)
    large.record["order_count"] = 200_000
    assert does_pay(large.address)
