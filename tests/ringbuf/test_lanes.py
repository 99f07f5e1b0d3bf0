"""Command lanes: who owns them, what fits, what the engine sees."""

import multiprocessing
import time

import numpy as np
import pytest

from ringbuf.atomics import copy_bytes
from ringbuf.codes import CMD_GROUP
from ringbuf.jit import kernel
from ringbuf.lanes import Lanes, lane_consumed, lane_produced, lane_release, lane_slot
from ringbuf.records import COMMAND
from ringbuf.ring import SegmentBusy, SegmentError

SECOND_NS = 1_000_000_000


@kernel
def take(addr, lane, to):
    """Consume all of a lane's commands into the array at `to`; how many."""
    first = lane_consumed(addr, lane)
    produced = lane_produced(addr, lane)
    for index in range(first, produced):
        copy_bytes(to + (index - first) * 128, lane_slot(addr, lane, index), 128)
    lane_release(addr, lane, produced)
    return produced - first


def commands(first: int, count: int) -> np.ndarray:
    batch = np.zeros(count, dtype=COMMAND)
    batch["client_id"] = np.arange(first, first + count)
    return batch


def taken(lanes: Lanes, lane: int) -> np.ndarray:
    room = np.zeros(lanes.capacity, dtype=COMMAND)
    return room[: take(lanes.address, lane, room.ctypes.data)]


def test_commands_arrive_in_order_with_lane_and_time(segment_name):
    lanes = Lanes.create(segment_name, 4, 64)
    lanes.producer("entry")
    producer = Lanes.attach(segment_name).producer("strategy")
    batch = commands(10, 3)
    batch["session"] = [1, 2, 0xFF000003]
    batch["ingress_ns"] = [5, 0, 5]
    before = time.time_ns()
    assert producer.send(batch) == 3
    got = taken(lanes, producer.lane)
    assert got["client_id"].tolist() == [10, 11, 12]
    assert got["session"].tolist() == [producer.session(n) for n in (1, 2, 3)] == [1 << 24 | n for n in (1, 2, 3)]
    assert got["ingress_ns"][0] == 5 and before <= got["ingress_ns"][1] <= time.time_ns()
    assert batch["ingress_ns"][1] == 0


def test_only_what_fits_is_taken(segment_name):
    lanes = Lanes.create(segment_name, 2, 64)
    producer = lanes.producer("entry")
    assert producer.send(commands(0, 60)) == 60
    assert producer.send(commands(60, 10)) == 4
    assert producer.send(commands(64, 1)) == 0
    assert taken(lanes, 0)["client_id"].tolist() == list(range(64))
    assert producer.send(commands(64, 64)) == 64
    assert taken(lanes, 0)["client_id"].tolist() == list(range(64, 128))
    assert (producer.produced, producer.consumed) == (128, 128)


def test_fixed_names_keep_their_lanes_and_bases(segment_name):
    lanes = Lanes.create(segment_name, 3, 64, names=("entry", "risk"), bases=np.array([7, 8, 9]))
    assert lanes.producer("other").lane == 2
    risk = lanes.producer("risk")
    assert (risk.lane, risk.base) == (1, 8)


def test_a_lane_has_one_live_owner(segment_name):
    lanes = Lanes.create(segment_name, 2, 64)
    producer = lanes.producer("entry")
    with pytest.raises(SegmentBusy, match="lane entry"):
        lanes.producer("entry")
    producer.close()
    with pytest.raises(SegmentError, match="closed"):
        producer.send(commands(0, 1))
    assert lanes.producer("entry").lane == producer.lane


def send_and_die(name: str, lane_name: str, count: int) -> None:
    Lanes.attach(name).producer(lane_name).send(commands(0, count))


def in_child(*arguments) -> None:
    child = multiprocessing.get_context("fork").Process(target=send_and_die, args=arguments)
    child.start()
    child.join()
    assert child.exitcode == 0


def test_the_same_name_gets_a_dead_owners_lane_and_goes_on(segment_name):
    lanes = Lanes.create(segment_name, 2, 64)
    in_child(segment_name, "strategy", 5)
    producer = lanes.producer("strategy")
    assert (producer.lane, producer.produced) == (0, 5)
    producer.send(commands(5, 1))
    assert taken(lanes, 0)["client_id"].tolist() == [0, 1, 2, 3, 4, 5]


def test_another_name_gets_a_dead_owners_lane_only_once_it_is_empty(segment_name):
    lanes = Lanes.create(segment_name, 2, 64, names=("entry",))
    in_child(segment_name, "strategy", 5)
    with pytest.raises(SegmentError, match="free one of 2"):
        lanes.producer("other")
    taken(lanes, 1)
    other = lanes.producer("other")
    assert other.lane == 1
    other.send(commands(90, 2))
    assert taken(lanes, 1)["client_id"].tolist() == [90, 91]


def test_the_engine_sleeps_until_a_command_comes(segment_name):
    lanes = Lanes.create(segment_name, 3, 64)
    seen = np.zeros(3, dtype=np.int64)
    assert lanes.wait(seen, 1_000_000) == -1
    lanes.producer("a")
    child = multiprocessing.get_context("fork").Process(target=send_and_die, args=(segment_name, "b", 1))
    child.start()
    assert lanes.wait(seen, 60 * SECOND_NS) == 1
    child.join()


def produce(name: str, lane_name: str, count: int) -> None:
    producer = Lanes.attach(name).producer(lane_name)
    sent = 0
    while sent < count:
        sent += producer.send(commands(sent, min(37, count - sent)))


def test_two_busy_producers_lose_and_mix_nothing(segment_name):
    lanes = Lanes.create(segment_name, 2, 64)
    total = 20_000
    context = multiprocessing.get_context("fork")
    others = [context.Process(target=produce, args=(segment_name, name, total)) for name in ("a", "b")]
    for other in others:
        other.start()
    seen = np.zeros(2, dtype=np.int64)
    while seen.sum() < 2 * total:
        lanes.wait(seen, SECOND_NS)
        for lane in range(2):
            got = taken(lanes, lane)
            assert np.array_equal(got["client_id"], np.arange(seen[lane], seen[lane] + len(got)))
            assert (got["session"] >> 24 == lane).all()
            seen[lane] += len(got)
    for other in others:
        other.join()
        assert other.exitcode == 0


@pytest.mark.parametrize(
    ("lanes", "capacity", "names", "field"),
    [(0, 64, (), "lanes"), (257, 64, (), "lanes"), (2, 100, (), "capacity"), (1, 64, ("a", "b"), "names")],
)
def test_bad_settings_are_refused_by_name(segment_name, lanes, capacity, names, field):
    with pytest.raises(SegmentError, match=field):
        Lanes.create(segment_name, lanes, capacity, names=names)


def test_a_session_beyond_24_bits_is_refused(segment_name):
    with pytest.raises(SegmentError, match="session"):
        Lanes.create(segment_name, 1, 64).producer("a").session(1 << 24)


def test_of_a_group_all_go_in_or_none(segment_name):
    lanes = Lanes.create(segment_name, 2, 64)
    producer = lanes.producer("entry")
    batch = commands(0, 70)
    batch["flags"][60:69] = CMD_GROUP  # 60 … 69 are one group
    assert producer.send(batch) == 60
    assert producer.send(batch[60:]) == 0
    assert taken(lanes, 0)["client_id"].tolist() == list(range(60))
    assert producer.send(batch[60:]) == 10
    got = taken(lanes, 0)
    assert got["client_id"].tolist() == list(range(60, 70))
    assert (got["flags"] == [CMD_GROUP] * 9 + [0]).all()
