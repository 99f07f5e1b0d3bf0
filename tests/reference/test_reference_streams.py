"""The reference keeps its own books straight on random streams."""

from collections import Counter

import pytest

from tests.reference.engine import ReferenceEngine
from tests.reference.features import ALL, some
from tests.reference.limits import FEW_EVENTS, ROOMY, TIGHT, TableLimits
from tests.reference.run_case import answer
from tests.reference.shrink import shrink
from tests.reference.stream import CommandStream, instruments

SOME_FEATURES = [pytest.param(frozenset(), id="limit and market"), pytest.param(ALL, id="everything")]
OLD_WORDS = {
    "accepted", "trade", "amended", "amended self_trade", "busted", "deposited", "withdrawn", "suspended",
    "unsuspended", "halted", "resumed", "mass_cancelled", "listed", "time", "rejected duplicate_client_id",
    "rejected unknown_account", "rejected unknown_symbol", "rejected unknown_order", "rejected account_suspended",
    "rejected symbol_halted", "rejected malformed", "rejected price_off_tick", "rejected qty_off_lot",
    "rejected price_out_of_band", "rejected qty_out_of_range", "rejected notional_too_small",
    "rejected supply_exceeded", "rejected would_cross", "rejected fok_unfilled", "rejected insufficient_funds",
    "cancelled user", "cancelled ioc_remainder", "cancelled market_remainder", "cancelled self_trade",
    "cancelled mass_cancel", "cancelled risk",
}  # fmt: skip
NEW_WORDS = {
    "triggered", "rejected min_qty_unfilled", "cancelled expired", "cancelled oco", "amended trailed", "state",
    "uncrossed", "changed", "delisted", "rejected group_refused", "cancelled delisted", "cancelled disconnect",
    "rejected state_forbids", "cancelled volatility", "halted volatility",
}  # fmt: skip


def run_checked(seed: int, count: int, features: frozenset[str], limits: TableLimits = ROOMY) -> Counter[str]:
    """Run a stream, validating after every command; how often each event (with its reason) was seen."""
    engine, source = ReferenceEngine(instruments(features), limits), CommandStream(seed, features)
    expected_seq, kinds = engine.seq, Counter[str]()
    for number in range(count):
        command = source.next()
        events = answer(engine, command)
        source.saw(events)
        assert events, f"seed {seed}, command {number}: no event answers {command}"
        for event in events:
            expected_seq += 1
            assert event["seq"] == expected_seq
            kinds[f"{event['type']} {event.get('reason', '')}".strip()] += 1
        try:
            engine.validate()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, command {number}: {command}: {error}") from error
    return kinds


@pytest.mark.parametrize("seed", range(4))
def test_money_and_books_agree_after_every_random_command(seed: int) -> None:
    run_checked(seed, 1500, frozenset())


@pytest.mark.parametrize("seed", range(9))
def test_money_and_books_agree_whatever_features_meet(seed: int) -> None:
    run_checked(seed, 1500, some(seed))


@pytest.mark.parametrize("limits", [TIGHT, FEW_EVENTS], ids=["tight", "few events"])
@pytest.mark.parametrize("seed", range(10, 13))
def test_money_and_books_agree_where_little_fits(seed: int, limits: TableLimits) -> None:
    run_checked(seed, 1500, some(seed), limits)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 140))
def test_money_and_books_agree_on_long_streams(seed: int) -> None:
    run_checked(seed, 20_000, some(seed), (ROOMY, TIGHT, FEW_EVENTS)[seed % 4 % 3])


@pytest.mark.parametrize(
    ("features", "expected"), [(frozenset(), OLD_WORDS), (ALL, OLD_WORDS | NEW_WORDS)], ids=["limit and market", "all"]
)
def test_the_stream_reaches_every_kind_of_event_and_reason(features: frozenset[str], expected: set[str]) -> None:
    kinds = run_checked(1, 6000, features)
    print(kinds)
    assert expected - set(kinds) == set()


@pytest.mark.parametrize("features", SOME_FEATURES)
def test_the_same_seed_gives_the_same_events(features: frozenset[str]) -> None:
    runs = []
    for _ in range(2):
        engine, source = ReferenceEngine(instruments(features)), CommandStream(5, features)
        seen = []
        for _ in range(300):
            seen.append(answer(engine, source.next()))
            source.saw(seen[-1])
        runs.append(seen)
    assert runs[0] == runs[1]


def test_shrinking_keeps_only_what_makes_it_fail() -> None:
    assert shrink(list(range(100)), lambda kept: 17 in kept and 80 in kept) == [17, 80]
