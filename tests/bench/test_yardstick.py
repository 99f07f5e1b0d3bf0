"""The public yardstick: workload and canonical text, apart from the engine."""

import hashlib

import numpy as np
import pytest

from bench.yardstick import book, text, workload
from bench.yardstick.workload import CANCEL, MODIFY, NEW, SCENARIOS

pytest.importorskip("numba")


def published_hash_holds(scenario: workload.Scenario) -> None:
    reports = book.replay(workload.make(scenario))
    assert text.digest(reports) == scenario.sha256, scenario.name


def test_a_plain_book_reproduces_the_published_hash_of_one_scenario_at_full_size() -> None:
    published_hash_holds(workload.scenario("normal"))


@pytest.mark.long
@pytest.mark.parametrize("scenario", SCENARIOS, ids=[s.name for s in SCENARIOS])
def test_a_plain_book_reproduces_every_published_hash(scenario: workload.Scenario) -> None:
    published_hash_holds(scenario)


def test_the_same_seed_gives_the_same_messages_and_another_seed_gives_others() -> None:
    chosen = workload.scenario("swing-25")
    first, again = (workload.make(chosen, orders=2_000, seed=7) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, workload.make(chosen, orders=2_000, seed=8)[: len(first)])


def test_every_message_concerns_an_order_that_came_before_it() -> None:
    messages = workload.make(workload.scenario("flash-crash"), orders=5_000, seed=3)
    seen: set[int] = set()
    for message in messages:
        if message["kind"] == NEW:
            assert message["order"] not in seen
            seen.add(int(message["order"]))
        else:
            assert message["kind"] in (MODIFY, CANCEL)
            assert message["order"] in seen
    assert seen == set(range(1, 5_001))


def test_the_text_is_sorted_by_message_then_kind_and_ends_without_a_newline() -> None:
    reports = np.array(
        [
            (text.MODIFY_ACK, 1, 0, 11, 105, 7),
            (text.TRADE, 1, 105, 3, 12, 11),
            (text.ORDER_ACK, 0, 1, 12, 105, 3),
            (text.CANCEL_REJECT, 2, 12, 0, 0, 0),
            (text.CANCEL_ACK, 3, 0, 11, 105, 0),
            (text.MODIFY_REJECT, 4, 11, 0, 0, 0),
        ],
        text.REPORT,
    )
    expected = "0,0,1,12,105,3\n1,1,105,3,12,11\n3,1,0,11,105,7\n4,2,12\n2,3,0,11,105\n5,4,11"
    assert text.text(reports) == expected
    assert text.digest(reports) == hashlib.sha256(expected.encode()).hexdigest()


def test_an_unknown_scenario_is_named_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match="static, normal"):
        workload.scenario("calm")
