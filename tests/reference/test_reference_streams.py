"""The reference keeps its own books straight on random streams."""

from collections import Counter

import pytest

from tests.reference.engine import ReferenceEngine
from tests.reference.shrink import shrink
from tests.reference.stream import INSTRUMENTS, CommandStream


@pytest.mark.parametrize("seed", range(4))
def test_money_and_books_agree_after_every_random_command(seed: int) -> None:
    engine, source = ReferenceEngine(INSTRUMENTS), CommandStream(seed)
    expected_seq = engine.seq
    for number in range(1500):
        command = source.next()
        events = engine.run(command)
        source.saw(events)
        assert events, f"seed {seed}, command {number}: no event answers {command}"
        for event in events:
            expected_seq += 1
            assert event["seq"] == expected_seq
        try:
            engine.validate()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, command {number}: {command}: {error}") from error


def test_the_stream_reaches_every_kind_of_event_and_reason() -> None:
    engine, source = ReferenceEngine(INSTRUMENTS), CommandStream(1)
    kinds: Counter[str] = Counter()
    for _ in range(6000):
        events = engine.run(source.next())
        source.saw(events)
        kinds.update(f"{event['type']} {event.get('reason', '')}".strip() for event in events)
    print(kinds)
    expected = {
        "accepted", "trade", "amended", "amended self_trade", "busted", "deposited", "withdrawn", "suspended",
        "unsuspended", "halted", "resumed", "mass_cancelled", "listed", "time", "rejected duplicate_client_id",
        "rejected unknown_account", "rejected unknown_symbol", "rejected unknown_order", "rejected account_suspended",
        "rejected symbol_halted", "rejected malformed", "rejected price_off_tick", "rejected qty_off_lot",
        "rejected price_out_of_band", "rejected qty_out_of_range", "rejected notional_too_small",
        "rejected supply_exceeded", "rejected would_cross", "rejected fok_unfilled", "rejected insufficient_funds",
        "cancelled user", "cancelled ioc_remainder", "cancelled market_remainder", "cancelled self_trade",
        "cancelled mass_cancel", "cancelled risk",
    }  # fmt: skip
    assert expected - set(kinds) == set()


def test_the_same_seed_gives_the_same_events() -> None:
    runs = []
    for _ in range(2):
        engine, source = ReferenceEngine(INSTRUMENTS), CommandStream(5)
        seen = []
        for _ in range(300):
            seen.append(engine.run(source.next()))
            source.saw(seen[-1])
        runs.append(seen)
    assert runs[0] == runs[1]


def test_shrinking_keeps_only_what_makes_it_fail() -> None:
    assert shrink(list(range(100)), lambda kept: 17 in kept and 80 in kept) == [17, 80]
