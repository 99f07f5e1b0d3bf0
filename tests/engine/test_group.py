"""Groups as records: what is one, what is none, and that nothing ever stands between its members."""

from collections import Counter

import numpy as np
import pytest

from client.python.commands import cancel, group, place
from config.instruments import build_catalog
from config.json_commands import decode_all
from engine.core import Engine
from engine.entry.vetting import disconnect_command
from engine.matching import EVENTS_BEYOND
from engine.state import MAX_LANES, Limits
from ringbuf.codes import (
    CMD_GROUP,
    FLAG_LAST,
    FLAG_MORE,
    GROUP_MAX,
    NO_ACCOUNT,
    EventType,
    Op,
    OrderType,
    Reason,
    Side,
    Stp,
    Tif,
)
from ringbuf.cuts import cut_places
from ringbuf.records import COMMAND
from tests.engine.fast import FastEngine
from tests.reference.features import ALL
from tests.reference.run_case import answer
from tests.reference.stream import INSTRUMENTS, CommandStream, instruments

ACCOUNT, OTHER = 7, 8
LIMITS = Limits(
    max_orders=1024, max_levels=512, max_nodes=4096, max_accounts=16, max_balances=64, max_instruments=8,
    max_assets=8, max_busted=64, max_events=512,
)  # fmt: skip
SYMBOL = 1  # ETH-USD of INSTRUMENTS: no minimum, no maximum
ETH, USD = 2, 0
GROUP = np.uint8(CMD_GROUP)


def funded(limits: Limits = LIMITS) -> Engine:
    """Two accounts with funds; client ids from 10 on are theirs to use."""
    engine = Engine(limits)
    engine.run(build_catalog(INSTRUMENTS).seed_commands())
    for account in (ACCOUNT, OTHER):
        for client_id, asset in enumerate((USD, ETH), 1):
            engine.run(deposit(account, client_id, asset))
    return engine


def deposit(account: int, client_id: int, asset: int) -> np.ndarray:
    command = np.zeros(1, COMMAND)
    command["op"], command["account"], command["client_id"] = Op.DEPOSIT, account, client_id
    command["symbol"], command["qty_lots"] = asset, 10**9
    return command


def buys(number: int, first: int = 10, account: int = ACCOUNT) -> np.ndarray:
    """So many orders that rest, none of a group."""
    made = [place(account, first + n, SYMBOL, Side.BUY, 1, price_ticks=1 + n % 40) for n in range(number)]
    return np.concatenate(made)


def run_of(number: int, ended: bool = True) -> np.ndarray:
    """So many orders of which all (but the last, where it is ended) say that their group goes on."""
    commands = buys(number)
    commands["flags"][: number - 1 if ended else number] |= GROUP
    return commands


def consumed(engine: Engine) -> int:
    """Commands that the history counts of lane 0."""
    return int(engine.state.view("lanes", np.dtype("<i8"), MAX_LANES)[0])


def reasons(events: np.ndarray) -> list[Reason]:
    return [Reason(reason) for reason in events["reason"].tolist()]


def test_each_member_ends_like_a_command_and_all_but_the_last_say_that_there_is_more() -> None:
    engine = funded()
    before = consumed(engine)
    events = engine.run(np.concatenate([group(*[buys(1, 10 + n) for n in range(3)]), buys(1, 20)]))
    assert (events["type"] == EventType.ACCEPTED).all()
    assert (events["flags"] & (FLAG_LAST | FLAG_MORE)).tolist() == [FLAG_LAST | FLAG_MORE] * 2 + [FLAG_LAST] * 2
    assert consumed(engine) - before == 4


def test_refused_members_end_in_the_same_way() -> None:
    engine = funded()
    before = consumed(engine)
    commands = group(*[buys(1, 10 + n) for n in range(3)])
    commands["price_ticks"][1] = 10**9
    events = engine.run(commands)
    assert reasons(events) == [Reason.GROUP_REFUSED, Reason.PRICE_OUT_OF_BAND, Reason.GROUP_REFUSED]
    assert (events["flags"] & (FLAG_LAST | FLAG_MORE)).tolist() == [FLAG_LAST | FLAG_MORE] * 2 + [FLAG_LAST]
    assert consumed(engine) - before == 3


@pytest.mark.parametrize("number", [1, 2, GROUP_MAX])
def test_a_run_that_may_be_a_group_enters(number: int) -> None:
    engine = funded()
    assert (engine.run(run_of(number))["type"] == EventType.ACCEPTED).all()


@pytest.mark.parametrize("number", [17, 18, 32, 33, 63, 64, 65, 80, 81, 82, 97, 98, 129, 300])
@pytest.mark.parametrize("ended", [True, False], ids=["ended", "open"])
def test_a_run_that_is_too_long_is_malformed_to_its_end(number: int, ended: bool) -> None:
    engine = funded()
    events = engine.run(run_of(number, ended))
    assert reasons(events) == [Reason.MALFORMED] * number
    assert events["client_id"].tolist() == list(range(10, 10 + number))
    assert engine.run(buys(1, 10 + number))["type"].tolist() == [EventType.ACCEPTED]


@pytest.mark.parametrize("number", [1, 2, GROUP_MAX])
def test_a_run_that_has_no_end_is_malformed_and_what_comes_later_is_by_itself(number: int) -> None:
    engine = funded()
    assert reasons(engine.run(run_of(number, ended=False))) == [Reason.MALFORMED] * number
    assert engine.run(buys(1, 10 + number))["type"].tolist() == [EventType.ACCEPTED]


def test_a_run_with_something_else_than_places_is_malformed_to_its_end() -> None:
    for op in [*set(range(256)) - {Op.PLACE}]:
        engine = funded()
        commands = np.concatenate([run_of(4), buys(1, 20)])
        commands["op"][2] = op
        events = engine.run(commands)
        assert reasons(events) == [Reason.MALFORMED] * 4 + [Reason.NONE], f"op {op}"


def test_an_id_that_was_used_is_a_duplicate_in_a_malformed_run_too() -> None:
    engine = funded()
    engine.run(buys(1, 11))
    events = engine.run(run_of(3, ended=False))
    assert reasons(events) == [Reason.MALFORMED, Reason.DUPLICATE_CLIENT_ID, Reason.MALFORMED]
    assert events["order_id"][1] > 0


def only_the_second(changed: np.ndarray, reason: Reason = Reason.MALFORMED) -> None:
    """Of these three members the second is refused for this, the others for its sake."""
    assert reasons(funded().run(changed)) == [Reason.GROUP_REFUSED, reason, Reason.GROUP_REFUSED]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account", OTHER), ("account", NO_ACCOUNT), ("ts_ns", 5), ("client_id", -1), ("tif", Tif.IOC), ("tif", 200),
        ("tif", Tif.FOK), ("tif", Tif.GTD), ("side", 2), ("stp", 9), ("order_type", OrderType.MARKET), ("mask", 0),
        ("order_type", OrderType.STOP), ("order_type", 255), ("mask", 255), ("refuse", Reason.MALFORMED),
        ("flags", 255), ("price_ticks", -1), ("qty_lots", 2**63 - 1), ("symbol", 2**32 - 1), ("refuse", 255),
    ],
)  # fmt: skip
def test_a_member_that_may_not_enter_is_refused_by_itself(field: str, value: int) -> None:
    commands = run_of(3)
    commands[field][1] = value
    found = reasons(funded().run(commands))
    assert found[::2] == [Reason.GROUP_REFUSED] * 2 and found[1] not in (Reason.NONE, Reason.GROUP_REFUSED)


def test_a_member_of_another_account_uses_an_id_of_that_account() -> None:
    engine = funded()
    commands = run_of(3)
    commands["account"][1] = OTHER
    events = engine.run(commands)
    assert events["account"].tolist() == [ACCOUNT, OTHER, ACCOUNT]
    assert reasons(events) == [Reason.GROUP_REFUSED, Reason.MALFORMED, Reason.GROUP_REFUSED]
    assert reasons(engine.run(buys(1, 11, OTHER))) == [Reason.DUPLICATE_CLIENT_ID]
    assert reasons(engine.run(buys(1, 11))) == [Reason.NONE]


def test_ids_that_only_members_before_make_old_are_duplicates() -> None:
    commands = run_of(3)
    commands["client_id"] = [100, 35, 36]  # 36 is the oldest that is new once 100 was seen
    only_the_second(commands, Reason.DUPLICATE_CLIENT_ID)


def test_a_whole_group_emits_no_more_than_a_command_may() -> None:
    limits = Limits(**{**LIMITS.__dict__, "max_events": 48})
    engine = funded(limits)
    sells = [place(OTHER, 10 + n, SYMBOL, Side.SELL, 1, price_ticks=30) for n in range(60)]
    engine.run(np.concatenate(sells))
    takers = [place(ACCOUNT, 10 + n, SYMBOL, Side.BUY, 9, price_ticks=30, stp=Stp.NONE) for n in range(GROUP_MAX)]
    events = engine.run(group(*takers))
    seen = Counter(reasons(events))
    assert len(events) <= 48 + EVENTS_BEYOND and seen[Reason.TOO_MANY_FILLS] > 1
    assert np.count_nonzero(events["flags"] & FLAG_LAST) == GROUP_MAX
    assert reasons(engine.run(cancel(OTHER, 100, orig_client_id=69))) == [Reason.USER]


def recorded(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Commands and events of a random stream with many groups."""
    source, engine = CommandStream(seed, ALL), FastEngine(instruments(ALL), LIMITS)
    source.ops["group"] = 40
    commands = [build_catalog(instruments(ALL)).seed_commands()]
    for _ in range(count):
        asked = source.next()
        if isinstance(asked, dict) and asked.get("op") == "disconnect" and type(asked.get("account")) is int:
            commands.append(disconnect_command(asked["account"]))
        else:
            commands.append(decode_all(asked, engine.catalog, engine.trades.get)[0])
        source.saw(answer(engine, asked))
    return np.concatenate(commands), np.concatenate(engine.records)


@pytest.mark.parametrize("seed", range(3))
def test_an_engine_that_recovers_wherever_the_history_may_be_cut_goes_on_as_if_nothing_had_been(seed: int) -> None:
    commands, events = recorded(seed, 250)
    more = events["flags"] & FLAG_MORE != 0
    assert more.sum() > 30 and (events["flags"][more] & FLAG_LAST != 0).all(), f"seed {seed}"
    places = cut_places(events)
    assert places[-1] == len(events) and not more[places - 1].any()
    behind_groups = places[np.searchsorted(places, np.flatnonzero(more), side="right")]
    for place_ in np.unique(behind_groups)[::5].tolist():
        engine = Engine(LIMITS)
        engine.apply(events[:place_])
        rest = engine.run(commands[consumed(engine) :])
        assert (rest == events[place_:]).all(), f"seed {seed}, cut behind event {place_}"
