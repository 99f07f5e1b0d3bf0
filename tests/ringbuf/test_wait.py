"""Every strategy sees news, times out, and none sleeps through a wake."""

import multiprocessing
import time

import numpy as np
import pytest

from ringbuf.codes import FLAG_LAST
from ringbuf.records import EVENT
from ringbuf.ring import Ring, RingReader
from ringbuf.shm import unlink
from ringbuf.wait import STRATEGIES, Waiter

ROUNDS = 300
SECOND_NS = 1_000_000_000


def one_event(seq: int) -> np.ndarray:
    event = np.zeros(1, dtype=EVENT)
    event["seq"] = seq
    event["flags"] = FLAG_LAST
    return event


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_waiting_for_what_is_there_returns_at_once(segment_name, strategy):
    ring = Ring.create(segment_name, 64, "event", 1, "memory")
    ring.append(one_event(1))
    assert Waiter(strategy, ring).wait(0, 60 * SECOND_NS)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_waiting_in_vain_ends(segment_name, strategy):
    ring = Ring.create(segment_name, 64, "event", 1, "memory")
    assert not Waiter(strategy, ring).wait(0, 1_000_000)
    assert not Waiter(strategy, ring).wait(0, 0)


def echo(name: str, strategy: str) -> None:
    """Answer each event of `name` by one in `name`-back."""
    there = Ring.attach(name, "event")
    back = Ring.attach(f"{name}-back", "event")
    reader, waiter = RingReader(there, there.cursor("echo", sequence=0)), Waiter(strategy, there)
    for seq in range(1, ROUNDS + 1):
        while not waiter.wait(reader.position, 10 * SECOND_NS):
            pass
        reader.poll(1)
        back.append(one_event(seq))
        back.wake()


@pytest.mark.parametrize("strategy", ["yield", "sleep", "futex"])
def test_two_processes_wake_each_other_every_time(segment_name, strategy):
    # A lost wake shows as a wait that lasts to its time-out; a stray one only ends a wait early.
    there = Ring.create(segment_name, 64, "event", 1, "memory")
    back = Ring.create(f"{segment_name}-back", 64, "event", 1, "memory")
    other = multiprocessing.get_context("fork").Process(target=echo, args=(segment_name, strategy))
    other.start()
    try:
        waiter = Waiter(strategy, back)
        for seq in range(1, ROUNDS + 1):
            there.append(one_event(seq))
            there.wake()
            deadline = time.monotonic_ns() + 10 * SECOND_NS
            while not waiter.wait(seq - 1, 10 * SECOND_NS):
                assert time.monotonic_ns() < deadline, f"round {seq} was slept through"
        other.join()
        assert other.exitcode == 0
    finally:
        other.kill()
        back.segment.close()
        unlink(f"{segment_name}-back")


def test_the_journals_word_wakes_those_who_wait_for_it(segment_name):
    ring = Ring.create(segment_name, 64, "event", 1, "journal")
    ring.append(one_event(1))
    assert Waiter("futex", ring, ahead=True).wait(0, SECOND_NS)
    assert not Waiter("futex", ring).wait(0, 1_000_000)
    ring.set_durable(1)
    assert Waiter("futex", ring).wait(0, SECOND_NS)


def test_an_unknown_strategy_is_refused_with_the_known_ones(segment_name):
    ring = Ring.create(segment_name, 64, "event", 1, "memory")
    with pytest.raises(ValueError, match="spin, yield, sleep, futex"):
        Waiter("block", ring)
