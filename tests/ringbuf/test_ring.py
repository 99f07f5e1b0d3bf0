"""The ring as one process sees it."""

import multiprocessing
import os

import numpy as np
import pytest

from ringbuf.codes import FLAG_LAST, FLAG_MORE
from ringbuf.cuts import cut_places
from ringbuf.layout import CLAIMED_AT, HEAD, LINE, TIMING
from ringbuf.records import EVENT, MARKET
from ringbuf.ring import Ahead, Lapped, Ring, RingReader, SegmentBusy, SegmentError, SegmentMissing, SegmentStale
from ringbuf.ring_kernels import write_i64


def events(first: int, *lengths: int) -> np.ndarray:
    """Commands of these many events each, numbered from `first`."""
    batch = np.zeros(sum(lengths), dtype=EVENT)
    batch["seq"] = np.arange(first, first + len(batch))
    batch["flags"][np.cumsum(lengths) - 1] = FLAG_LAST
    return batch


def ring_of(name: str, **changes) -> Ring:
    settings = {"capacity": 64, "kind": "event", "epoch": 3, "durability": "memory"} | changes
    return Ring.create(name, **settings)


def in_child(function, *arguments) -> None:
    """Run in a forked process that has exited when this returns."""
    child = multiprocessing.get_context("fork").Process(target=function, args=arguments)
    child.start()
    child.join()
    assert child.exitcode == 0


def test_what_is_appended_is_read_in_order_with_its_times(segment_name):
    ring = ring_of(segment_name)
    reader = RingReader(Ring.attach(segment_name, "event"), timing=True)
    times = np.zeros(3, dtype=TIMING)
    times["match_ns"] = [7, 8, 9]
    assert ring.append(events(1, 1, 2), times) == 3
    batch = reader.poll(100)
    assert batch["seq"].tolist() == [1, 2, 3]
    assert reader.timing["match_ns"].tolist() == [7, 8, 9]
    assert reader.poll(100) is None


def test_reading_goes_on_round_the_end_of_the_ring(segment_name):
    ring = ring_of(segment_name)
    reader = RingReader(ring)
    for first in range(1, 1 + 50 * 7, 50):
        ring.append(events(first, *[5] * 10))
        assert reader.poll(1000)["seq"].tolist() == list(range(first, first + 50))


def test_a_batch_ends_at_a_whole_command(segment_name):
    ring = ring_of(segment_name)
    reader = RingReader(ring)
    ring.append(events(1, 2, 3, 2, 1))
    assert [len(reader.poll(4)) for _ in range(3)] == [2, 3, 3]


def test_a_group_is_never_cut_between_its_commands(segment_name):
    ring = ring_of(segment_name)
    reader = RingReader(ring)
    batch = events(1, 2, 3, 2, 3, 1)
    batch["flags"][[1, 4]] |= FLAG_MORE  # the first three commands are one group
    ring.append(batch)
    assert [len(reader.poll(most)) for most in (8, 3, 1)] == [7, 3, 1]
    assert cut_places(batch).tolist() == [7, 10, 11]


def test_a_command_longer_than_the_batch_comes_whole(segment_name):
    ring = ring_of(segment_name)
    reader = RingReader(ring)
    ring.append(events(1, 1, 13, *[1] * 30))
    assert len(reader.poll(1)) == 1
    batch = reader.poll(2)
    assert len(batch) >= 13
    assert batch["flags"][-1] == FLAG_LAST


def test_a_ring_after_recovery_begins_where_the_journal_ended(segment_name):
    ring = ring_of(segment_name, first_seq=1001)
    assert (ring.published, ring.durable, ring.claimed) == (1000, 1000, 1000)
    cursor = ring.cursor("orders")
    assert cursor.sequence == 1000
    assert ring.append(events(1001, 1)) == 1001
    assert RingReader(ring, cursor).poll(10)["seq"].tolist() == [1001]
    behind = RingReader(ring, ring.cursor("late", sequence=900))
    with pytest.raises(Lapped) as caught:
        behind.poll(10)
    assert caught.value.position == 900
    behind.seek(1000)
    assert behind.poll(10)["seq"].tolist() == [1001]


def test_a_reader_that_finished_more_than_was_published_is_told(segment_name):
    ring = ring_of(segment_name)
    reader = RingReader(ring, ring.cursor("orders", sequence=5))
    with pytest.raises(Ahead, match="at most 0"):
        reader.poll(1)


def test_a_lapped_reader_is_told_and_can_go_on(segment_name):
    ring = ring_of(segment_name)
    reader = RingReader(ring)
    for first in range(1, 121, 40):
        ring.append(events(first, *[1] * 40))
    with pytest.raises(Lapped) as caught:
        reader.poll(10)
    assert caught.value.oldest <= ring.claimed - 64 + 1
    reader.seek(caught.value.oldest)
    assert reader.poll(1)["seq"][0] == caught.value.oldest + 1


def test_a_claim_alone_already_laps_a_reader(segment_name):
    ring = ring_of(segment_name)
    reader = RingReader(ring)
    ring.append(events(1, 1))
    write_i64(ring.address + CLAIMED_AT, 64)
    assert reader.poll(1) is not None
    reader.seek(0)
    write_i64(ring.address + CLAIMED_AT, 65)  # slot of sequence 1
    with pytest.raises(Lapped):
        reader.poll(1)


def test_only_the_durable_part_is_shown_except_to_who_reads_ahead(segment_name):
    ring = ring_of(segment_name, durability="journal")
    ring.append(events(1, 2, 2))
    assert ring.limit == 0
    assert RingReader(ring, ring.cursor("orders")).poll(10) is None
    assert len(RingReader(ring, ring.cursor("journal"), ahead=True).poll(10)) == 4
    ring.set_durable(2)
    assert ring.limit == 2
    assert RingReader(ring, ring.cursor("risk")).poll(10)["seq"].tolist() == [1, 2]


def test_the_gate_bounds_the_writer_and_nobody_else_does(segment_name):
    ring = ring_of(segment_name, gate="journal")
    ring.cursor("slow")
    ring.append(events(1, *[1] * 52))
    assert ring.room == 4
    with pytest.raises(SegmentError, match="room: expected 5, found 4"):
        ring.append(events(53, 5))
    journal = ring.cursor("journal", gates=True)
    journal.set(50)
    assert ring.room == 54
    ring.append(events(53, *[1] * 54))
    assert ring.claimed <= 50 + 64
    assert ring.room == 0


def test_the_gating_reader_is_never_lapped_however_full_the_ring(segment_name):
    ring = ring_of(segment_name, capacity=1024, gate="journal")
    reader = RingReader(ring, ring.cursor("journal", gates=True), ahead=True)
    first = 1
    for _ in range(20):
        batch = events(first, *[1] * ring.room)
        first += len(batch)
        ring.append(batch)
        assert ring.room == 0
        while reader.poll(300) is not None:
            pass
        assert reader.position == first - 1
        reader.cursor.set(reader.position - 100)


def test_a_ring_without_a_gate_always_has_room(segment_name):
    ring = ring_of(segment_name)
    for first in range(1, 1000, 64):
        ring.append(events(first, *[1] * 64))
        assert ring.room == 64


def test_only_one_cursor_gates(segment_name):
    ring = ring_of(segment_name)
    ring.cursor("journal", gates=True)
    with pytest.raises(SegmentBusy, match="gates"):
        ring.cursor("replica", gates=True)


def test_a_cursor_has_one_live_owner_and_keeps_its_place(segment_name):
    ring = ring_of(segment_name)
    ring.append(events(1, *[1] * 9))
    first = ring.cursor("orders")
    first.set(7)
    first.beat()
    with pytest.raises(SegmentBusy, match="cursor orders"):
        ring.cursor("orders")
    first.close()
    first.close()
    assert ring.cursor("orders").sequence == 7


def test_a_dead_owners_cursor_is_taken_over(segment_name):
    ring = ring_of(segment_name)

    def die_owning() -> None:
        Ring.attach(segment_name, "event").cursor("orders").set(4)

    in_child(die_owning)
    (view,) = ring.cursors()
    assert (view.name, view.sequence, view.alive) == ("orders", 4, False)
    cursor = ring.cursor("orders")
    assert cursor.sequence == 4
    assert ring.cursors()[0].pid == os.getpid()


def test_cursors_run_out_with_a_clear_error_and_can_be_forgotten(segment_name):
    ring = ring_of(segment_name)
    for number in range(48):
        ring.cursor(f"c{number}")
    with pytest.raises(SegmentError, match="free one of 48"):
        ring.cursor("one-more")
    with pytest.raises(SegmentBusy):
        ring.forget("c0")
    assert not ring.forget("nobody")


@pytest.mark.parametrize("name", ["", "x" * 33, "ä"])
def test_a_bad_cursor_name_is_refused(segment_name, name):
    with pytest.raises(SegmentError, match="name: expected"):
        ring_of(segment_name).cursor(name)


@pytest.mark.parametrize(
    ("field", "value"),
    [("magic", 1), ("layout_version", 99), ("schema_hash", 5), ("record_size", 64), ("capacity", 65)],
)
def test_a_foreign_segment_is_refused_by_field(segment_name, field, value):
    ring = ring_of(segment_name)
    ring.segment.buffer[:LINE].view(HEAD)[field] = value
    with pytest.raises(SegmentError, match=f"{field}: expected .* found {value}"):
        Ring.attach(segment_name, "event")


@pytest.mark.parametrize(
    ("field", "value"), [("size", 9), ("capacity", 128), ("slots_at", 0), ("timing_at", 1 << 40), ("cursors_at", 5)]
)
def test_a_header_that_points_elsewhere_is_refused(segment_name, field, value):
    ring = ring_of(segment_name)
    ring.segment.buffer[:LINE].view(HEAD)[field] = value
    with pytest.raises(SegmentError, match="expected .* found"):
        Ring.attach(segment_name, "event")


def test_the_wrong_kind_is_refused(segment_name):
    ring_of(segment_name, kind="market")
    with pytest.raises(SegmentError, match="kind: expected 1, found 2"):
        Ring.attach(segment_name, "event")


@pytest.mark.parametrize(
    "changes",
    [{"capacity": 100}, {"capacity": 32}, {"kind": "x"}, {"durability": "x"}, {"first_seq": 0}, {"stale": "x"}],
)
def test_bad_settings_are_refused_by_name(segment_name, changes):
    with pytest.raises(SegmentError, match=next(iter(changes))):
        ring_of(segment_name, **changes)
    with pytest.raises(SegmentMissing):
        Ring.attach(segment_name, "event")


def test_a_second_live_creator_is_refused_whatever_it_chooses(segment_name):
    ring_of(segment_name)
    for stale in ("refuse", "reclaim", "reattach"):
        with pytest.raises(SegmentBusy, match=f"live process {os.getpid()}"):
            ring_of(segment_name, stale=stale)


def leave_a_ring(name: str) -> None:
    ring = ring_of(name)
    ring.append(events(1, 3))
    write_i64(ring.address + CLAIMED_AT, 40)


def test_a_dead_creators_ring_needs_a_choice(segment_name):
    in_child(leave_a_ring, segment_name)
    with pytest.raises(SegmentStale, match="reclaim or reattach"):
        ring_of(segment_name)


def test_reattaching_keeps_events_and_claims(segment_name):
    in_child(leave_a_ring, segment_name)
    seen = Ring.attach(segment_name, "event")
    ring = ring_of(segment_name, stale="reattach")
    assert (ring.published, ring.claimed) == (3, 40)
    assert ring.append(events(4, 1)) == 4
    assert ring.claimed == 40
    assert seen.is_current and seen.creator_alive
    assert RingReader(seen, seen.cursor("x")).poll(9)["seq"].tolist() == [1, 2, 3, 4]


def test_reattaching_another_history_is_refused(segment_name):
    in_child(leave_a_ring, segment_name)
    with pytest.raises(SegmentError, match="epoch: expected 4, found 3"):
        ring_of(segment_name, epoch=4, stale="reattach")
    assert ring_of(segment_name, epoch=4, stale="reclaim").epoch == 4


def test_reclaiming_makes_a_new_segment_that_old_readers_notice(segment_name):
    in_child(leave_a_ring, segment_name)
    seen = Ring.attach(segment_name, "event")
    ring = ring_of(segment_name, stale="reclaim")
    assert ring.published == 0
    assert not seen.is_current
    assert not seen.creator_alive


def test_a_market_ring_does_not_wait_for_the_journal(segment_name):
    ring = ring_of(segment_name, kind="market", durability="journal")
    records = np.zeros(2, dtype=MARKET)
    records["mseq"] = [1, 2]
    ring.append(records)
    assert RingReader(ring, ring.cursor("publisher")).poll(5)["mseq"].tolist() == [1, 2]


def test_records_of_another_kind_are_refused(segment_name):
    with pytest.raises(SegmentError, match="expected event records"):
        ring_of(segment_name).append(np.zeros(1, dtype=MARKET))
