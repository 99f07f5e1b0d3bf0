"""Consumers on the runtime: exactly once whatever is killed when, gap recovery, clean stops, other histories."""

import errno
import os
from pathlib import Path

import numpy as np

from consumers.metrics import passed_at, read_metrics
from consumers.runtime import Pace
from consumers.store import StoreView
from ringbuf.cursor import CursorSource, CursorState
from ringbuf.ring import Ring
from tests.consumers.journal_files import EPOCH, make_events
from tests.consumers.pipeline_parts import (
    DiesBeforeCursor,
    OftenAway,
    Summer,
    cursor_of,
    exit_code,
    fork,
    kill,
    publish,
    ring_in,
    start_consumer,
    start_journal,
    stop,
    until,
)


def sums(data: Path, name: str = "summer") -> tuple[int, int, int]:
    """(sequence, count, total) in the consumer's store."""
    with StoreView(data / "stores" / name) as view:
        handle = view.db("sums")
        with view.snapshot() as txn:
            count, total = np.frombuffer(txn.get(b"sums", db=handle), "<i8").tolist()
            return view.cursor(txn)[1], count, total


def expected(events: np.ndarray) -> tuple[int, int, int]:
    return len(events), len(events), int(events["qty_lots"].sum())


def state_of(ring: Ring) -> CursorState:
    """What the summer says of itself."""
    return next((view.state for view in ring.cursors() if view.name == "summer"), CursorState.CLOSED)


def test_every_event_is_taken_once_and_the_stop_is_clean(tmp_path: Path) -> None:
    events = make_events(1, 30_000)
    with ring_in(tmp_path) as (ring, place):
        journal, quick, bulk = start_journal(place), start_consumer(Summer(), place), 0
        bulk = start_consumer(Summer("bulk", Pace("sleep", 65_536, 4_000_000)), place)
        publish(ring, events)
        assert [stop(quick), stop(bulk), stop(journal)] == [0, 0, 0]
        assert sums(tmp_path) == expected(events)
        assert sums(tmp_path, "bulk") == expected(events)
        states = {view.name: (view.sequence, view.state) for view in ring.cursors()}
        assert states == dict.fromkeys(("journal", "summer", "bulk"), (30000, CursorState.CLOSED))


def test_what_is_away_is_opened_again_and_takes_every_event_once(tmp_path: Path) -> None:
    events = make_events(1, 12_000)
    with ring_in(tmp_path) as (ring, place):
        journal, pid = start_journal(place), start_consumer(OftenAway(), place)
        until(lambda: state_of(ring) == CursorState.AWAY, "it says that it is away")
        publish(ring, events)
        until(lambda: cursor_of(ring, "summer") == len(events), "everything taken")
        assert [stop(pid), stop(journal)] == [0, 0]
        assert sums(tmp_path) == expected(events)


def test_who_is_away_stops_at_once_and_is_asked_again_at_the_next_start(tmp_path: Path) -> None:
    events = make_events(1, 900)
    with ring_in(tmp_path) as (ring, place):
        journal, pid = start_journal(place), start_consumer(OftenAway(tries=1 << 30), place)
        publish(ring, events)
        until(lambda: state_of(ring) == CursorState.AWAY, "it says that it is away")
        assert stop(pid) == 0
        pid = start_consumer(OftenAway(tries=0), place)
        until(lambda: cursor_of(ring, "summer") == len(events), "everything taken")
        assert [stop(pid), stop(journal)] == [0, 0]
        assert sums(tmp_path) == expected(events)


def test_nobody_reads_what_is_not_durable(tmp_path: Path) -> None:
    events = make_events(1, 900)
    with ring_in(tmp_path) as (ring, place):
        consumer = start_consumer(Summer(), place)
        publish(ring, events)
        until(lambda: any(v.name == "summer" and v.state == CursorState.RUNNING for v in ring.cursors()), "running")
        assert cursor_of(ring, "summer") == 0
        journal = start_journal(place)
        until(lambda: cursor_of(ring, "summer") == 900, "consumer at 900")
        assert ring.durable == 900
        assert [stop(consumer), stop(journal)] == [0, 0]


def test_a_consumer_killed_between_commit_and_cursor_takes_nothing_twice(tmp_path: Path) -> None:
    events = make_events(1, 3_000)
    with ring_in(tmp_path) as (ring, place):
        journal = start_journal(place)
        publish(ring, events[:1_500])
        until(lambda: ring.durable == 1_500, "durable")
        assert exit_code(start_consumer(DiesBeforeCursor(), place)) == -9
        assert cursor_of(ring, "summer") == 0
        assert sums(tmp_path)[0] > 0
        consumer = start_consumer(Summer(), place)
        publish(ring, events[1_500:])
        until(lambda: cursor_of(ring, "summer") == 3_000, "consumer at the end")
        assert [stop(consumer), stop(journal)] == [0, 0]
        assert sums(tmp_path) == expected(events)


def test_a_consumer_killed_at_any_moment_takes_nothing_twice(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    events = make_events(1, 60_300)
    with ring_in(tmp_path, capacity=1 << 14) as (ring, place):
        journal = start_journal(place)
        for first in range(0, 60_000, 6_000):
            consumer = start_consumer(Summer(pace=Pace(batch_events=64)), place)
            publish(ring, events[first : first + 6_000])
            goal = first + int(rng.integers(0, 5_000))
            until(lambda goal=goal: cursor_of(ring, "summer") >= goal, f"consumer at {goal}")  # type: ignore[misc]
            kill(consumer)
        consumer = start_consumer(Summer(), place)
        publish(ring, events[60_000:])  # else the one before may have been at the end, and this one not yet begun
        until(lambda: cursor_of(ring, "summer") == 60_300, "consumer at the end")
        assert [stop(consumer), stop(journal)] == [0, 0]
        assert sums(tmp_path) == expected(events)


def test_the_journal_killed_at_any_moment_goes_on_and_nothing_is_lost(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    events = make_events(1, 60_000)
    with ring_in(tmp_path) as (ring, place):
        consumer = start_consumer(Summer(), place)
        for first in range(0, 60_000, 6_000):
            journal = start_journal(place)
            publish(ring, events[first : first + 3_000])
            goal = first + int(rng.integers(0, 3_000))
            until(lambda goal=goal: ring.durable >= goal, f"durable up to {goal}")  # type: ignore[misc]
            kill(journal)
            journal = start_journal(place)
            publish(ring, events[first + 3_000 : first + 6_000])
            kill(journal)
        journal = start_journal(place)
        until(lambda: cursor_of(ring, "summer") == 60_000, "consumer at the end")
        assert [stop(consumer), stop(journal)] == [0, 0]
        assert sums(tmp_path) == expected(events)


def test_a_consumer_that_was_away_too_long_recovers_from_the_journal_and_rejoins(tmp_path: Path) -> None:
    events = make_events(1, 39_500)
    with ring_in(tmp_path, capacity=1024) as (ring, place):
        journal = start_journal(place)
        consumer = start_consumer(Summer(), place)
        publish(ring, events[:600])
        until(lambda: cursor_of(ring, "summer") == 600, "consumer at 600")
        kill(consumer)
        publish(ring, events[600:39_000])
        consumer = start_consumer(Summer(), place)
        until(lambda: cursor_of(ring, "summer") == 39_000, "caught up")
        publish(ring, events[39_000:])  # half a ring: it is not overtaken again
        until(lambda: cursor_of(ring, "summer") == 39_500, "at the end")
        source = next(view.source for view in ring.cursors() if view.name == "summer")
        assert source == CursorSource.RING
        assert [stop(consumer), stop(journal)] == [0, 0]
        assert sums(tmp_path) == expected(events)


def test_a_store_ahead_of_this_history_is_moved_aside_and_built_again(tmp_path: Path) -> None:
    summer = Summer()
    with ring_in(tmp_path) as (ring, place):
        summer.open(place)
        summer.apply(make_events(1, 5_000))
        summer.commit(5_000)
        summer.close()
        journal = start_journal(place)
        publish(ring, make_events(1, 600))
        until(lambda: ring.durable == 600, "durable")
        consumer = start_consumer(Summer(), place)
        until(lambda: cursor_of(ring, "summer") == 600, "built again")
        assert [stop(consumer), stop(journal)] == [0, 0]
    assert sums(tmp_path) == expected(make_events(1, 600))
    assert len(list((tmp_path / "stores").glob("summer.aside-*"))) == 1


def test_a_ring_of_another_epoch_is_refused_by_name(tmp_path: Path, capfd: object) -> None:
    with ring_in(tmp_path) as (_, place):
        other = type(place)(place.name, place.data, EPOCH + 1)
        assert exit_code(start_consumer(Summer(), other)) == 1


def test_an_orphan_drains_and_stops(tmp_path: Path) -> None:
    """The process that started the consumer dies; the consumer commits what there is and ends."""
    events = make_events(1, 3_000)
    with ring_in(tmp_path) as (ring, place):
        journal = start_journal(place)

        def supervisor() -> int:
            start_consumer(Summer(), place)
            until(lambda: cursor_of(ring, "summer") >= 300, "consumer started")
            return 0

        publish(ring, events[:300])
        parent = fork(supervisor)
        assert exit_code(parent) == 0
        publish(ring, events[300:600])
        until(lambda: any(v.name == "summer" and v.state == CursorState.CLOSED for v in ring.cursors()), "stopped")
        assert stop(journal) == 0
        assert sums(tmp_path) == expected(events[:600])


def test_a_commit_that_fails_ends_the_consumer_with_its_reason(tmp_path: Path) -> None:
    class FullDisk(Summer):
        def commit(self, sequence: int) -> None:
            with Path("/dev/full").open("wb", buffering=0) as full:
                full.write(b"x")

    with ring_in(tmp_path) as (ring, place):
        journal = start_journal(place)
        publish(ring, make_events(1, 300))
        log = tmp_path / "log"

        def task() -> int:
            os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT), 2)
            from consumers.runtime import run

            return run(FullDisk(), place)  # type: ignore[arg-type]

        assert exit_code(fork(task)) == errno.ENOSPC
        state = next(view.state for view in ring.cursors() if view.name == "summer")
        assert state == CursorState.FAILED
        assert cursor_of(ring, "summer") == 0
        assert stop(journal) == 0


def test_metrics_and_commit_log_tell_how_far_and_when(tmp_path: Path) -> None:
    with ring_in(tmp_path) as (ring, place):
        journal, consumer = start_journal(place), start_consumer(Summer(), place)
        publish(ring, make_events(1, 3_000))
        until(lambda: cursor_of(ring, "summer") == 3_000, "consumer at the end")
        assert [stop(consumer), stop(journal)] == [0, 0]
        rows = {row.name: row for row in read_metrics(place.name)}
        assert rows["summer"].events == rows["journal"].events == rows["summer"].sequence == 3_000
        passed = passed_at(tmp_path, "summer", 1_000)
        assert passed is not None
        assert passed <= rows["summer"].commit_ns
        assert passed_at(tmp_path, "summer", 3_001) is None
