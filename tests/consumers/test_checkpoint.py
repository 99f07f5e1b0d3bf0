"""Checkpoints: a fold taken up anywhere goes on exactly as one that read all of history; kills change nothing."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.settings import RiskSettings, Settings, SnapshotSettings
from consumers.checkpoint import CHECKPOINT, Checkpoints, needs_after, put_checkpoint, read_checkpoint, take_up
from consumers.journal.format import journal_folder
from consumers.journal.listings import listings_among
from consumers.journal.reader import JournalReader
from consumers.journal.writer import JournalWriter
from consumers.marketdata.fold import MarketFold
from consumers.marketdata.memory import pack
from consumers.marketdata.process import main as marketdata_main
from consumers.risk.process import Counters
from consumers.risk.process import main as risk_main
from consumers.risk.queries import alerts
from consumers.store import Store, StoreView
from ringbuf.cuts import cut_places
from tests.consumers.engine_flow import reference_history
from tests.consumers.journal_files import EPOCH, make_events, write_journal
from tests.consumers.pipeline_parts import Place, cursor_of, fork, kill, publish, ring_in, start_journal, stop, until

LIMITED = RiskSettings(max_order_lots=5, max_open_orders=3, max_orders_per_s=2, cancel_ratio_orders=20)


def written(data: Path, events: np.ndarray, blocks: int = 4) -> None:
    writer = JournalWriter(data, EPOCH, "journal", blocks)
    writer.append(events)
    writer.close()


def market_fold(events: np.ndarray) -> MarketFold:
    return MarketFold(EPOCH, lambda symbol, seq: int(events["ts_ns"][seq - 1]))


def market_bytes(fold: MarketFold) -> bytes:
    return b"".join(fold.pack())


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_market_data_taken_up_at_random_places_is_byte_for_byte_a_fold_from_the_beginning(
    seed: int, tmp_path: Path
) -> None:
    events = reference_history(seed, 700, tmp_path)
    ends = cut_places(events).tolist()
    rng = random.Random(seed)
    whole = market_fold(events)
    begun = fold = market_fold(events)
    fold._tables.record["height_mix"] = whole._tables.record["height_mix"]  # the one secret in it
    at = 0
    for end in sorted(rng.sample(ends, 12)) + [len(events)]:
        if end == at:
            continue
        whole.apply(events[at:end])
        fold.apply(events[at:end])
        assert fold.take().tobytes() == whole.take().tobytes(), f"seed {seed}: records up to {end}"
        assert market_bytes(fold) == market_bytes(whole), f"seed {seed}: tables at {end}"
        packed = market_bytes(fold)
        fold = market_fold(events)
        fold.unpack(packed)
        assert market_bytes(fold) == packed
        at = end
    assert begun is not fold
    assert pack(fold._tables)


@pytest.mark.parametrize("seed", [21, 22])
def test_risk_taken_up_at_random_places_alerts_as_a_fold_from_the_beginning(seed: int, tmp_path: Path) -> None:
    events = reference_history(seed, 700, tmp_path)
    rng = random.Random(seed)
    whole, counters = Counters(LIMITED), Counters(LIMITED)
    at = 0
    for end in sorted(rng.sample(cut_places(events).tolist(), 12)) + [len(events)]:
        if end == at:
            continue
        whole.risk.apply(events[at:end])
        counters.risk.apply(events[at:end])
        assert counters.risk.alerts == whole.risk.alerts, f"seed {seed}: alerts up to {end}"
        assert b"".join(counters.pack()) == b"".join(whole.pack()), f"seed {seed}: counters at {end}"
        whole.risk.take()
        packed = b"".join(counters.pack())
        counters = Counters(RiskSettings())
        counters.unpack(packed)
        assert counters.risk.limits == LIMITED
        at = end


class Sum:
    """The least that can be kept."""

    def __init__(self, layout: int = 1) -> None:
        self.layout = layout
        self.total = 0
        self.folded = 0

    def pack(self) -> list[bytes]:
        return [self.total.to_bytes(8, "little"), bytes(1 << 19)]

    def unpack(self, packed: bytes) -> None:
        self.total = int.from_bytes(packed[:8], "little")

    def fold(self, events: np.ndarray) -> None:
        self.total += int(events["qty_lots"].sum())
        self.folded += len(events)


def put(store: Store, sequence: int, memory: Sum) -> Callable[[Any], None]:
    return lambda txn: put_checkpoint(txn, store, sequence, memory)


def test_only_what_came_after_the_checkpoint_is_read(tmp_path: Path) -> None:
    events = write_journal(tmp_path, 3000)
    with Store(tmp_path / "stores" / "sum", EPOCH, (CHECKPOINT,)) as store:
        first = Sum()
        first.fold(events[:1200])
        store.commit(1200, put(store, 1200, first))
        store.commit(2100)
        later = Sum()
        assert take_up(store, tmp_path, later) == 1200
        assert (later.folded, later.total) == (900, int(events["qty_lots"][:2100].sum()))
    assert needs_after_of(tmp_path) == 1200
    with Store(tmp_path / "stores" / "sum", EPOCH, (CHECKPOINT,)) as store:
        Checkpoints(1000, 1200).keep(store, later)
        again = Sum()
        assert take_up(store, tmp_path, again) == 2100 and again.folded == 0 and again.total == later.total


def needs_after_of(data: Path) -> int:
    with StoreView(data / "stores" / "sum") as view:
        return needs_after(view)


def test_one_of_another_layout_or_damaged_is_passed_over(tmp_path: Path) -> None:
    events = write_journal(tmp_path, 900)
    with Store(tmp_path / "stores" / "sum", EPOCH, (CHECKPOINT,)) as store:
        memory = Sum()
        memory.fold(events)
        store.commit(900, put(store, 900, memory))
        other = Sum(layout=2)
        assert take_up(store, tmp_path, other) == 0
        assert other.total == memory.total and other.folded == 900

        def spoil(txn: Any) -> None:
            txn.put(bytes(7) + b"\x01", b"x", db=store.db(CHECKPOINT))

        store.commit(900, spoil)
        with store.read() as txn:
            assert read_checkpoint(txn, store, 1) is None
        plain = Sum()
        assert take_up(store, tmp_path, plain) == 0 and plain.total == memory.total


def test_a_commit_that_fails_leaves_the_checkpoint_before_it(tmp_path: Path) -> None:
    write_journal(tmp_path, 900)
    with Store(tmp_path / "stores" / "sum", EPOCH, (CHECKPOINT,)) as store:
        memory = Sum()
        memory.total = 5
        store.commit(300, put(store, 300, memory))

        def dies(txn: Any) -> None:
            memory.total = 6
            put_checkpoint(txn, store, 600, memory)
            raise KeyError("between checkpoint and commit")

        with pytest.raises(KeyError):
            store.commit(600, dies)
        with store.read() as txn:
            found = read_checkpoint(txn, store, 1)
        assert found is not None and found[0] == 300 and found[1][:1] == b"\x05"
        assert store.sequence == 300


def test_a_checkpoint_survives_a_full_map(tmp_path: Path) -> None:
    write_journal(tmp_path, 900)
    with Store(tmp_path / "stores" / "sum", EPOCH, (CHECKPOINT,), map_size=1 << 18) as store:
        memory = Sum()
        memory.total = 7
        store.commit(900, put(store, 900, memory))
        assert take_up(store, tmp_path, found := Sum()) == 900 and found.total == 7


@pytest.mark.parametrize("seed", [31, 32])
def test_both_consumers_killed_again_and_again_hold_what_an_undisturbed_run_holds(seed: int, tmp_path: Path) -> None:
    events = reference_history(seed, 500, tmp_path)
    rng = random.Random(seed)
    calm = stores_after(tmp_path / "calm", events, [], rng)
    killed = stores_after(tmp_path / "killed", events, sorted(rng.sample(cut_places(events).tolist(), 5)), rng)
    assert killed == calm, f"seed {seed}"


def stores_after(data: Path, events: np.ndarray, kills: list[int], rng: random.Random) -> tuple[Any, ...]:
    """Every row of the market data's feed and books, and the alerts, after a run with kills at these places."""
    settings = replace(Settings(), snapshots=SnapshotSettings(events=150), risk=LIMITED)
    with ring_in(data, capacity=8192) as (ring, bare):
        place = Place(bare.name, data, settings=settings)
        journal = start_journal(place)
        mains: dict[str, Callable[[Any], int]] = {"marketdata": marketdata_main, "risk": risk_main}
        running = {name: start(main, place) for name, main in mains.items()}
        at = 0
        for end in [*kills, len(events)]:
            publish(ring, events[at:end], max(end - at, 1))
            if end < len(events):
                name = rng.choice(list(mains))
                kill(running[name])
                running[name] = start(mains[name], place)
            at = end
        for name in mains:
            until(lambda name=name: cursor_of(ring, name) == len(events), f"{name} at the end")  # type: ignore[misc]
        assert [stop(pid) for pid in running.values()] == [0, 0]
        assert stop(journal) == 0
    return market_rows(data), alerts(data, 10**6)["alerts"]


def start(main: Callable[[Any], int], place: Place) -> int:
    return fork(lambda: main(place))


def market_rows(data: Path) -> dict[str, list[bytes]]:
    found = {}
    with StoreView(data / "stores" / "marketdata") as view:
        tables = {name: view.db(name) for name in ("levels", "candles", "tickers", "status", "auctions")}
        with view.snapshot() as txn:
            for name, db in tables.items():
                with txn.cursor(db=db) as cursor:
                    found[name] = [bytes(key) + bytes(value) for key, value in cursor]
        assert needs_after(view) == view.sequence, "a clean end leaves a checkpoint"
    return found


def listing_history(count: int) -> np.ndarray:
    """Made events with a listing every hundred."""
    from consumers.journal.checks import fill_checksums
    from ringbuf.codes import EventType

    events = make_events(1, count)
    events["type"][::100] = EventType.LISTED_ASSET
    fill_checksums(events)
    return events


def test_listings_are_known_without_reading_the_history(tmp_path: Path) -> None:
    events = listing_history(5000)
    written(tmp_path, events, blocks=2)
    with JournalReader(tmp_path) as reader:
        read: list[int] = []
        plain_read = reader.read
        reader.read = lambda seq, n: read.append(seq) or plain_read(seq, n)  # type: ignore[method-assign, func-returns-value]
        for last in (1, 99, 100, 1022, 1023, 3000, 5000):
            read.clear()
            assert reader.listed(last).tobytes() == listings_among(events[:last]).tobytes()
            assert last - min(read, default=last) < 1022, "no further back than one segment"


def test_missing_or_damaged_listings_are_made_good_from_what_is_before_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    events = listing_history(5000)
    written(tmp_path, events, blocks=2)
    *_, before, newest = sorted(journal_folder(tmp_path).glob("*.listed"))
    newest.unlink()
    content = bytearray(before.read_bytes())
    content[200] ^= 1
    before.write_bytes(content)
    with JournalReader(tmp_path) as reader:
        assert reader.listed().tobytes() == listings_among(events).tobytes()
    assert f"{before.name} passed over: field hash" in caplog.text
    JournalWriter(tmp_path, EPOCH, "journal", 2).close()
    assert newest.exists(), "the writer makes the newest again"


def test_a_journal_that_was_written_on_knows_its_listings_at_every_segment(tmp_path: Path) -> None:
    events = listing_history(4000)
    for a, b in ((0, 699), (699, 702), (702, 2901), (2901, 4000)):
        writer = JournalWriter(tmp_path, EPOCH, "fsync", 2)
        writer.append(events[a:b])
        writer.close()
    with JournalReader(tmp_path) as reader:
        assert reader.listed().tobytes() == listings_among(events).tobytes()
        assert len(list(journal_folder(tmp_path).glob("*.listed"))) == len(reader.segments) - 1
